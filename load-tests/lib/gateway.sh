# The gateway under test: the Silo with Edge in one process, before a private PostgreSQL. Sourced after process.sh and postgres.sh.

silo=$root/artifacts/Embedded/bin/Silo/release/OrleansGateway.Silo

# start_gateway PROVIDER_URL: sets $gateway_pid and $gateway_url.
start_gateway() {
    start_postgres
    gateway_url=http://127.0.0.1:$(free_port)
    operator_url=http://127.0.0.1:$(free_port)
    write_catalog "$1" >"$work/catalog.json"
    export Gateway__Urls=$gateway_url Gateway__OperatorUrls=$operator_url Gateway__Catalog=$work/catalog.json
    Gateway__SigningSecret=$(random_hex) Gateway__OperatorToken=$(random_hex)
    export Gateway__SigningSecret Gateway__OperatorToken Logging__LogLevel__Default=${BENCH_LOG_LEVEL:-Warning}
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
            operator /accounts "{\"id\":\"$account\",\"name\":\"benchmark\"}" &&
                operator "/accounts/$account/moves" '{"kind":"topup","ref":"benchmark","amount_usd":"1000000"}'
        } >>"$work/accounts.log" || die "an account could not be made"
        operator "/accounts/$account/keys" '{"name":"benchmark"}' || die "a key could not be made"
    done | grep -oE 'sk-og-[A-Za-z0-9]+'
}

# operator PATH BODY
operator() {
    curl -sSf "$operator_url/operator$1" -H "authorization: Bearer $Gateway__OperatorToken" -H 'content-type: application/json' -d "$2"
}

write_catalog() {
    cat <<JSON
{
  "providers": [ { "name": "simulated", "kind": "openai", "base_url": "$1/v1" } ],
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
