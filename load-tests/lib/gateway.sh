# The gateway under test: the Silo with Edge in one process, before a private PostgreSQL. Sourced after process.sh and postgres.sh.

silo=$root/artifacts/publish/Silo/release/OrleansGateway.Silo

# start_gateway PROVIDER_URL: sets $gateway_pid and $gateway_url.
start_gateway() {
    start_postgres
    gateway_url=http://127.0.0.1:$(free_port)
    operator_url=http://127.0.0.1:$(free_port)
    write_catalog "$1" >"$work/catalog.json"
    export Gateway__Urls=$gateway_url Gateway__OperatorUrls=$operator_url Gateway__OperatorSocket=$work/operator.sock
    export Gateway__Catalog=$work/catalog.json
    Gateway__SigningSecrets__0=$(random_hex) Gateway__OperatorToken=$(random_hex)
    export Gateway__SigningSecrets__0 Gateway__OperatorToken Logging__LogLevel__Default=${BENCH_LOG_LEVEL:-Warning}
    start gateway "$silo"
    gateway_pid=$pid
    await_http gateway "$operator_url/health/ready"
}

# make_keys COUNT: prints a key of each of COUNT new accounts, credited far beyond what a run can spend.
make_keys() {
    local i account
    for ((i = 1; i <= $1; i++)); do
        account=$(printf 'bench%07d' "$i")
        {
            "$silo" account create benchmark --id "$account" && "$silo" account credit "$account" 1000000 --ref benchmark
        } >>"$work/accounts.log" || die "an account could not be made"
        "$silo" key create "$account" --name benchmark --format json || die "a key could not be made"
    done | grep -oE 'sk-og-[A-Za-z0-9]+'
}

write_catalog() {
    cat <<JSON
{
  "providers": [ { "name": "simulated", "kind": "openai", "base_url": "$1/v1", "unknown_fields": "pass" } ],
  "channels": [ { "name": "simulated", "provider": "simulated", "key_env": null, "models": ["sim-1"] } ],
  "models": [
    {
      "id": "sim-1", "owned_by": "simulated", "created": "2026-01-01", "context_window": 128000, "max_output_tokens": 16384,
      "prices": [ { "from": "2026-01-01T00:00:00Z", "per_million": { "input": 2.50, "cached_input": 1.25, "output": 10 } } ]
    }
  ]
}
JSON
}

random_hex() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }
