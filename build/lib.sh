# shellcheck shell=bash
# What ./run and ./test share: messages, the build, and PostgreSQL's programs.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
artifacts=$root/artifacts/${GrainEngine:-Embedded}/bin

buildpid=

# No build server outlives the script.
export MSBUILDDISABLENODEREUSE=1 DOTNET_CLI_USE_MSBUILD_SERVER=0 DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1

say() { printf '==> %s\n' "$*"; }
fail() { printf 'error: %s\n' "$*" >&2; exit 1; }

# build PROJECT…: builds each, Release; shows the compiler's output only if it fails.
build() {
    local project log
    command -v dotnet >/dev/null || fail "the .NET 10 SDK is not installed: https://dotnet.microsoft.com/download"
    log=$(mktemp)
    for project; do
        say "Building $project"
        # In the background, since a trap runs only between commands, or during wait.
        (cd "$root" && exec dotnet build "$project" -c Release -v quiet -p:UseSharedCompilation=false -clp:NoSummary >"$log" 2>&1) &
        buildpid=$!
        if ! wait "$buildpid"; then
            cat "$log" >&2
            rm -f "$log"
            fail "the build of $project failed"
        fi
    done
    buildpid=
    rm -f "$log"
}

# find_postgres [MAJOR]: sets $pgbin to the folder of the newest installed server, or of that major version's.
find_postgres() {
    local dir
    while read -r dir; do
        if [[ -x $dir/initdb && -x $dir/postgres && -x $dir/pg_isready ]] &&
            { [[ -z ${1-} ]] || "$dir/postgres" --version | grep -Eq "\) $1(\.|[^0-9]|$)"; }; then
            pgbin=$dir
            return 0
        fi
    done < <(printf '%s\n' /usr/lib/postgresql/*/bin | sort -rV
        dir=$(command -v postgres) && dirname "$(readlink -f "$dir")")
    return 1
}

# ensure_postgres [MAJOR]: finds PostgreSQL, or installs Debian's, without a cluster of its own, if there is none.
ensure_postgres() {
    local as_root=()
    find_postgres "$@" && return
    find_postgres && fail "the data was made by PostgreSQL $1, but only $("$pgbin/postgres" --version) is installed"
    command -v apt-get >/dev/null || fail "PostgreSQL is not installed, and there is no apt-get to install it with"
    if ((EUID != 0)); then
        sudo -n true 2>/dev/null ||
            fail "PostgreSQL is not installed; run: sudo apt-get install postgresql, or set ConnectionStrings__Ledger"
        as_root=(sudo -n)
    fi
    as_root+=(env DEBIAN_FRONTEND=noninteractive)
    say "Installing Debian's postgresql (no cluster of its own is made or started)"
    "${as_root[@]}" apt-get update -q </dev/null
    "${as_root[@]}" apt-get install -qy --no-install-recommends postgresql-common </dev/null
    "${as_root[@]}" sed -i -E 's/^#?create_main_cluster *=.*/create_main_cluster = false/' /etc/postgresql-common/createcluster.conf
    "${as_root[@]}" apt-get install -qy --no-install-recommends postgresql </dev/null
    find_postgres || fail "apt-get has installed postgresql, but its server is not in /usr/lib/postgresql"
}
