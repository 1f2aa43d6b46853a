# shellcheck shell=bash
# A private PostgreSQL of this clone: a Unix socket only, data in $data/postgres, messages in $pglog.
# Never runs as root: for root, everything is the postgres user's own, in a folder whose name ends with $pgsuffix.

pgsuffix=${pgsuffix-}
postgres_identity=()
if ((EUID == 0)); then
    postgres_identity=(--reuid postgres --regid postgres --init-groups --reset-env)
fi

# postgres_folder: where the data is. Root's is outside the clone, which the postgres user may not be able to enter.
postgres_folder() {
    if ((EUID == 0)); then
        local name
        name=$(printf '%s' "${root#/}" | tr -c 'A-Za-z0-9' '-' | tail -c 40)
        printf '/var/lib/postgresql/orleansgateway-%s-%s' "$name" "$(printf '%s' "$root" | sha256sum | head -c 8)$pgsuffix"
    else
        printf '%s/postgres' "$data"
    fi
}

# socket_folder: beside the data if the path is short enough for a socket's (107 bytes), else under /tmp.
socket_folder() {
    local dir=$1/socket
    if ((${#dir} > 80)); then
        dir=/tmp/orleansgateway-$EUID-$(printf '%s' "$root" | sha256sum | head -c 12)$pgsuffix
    fi
    printf '%s' "$dir"
}

# stop_orphan: ends a server that an earlier, killed run has left on our data, and removes its stale pid files: a server
# takes a zombie, or another process that has got the id since, for the one that they name.
stop_orphan() {
    local pid file=$pgdata/postmaster.pid
    [[ -f $file ]] && read -r pid <"$file" || return 0
    if [[ -r /proc/$pid/cmdline ]] && tr '\0' ' ' <"/proc/$pid/cmdline" | grep -qF -- "-D $pgdata "; then
        say "Stopping the PostgreSQL that an earlier run has left"
        kill -INT "$pid"
        while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
    fi
    rm -f "$file" "$pgsocket"/.s.PGSQL.*.lock
}

# locate_postgres: finds the server and the folders of its data; sets $pgdata and $pgsocket.
locate_postgres() {
    local folder version=
    folder=$(postgres_folder)
    pgdata=$folder/data
    pgsocket=$(socket_folder "$folder")
    [[ -f $pgdata/PG_VERSION ]] && version=$(<"$pgdata/PG_VERSION")
    # shellcheck disable=SC2086  # no version, no argument
    ensure_postgres $version
    if ((EUID == 0)); then
        id postgres >/dev/null 2>&1 || fail "PostgreSQL does not run as root, and there is no user named postgres"
        install -d -m 700 -o postgres -g postgres "$folder" "$pgsocket"
    else
        mkdir -p -m 700 "$folder" "$pgsocket"
        [[ -O $pgsocket ]] || fail "$pgsocket belongs to somebody else"
    fi
    stop_orphan
}

# prepare_postgres [SERVER-OPTION…]: makes the data unless it is there; sets $postgres_command.
prepare_postgres() {
    local folder=${pgdata%/*}
    if [[ ! -f $pgdata/PG_VERSION ]]; then
        say "Making a PostgreSQL instance in $folder"
        rm -rf "$pgdata.new"
        (cd / && setpriv "${postgres_identity[@]}" "$pgbin/initdb" -D "$pgdata.new" -U gateway --auth=trust --encoding=UTF8 --no-locale >"$pglog" 2>&1) ||
            fail "initdb failed, see $pglog"
        mv "$pgdata.new" "$pgdata"
    fi
    say "Starting PostgreSQL ($("$pgbin/postgres" --version | awk '{print $3}')) in $folder"
    postgres_command=("$pgbin/postgres" -D "$pgdata" -c listen_addresses=
        -c unix_socket_directories="$pgsocket" -c unix_socket_permissions=0700 "$@")
}

# await_postgres PID: waits until it takes connections.
await_postgres() {
    until "$pgbin/pg_isready" -q -h "$pgsocket" -U gateway -d postgres; do
        kill -0 "$1" 2>/dev/null || fail "PostgreSQL did not start, see $pglog"
        sleep 0.1
    done
}
