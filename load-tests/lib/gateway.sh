# The gateway under test: the Silo with Edge in one process, before a private PostgreSQL. Sourced after process.sh and postgres.sh.

silo=$root/artifacts/Embedded/bin/Silo/release/OrleansGateway.Silo

# start_gateway PROVIDER_URL: sets $gateway_pid and $gateway_url.
start_gateway() {
    local operator_url
    start_postgres
    gateway_url=http://127.0.0.1:$(free_port)
    operator_url=http://127.0.0.1:$(free_port)
    write_catalog "$1" >"$work/catalog.json"
    export SIMULATED_PROVIDER_KEY=sk-simulated
    export Gateway__Urls=$gateway_url Gateway__OperatorUrls=$operator_url Gateway__Catalog=$work/catalog.json
    Gateway__SigningSecret=$(random_hex) Gateway__OperatorToken=$(random_hex)
    export Gateway__SigningSecret Gateway__OperatorToken
    start gateway "$silo"
    gateway_pid=$pid
    await_http gateway "$operator_url/health/ready"
}

# make_keys COUNT: prints a key of each of COUNT new accounts, credited far beyond what a run can spend.
make_keys() {
    local i
    for ((i = 1; i <= $1; i++)); do
        "$silo" account create "bench-$i" --credit 1000000 >>"$work/accounts.log" || die "account create failed"
        "$silo" key create "bench-$i" || die "key create failed"
    done | grep -oE 'sk-og-[A-Za-z0-9-]+'
}

write_catalog() {
    cat <<JSON
{
  "providers": [ { "id": "simulated", "protocol": "openai", "baseUrl": "$1/v1", "keyVariable": "SIMULATED_PROVIDER_KEY" } ],
  "models": [
    {
      "id": "sim-1",
      "channels": [ { "provider": "simulated", "model": "sim-1" } ],
      "prices": [ { "id": "sim-1/1", "from": "2026-01-01T00:00:00Z", "input": "2.50", "cachedInput": "1.25", "output": "10.00" } ]
    }
  ]
}
JSON
}

random_hex() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }
