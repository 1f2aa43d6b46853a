# shellcheck shell=bash
# What the scripts share: messages, the build, programs that Debian has, processes in the background, ports.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
artifacts=$root/artifacts/bin
programs=$root/artifacts/publish

buildpid=

# No build server outlives the script.
export MSBUILDDISABLENODEREUSE=1 DOTNET_CLI_USE_MSBUILD_SERVER=0 DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1

say() { printf '==> %s\n' "$*"; }
fail() { printf 'error: %s\n' "$*" >&2; exit 1; }

# is_built STAMP: whether nothing that a build reads, a folder's list of files included, is newer than the last one.
is_built() {
    [[ -f $1 && -z $(find "$root"/{src,tests,load-tests,build,OrleansGateway.sln,global.json,.editorconfig} "$root"/Directory.* \
        -newer "$1" -print -quit) ]]
}

# build PROJECT…: builds each, Release, unless that is done; shows the compiler's output only if it fails.
build() {
    local project log stamp
    command -v dotnet >/dev/null || fail "the .NET 10 SDK is not installed: https://dotnet.microsoft.com/download"
    log=$(mktemp)
    for project; do
        stamp=$artifacts/built-${project//\//-}
        [[ $project == *.sln || -f $programs/${project##*/}/release/OrleansGateway.${project##*/}.dll ]] && is_built "$stamp" && continue
        mkdir -p "$artifacts" && touch "$stamp.new"
        say "Building $project"
        # In the background, since a trap runs only between commands, or during wait.
        (cd "$root" && exec dotnet build "$project" -c Release -v quiet -p:UseSharedCompilation=false -clp:NoSummary >"$log" 2>&1) &
        buildpid=$!
        if ! wait "$buildpid"; then
            cat "$log" >&2
            rm -f "$log"
            fail "the build of $project failed"
        fi
        mv "$stamp.new" "$stamp"
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

# need_apt PROGRAM PACKAGE [INSTEAD]: sets $apt, which runs a command that installs, and $by_hand, what a person can run. Fails with what to
# do if nothing can be installed here.
need_apt() {
    command -v apt-get >/dev/null || fail "$1 is not installed, and there is no apt-get to install it with"
    apt=() by_hand="apt-get install $2${3-}"
    if ((EUID != 0)); then
        by_hand="sudo $by_hand"
        sudo -n true 2>/dev/null || fail "$1 is not installed; run: $by_hand"
        apt=(sudo -n)
    fi
    apt+=(env DEBIAN_FRONTEND=noninteractive)
}

# ensure_postgres [MAJOR]: finds PostgreSQL, or installs Debian's, without a cluster of its own, if there is none.
ensure_postgres() {
    local apt by_hand
    find_postgres "$@" && return
    find_postgres && fail "the data was made by PostgreSQL $1, but only $("$pgbin/postgres" --version) is installed"
    need_apt PostgreSQL postgresql ", or set ConnectionStrings__Ledger"
    say "Installing Debian's postgresql (no cluster of its own is made or started)"
    "${apt[@]}" apt-get update -q </dev/null
    "${apt[@]}" apt-get install -qy --no-install-recommends postgresql-common </dev/null &&
        "${apt[@]}" sed -i -E 's/^#?create_main_cluster *=.*/create_main_cluster = false/' /etc/postgresql-common/createcluster.conf &&
        "${apt[@]}" apt-get install -qy --no-install-recommends postgresql </dev/null
    find_postgres || fail "PostgreSQL's server could not be installed (apt-get's messages are above); run: $by_hand"
}

# ensure_program PROGRAM PACKAGE: installs Debian's package if the program is missing; its service is neither started nor enabled.
ensure_program() {
    local apt by_hand policy=/usr/sbin/policy-rc.d
    command -v "$1" >/dev/null && return
    need_apt "$1" "$2"
    say "Installing Debian's $2 (its service is not started)"
    # Debian asks this file whether a service may be started while its package is installed.
    # shellcheck disable=SC2016  # for the inner shell
    "${apt[@]}" sh -c 'policy=$1 package=$2
        if [ ! -e "$policy" ]; then
            trap "exit 1" INT TERM HUP
            trap "rm -f $policy" EXIT
            printf "#!/bin/sh\nexit 101\n" >"$policy" && chmod 755 "$policy"
        fi
        apt-get update -q
        apt-get install -qy --no-install-recommends "$package"
        systemctl disable --quiet "$package.service" 2>/dev/null' sh "$policy" "$2" </dev/null
    hash -r
    command -v "$1" >/dev/null || fail "$1 could not be installed (apt-get's messages are above); run: $by_hand"
}

# ensure_packages FOLDER: installs what it takes from npm, beside the tests' programs; a Node.js that is too old for it gets a newer one.
ensure_packages() {
    local folder=$artifacts/${1##*/}/release
    ensure_program node nodejs
    ensure_program npm npm
    mkdir -p "$folder"
    cp -r "$root/$1/." "$folder"
    cmp -s "$folder/package-lock.json" "$folder/installed" && return
    say "Installing the packages of $1"
    (cd "$folder" && npm ci --no-progress --loglevel=error </dev/null) || fail "npm could not install the packages of $1"
    if (($(node -p 'process.versions.node.split(".")[0]') < 20)); then
        (cd "$folder" && npm install --no-save --no-progress --loglevel=error node@22 </dev/null) || fail "npm could not install a newer Node.js"
    fi
    cp "$folder/package-lock.json" "$folder/installed"
}

# ensure_icu: installs Debian's ICU, which .NET takes languages from, if there is none.
ensure_icu() {
    local apt by_hand package
    { ldconfig -p || /sbin/ldconfig -p; } 2>/dev/null | grep -q libicuuc && return
    need_apt ICU libicu-dev
    say "Installing Debian's ICU"
    "${apt[@]}" apt-get update -q </dev/null
    package=$(apt-cache search --names-only '^libicu[0-9]+$' | sort -V | tail -n 1 | cut -d' ' -f1)
    "${apt[@]}" apt-get install -qy --no-install-recommends "${package:-libicu-dev}" </dev/null || fail "ICU could not be installed; run: $by_hand"
}

# background FOLDER [SETPRIV-OPTIONS] -- COMMAND…: in a session of its own, so that Ctrl-C reaches only the script, which
# stops things in order. $background_options go to setpriv too. Does not hold the lock of the script.
background_options=()
background() {
    local folder=$1
    shift
    (cd "$folder" && exec setsid setpriv "${background_options[@]}" "$@" </dev/null {lock}>&-) &
}

port_is_free() { ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# free_port WANTED TAKEN…: the wanted port of 127.0.0.1, or another that is free and not taken.
free_port() {
    local port=$1 taken
    shift
    taken=" $* "
    until [[ $taken != *" $port "* ]] && port_is_free "$port"; do port=$((20000 + RANDOM % 12000)); done
    printf '%s' "$port"
}

# answers URL: whether a GET on it is answered with 200.
answers() {
    local line address=${1#http://}
    address=${address/\/\/localhost/127.0.0.1}
    local host=${address%%/*}
    exec 3<>"/dev/tcp/${host%:*}/${host##*:}" || return 1
    printf 'GET /%s HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n' "${address#*/}" >&3
    read -r -t 5 line <&3
    exec 3>&-
    [[ $line == *' 200 '* ]]
} 2>/dev/null

# await WHAT URL PID [LOG]: waits until the URL answers; gives up when the process, a child of this script, has ended.
await() {
    local tries=0 code
    until answers "$2"; do
        if ! kill -0 "$3" 2>/dev/null; then
            wait "$3"
            code=$?
            [[ -n ${4-} ]] && tail -n 20 "$4" >&2
            fail "$1 has ended with code $code${4:+; its log: $4}"
        fi
        ((++tries % 50 == 0)) && say "Waiting for $1"
        sleep 0.1
    done
}
