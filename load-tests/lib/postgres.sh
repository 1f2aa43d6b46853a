# A private PostgreSQL for a run, durable as in production. Sourced after process.sh.

# start_postgres: sets $postgres_pid and $ConnectionStrings__Ledger.
start_postgres() {
    local bin data as=()
    bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
    [ -n "$bin" ] || bin=$(dirname "$(command -v postgres || die "PostgreSQL's binaries are missing (apt install postgresql)")")

    # Not in /tmp, which may be memory: commits shall reach a disk. The server refuses to run as root.
    data=$(mktemp -d /var/tmp/benchmark-postgres.XXXXXX)
    folders+=("$data")
    if [ "$(id -u)" = 0 ]; then
        chown postgres: "$data"
        as=(setpriv --reuid=postgres --regid=postgres --init-groups)
    fi
    (cd "$data" && "${as[@]}" "$bin/initdb" -D "$data/db" -U gateway -A trust -E UTF8 --no-locale >"$work/initdb.log" 2>&1) ||
        { cat "$work/initdb.log" >&2; die "initdb failed"; }
    # setpriv becomes the server, so the id that start notes is the server's.
    start postgres "${as[@]}" "$bin/postgres" -D "$data/db" -k "$data" -c listen_addresses= -c max_connections=200
    postgres_pid=$pid
    await_line postgres 'ready to accept connections'
    export ConnectionStrings__Ledger="Host=$data;Username=gateway;Database=postgres"
}
