# shellcheck shell=bash
# What ./run and ./cluster share: a gateway's settings in $settings, one a file, its provider, and its first account.

provider_keys=(OPENAI_API_KEY ANTHROPIC_API_KEY GEMINI_API_KEY DEEPSEEK_API_KEY ZHIPU_API_KEY DASHSCOPE_API_KEY)
first_account=FirstAccount

# keep NAME VALUE: a setting that the script decides, for the gateway and the command line, unless the environment has it.
keep() {
    if [[ -z ${!1-} ]]; then
        printf '%s' "$2" >"$settings/$1"
    else
        rm -f "$settings/$1"
    fi
}

secret() { head -c 32 /dev/urandom | base64 | tr -d '\n'; }
setting() { [[ -n ${!1-} ]] && printf '%s' "${!1}" || cat "$settings/$1"; }

keep_secrets() {
    [[ -s $settings/Gateway__SigningSecrets__0 ]] || keep Gateway__SigningSecrets__0 "$(secret)"
    [[ -s $settings/Gateway__EncryptionSecrets__0 ]] || keep Gateway__EncryptionSecrets__0 "$(secret)"
    [[ -s $settings/Gateway__OperatorToken ]] || keep Gateway__OperatorToken "$(secret)"
}

# wants_simulated: whether neither a catalog nor a provider's key is set, so that a simulated provider has to serve.
wants_simulated() {
    local key
    [[ -z ${Gateway__Catalog-} ]] || return 1
    for key in "${provider_keys[@]}"; do [[ -z ${!key-} ]] || return 1; done
}

# keep_catalog SIMULATED: the catalog of the simulated provider, or the example.
keep_catalog() { keep Gateway__Catalog "$root/src/Silo/catalog.$([[ -n $1 ]] && echo simulated || echo example).json"; }

gateway_cli() { dotnet "$programs/Silo/release/OrleansGateway.Silo.dll" "$@"; }

# make_first_account: an account and a key, if there is no account yet. It has an id of its own, so that an interrupted
# creation is completed by the next start.
make_first_account() {
    local accounts
    accounts=$(gateway_cli account list --limit 2 --format csv) || fail "accounts cannot be listed"
    accounts=$(tail -n +2 <<<"$accounts" | tr -d "\r")
    if [[ -z $accounts ]] || [[ $accounts == "$first_account,"* && $accounts != *$'\n'* && ! -s $data/first-key && -z $(gateway_cli key list $first_account --format csv) ]]; then
        say "Creating a first account with 10 USD and a key (kept in ${data#"$root/"}/first-key, mode 600, so that later runs can show it)"
        gateway_cli account create "First account" --id $first_account >/dev/null &&
            gateway_cli account credit $first_account 10 --ref first-credit >/dev/null &&
            gateway_cli key create $first_account --name "First key" --format json | sed -nE 's/^ *"key": "(.*)",?$/\1/p' >"$data/first-key" ||
            fail "the first account could not be created"
    fi
}

# print_owner_link: who opens it first, signed in, owns the first account; a new link each time, until somebody does.
print_owner_link() {
    local link
    link=$(gateway_cli account owner-link $first_account --format json 2>/dev/null | sed -nE 's/^ *"url": "(.*)",?$/\1/p')
    [[ -z $link ]] || printf 'The first account is yours in the console: register at the site, sign in, and open this link (good once):\n\n%s\n\n' "$link"
}

# first_model: a model that is served.
first_model() { gateway_cli catalog models --format csv | sed -n 2p | cut -d, -f1; }

# print_first_request URL MODEL: a request that works when pasted, if the first key is known.
print_first_request() {
    [[ -s $data/first-key ]] || return 0
    cat <<END

Try it:

curl -N $1/v1/chat/completions -H 'content-type: application/json' -H "authorization: Bearer $(<"$data/first-key")" -d '{"model":"$2","stream":true,"messages":[{"role":"user","content":"Hello"}]}'

END
}
