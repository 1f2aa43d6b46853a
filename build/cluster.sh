# shellcheck shell=bash
# What a cluster on one machine consists of: each process's settings, and how it is started and stopped.

# Sessions of the private PostgreSQL: a silo takes up to 39 (20 for the ledger, 10 for reports, 8 for
# changes, one for the database lock), a web up to 42, the command line up to 10.
cluster_sessions_max=500

# stop_seconds: how long a silo or an edge may take to stop: its requests' time, settlements, the handing over of its grains.
stop_seconds() { printf '%s' "$((${Gateway__StopSeconds:-30} + 30))"; }

# names [KIND]: the processes that have a folder, in the order in which they stop.
names() {
    local dir kinds=(haproxy web edge silo provider redis postgres)
    (($# == 0)) || kinds=("$@")
    for dir in "${kinds[@]}"; do
        find "$data" -maxdepth 1 -type d \( -name "$dir" -o -name "$dir-*" \) -printf '%f\n' | sort -V
    done
}

# new_name KIND: silo-4, after silo-3.
new_name() {
    local last
    last=$(names "$1" | tail -n 1)
    printf '%s-%s' "$1" "$((${last##*-} + 1))"
}

# value NAME VARIABLE: what the environment of a process says.
value() { sed -n "s/^$2=//p" "$data/$1/environment"; }

ports_taken() { sed -nE 's/^.*[:=]([0-9]+)$/\1/p' "$data"/*/environment 2>/dev/null; }

# port_of NAME VARIABLE WANTED: the port that the process had, or else the wanted one; another if it is not free.
port_of() {
    local had=
    [[ -f $data/$1/environment ]] && had=$(value "$1" "$2") had=${had##*:}
    # A process's own port is no obstacle to itself.
    # shellcheck disable=SC2046  # one argument a port
    free_port "${had:-$3}" $(ports_taken | grep -vxF -e "${had:-none}")
}

# set_value NAME VARIABLE VALUE: in the process's environment file.
set_value() {
    mkdir -p "$data/$1"
    [[ -f $data/$1/environment ]] && sed -i "/^$2=/d" "$data/$1/environment"
    printf '%s=%s\n' "$2" "$3" >>"$data/$1/environment"
}

program() { printf '%s' "$programs/$1/release/OrleansGateway.$1.dll"; }

# launch_silo NAME, launch_edge NAME and launch_web NAME start the process, but do not wait until it is ready.
launch_silo() {
    local number=${1##*-}
    set_value "$1" Cluster__Address 127.0.0.1
    set_value "$1" Cluster__SiloPort "$(port_of "$1" Cluster__SiloPort $((11110 + number)))"
    set_value "$1" Cluster__EdgePort "$(port_of "$1" Cluster__EdgePort $((29999 + number)))"
    set_value "$1" Gateway__OperatorUrls "http://127.0.0.1:$(port_of "$1" Gateway__OperatorUrls $((8200 + number)))"
    set_value "$1" Gateway__OperatorSocket "$data/$1/operator.sock"
    set_value "$1" Gateway__Urls ""
    start_process "$1" OrleansGateway.Silo.dll "$root" -- dotnet "$(program Silo)"
}

launch_edge() {
    local number=${1##*-}
    set_value "$1" Gateway__Urls "http://127.0.0.1:$(port_of "$1" Gateway__Urls $((8100 + number)))"
    set_value "$1" Edge__TrustedProxies__0 127.0.0.1
    start_process "$1" OrleansGateway.Edge.dll "$root" -- dotnet "$(program Edge)"
}

# The site: its address is HAProxy's port, by a name that browsers take for a site.
launch_web() {
    local number=${1##*-}
    set_value "$1" Gateway__Urls "http://127.0.0.1:$(port_of "$1" Gateway__Urls $((8150 + number)))"
    set_value "$1" Edge__TrustedProxies__0 127.0.0.1
    set_value "$1" Site__RelayUrl "http://127.0.0.1:$(value haproxy API)"
    start_process "$1" OrleansGateway.Silo.dll "$root" -- dotnet "$(program Silo)" web
}

# url_of NAME: where its health is.
url_of() {
    case $1 in
        silo-*) value "$1" Gateway__OperatorUrls ;;
        edge-* | web-*) value "$1" Gateway__Urls ;;
    esac
}

# start_members NAME…: silos, edges or webs, all at once.
start_members() {
    local name
    for name; do
        say "Starting $name"
        "launch_${name%-*}" "$name"
    done
    for name; do
        if ! find_process "$name"; then
            tail -n 20 "$data/$name/log" >&2
            fail "$name has ended; its log: $data/$name/log"
        fi
        await "$name" "$(url_of "$name")/health/ready" "$pid" "$data/$name/log"
    done
    note_operators
}

# make_certificate NAME SUBJECT-ALTERNATIVE-NAME: NAME.pem and NAME.key, signed by the cluster's own authority, unless they are there
# and good for another month.
make_certificate() {
    local folder=$data/certificates new=$data/certificates/new
    if [[ -s $folder/$1.key ]] && openssl x509 -checkend $((30 * 86400)) -noout -in "$folder/$1.pem" >/dev/null 2>&1 &&
        openssl verify -CAfile "$folder/authority.pem" "$folder/$1.pem" >/dev/null 2>&1; then
        return
    fi
    printf 'basicConstraints = critical,CA:false\nkeyUsage = critical,digitalSignature\nextendedKeyUsage = serverAuth,clientAuth\nsubjectAltName = %s\n' \
        "$2" >"$new.ext"
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$new.key" -subj "/CN=OrleansGateway $1" -out "$new.csr" 2>/dev/null &&
        openssl x509 -req -in "$new.csr" -CA "$folder/authority.pem" -CAkey "$folder/authority.key" -days 365 -extfile "$new.ext" \
            -out "$new.pem" 2>/dev/null || fail "openssl could not make a certificate in $folder"
    # Who follows the files finds both new at its next look.
    mv "$new.key" "$folder/$1.key" && mv "$new.pem" "$folder/$1.pem"
    rm -f "$new.csr" "$new.ext"
}

# make_certificates: the authority of this cluster alone, and what it signs: the certificate of silos and edges, and that of Redis.
# Silos and edges that run take a new one by themselves, Redis when it starts.
make_certificates() {
    local folder=$data/certificates
    mkdir -p -m 700 "$folder"
    if ! openssl x509 -checkend $((366 * 86400)) -noout -in "$folder/authority.pem" >/dev/null 2>&1; then
        say "Making certificates in ${folder#"$root/"}"
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$folder/authority.key" -out "$folder/authority.pem" \
            -subj "/CN=OrleansGateway cluster $(secret | tr -d '/+=' | head -c 8)" -days 3650 -addext 'basicConstraints = critical,CA:true' \
            -addext 'keyUsage = critical,keyCertSign,cRLSign' 2>/dev/null || fail "openssl could not make an authority in $folder"
    fi
    make_certificate member DNS:orleansgateway
    make_certificate redis IP:127.0.0.1
}

# redis_password: Redis' own, made once.
redis_password() {
    [[ -s $data/redis-password ]] || secret | tr -d '/+=' >"$data/redis-password"
    cat "$data/redis-password"
}

# redis_configuration: how silos and edges reach it.
redis_configuration() { printf '127.0.0.1:%s,password=%s,ssl=true' "$(value redis PORT)" "$(redis_password)"; }

redis_answers() {
    [[ $(REDISCLI_AUTH=$(redis_password) redis-cli --tls --cacert "$data/certificates/authority.pem" -h 127.0.0.1 -p "$(value redis PORT)" ping 2>/dev/null) == PONG ]]
}

start_redis() {
    set_value redis PORT "$(port_of redis PORT 6380)"
    say "Starting Redis"
    # Membership must outlive a restart of Redis: silos that find none of it do not see each other again. Not one of the
    # cluster, whose silos are new ones. The password is in the file, since everybody can read command lines.
    cat >"$data/redis/redis.conf" <<END
bind 127.0.0.1
port 0
tls-port $(value redis PORT)
tls-cert-file "$data/certificates/redis.pem"
tls-key-file "$data/certificates/redis.key"
tls-ca-cert-file "$data/certificates/authority.pem"
tls-auth-clients no
requirepass $(redis_password)
dir "$data/redis"
save ""
appendonly yes
appendfsync always
daemonize no
set-proc-title no
END
    start_process redis "$data/redis/redis.conf" "$data/redis" -- "$(command -v redis-server)" "$data/redis/redis.conf"
    until redis_answers; do
        find_process redis || { tail -n 20 "$data/redis/log" >&2; fail "Redis did not start; its log: $data/redis/log"; }
        sleep 0.1
    done
}

start_postgres() {
    locate_postgres
    prepare_postgres -c max_connections=$cluster_sessions_max
    start_process postgres "$pgdata" / "${postgres_identity[@]}" -- "${postgres_command[@]}"
    await_postgres "$pid"
}

start_provider() {
    local url
    set_value provider PORT "$(port_of provider PORT 8090)"
    url=http://127.0.0.1:$(value provider PORT)
    say "Starting a simulated provider, since no provider's key is set (${provider_keys[*]})"
    start_process provider OrleansGateway.SimulatedProvider.dll "$root" -- dotnet "$(program SimulatedProvider)" --port "${url##*:}"
    export SIMULATED_PROVIDER_URL=$url/v1
    await "the simulated provider" "$url/health" "$pid" "$data/provider/log"
}

start_haproxy() {
    set_value haproxy STATS "$(port_of haproxy STATS 8404)"
    write_haproxy
    say "Starting HAProxy"
    start_process haproxy "$data/haproxy/haproxy.cfg" "$data/haproxy" -- "$(command -v haproxy)" -W -f "$data/haproxy/haproxy.cfg"
    await HAProxy "http://127.0.0.1:$(value haproxy STATS)/" "$pid" "$data/haproxy/log"
}

# servers KIND [BUT]: HAProxy's lines for those that run, but for one.
servers() {
    local name
    for name in $(names "$1"); do
        [[ $name != "${2-}" ]] && find_process "$name" && printf '    server %s %s\n' "$name" "$(url_of "$name" | sed 's,^http://,,')"
    done
    return 0
}

# write_haproxy [BUT]: its configuration, for the edges and webs that run, but for one.
write_haproxy() {
    sed -e "s/@API@/127.0.0.1:$(value haproxy API)/" -e "s/@STATS@/127.0.0.1:$(value haproxy STATS)/" \
        -e "/@EDGES@/{r /dev/fd/3"$'\n'"d}" -e "/@WEBS@/{r /dev/fd/4"$'\n'"d}" "$root/build/haproxy.cfg" \
        3< <(servers edge "$@") 4< <(servers web "$@") >"$data/haproxy/haproxy.new"
    haproxy -c -q -f "$data/haproxy/haproxy.new" >>"$data/haproxy/log" 2>&1 || fail "HAProxy refuses its configuration; its log: $data/haproxy/log"
    mv "$data/haproxy/haproxy.new" "$data/haproxy/haproxy.cfg"
}

# reload_haproxy [BUT]: new requests go to the edges and webs that run, but for one. What is under way stays with the worker that has it.
reload_haproxy() {
    local old tries=0
    find_process haproxy || return 0
    write_haproxy "$@"
    find_process haproxy || return 0
    old=$(children_of "$pid")
    kill -USR2 "$pid"
    until [[ $(children_of "$pid" | grep -vxF -e "${old:-none}") ]] || ((++tries > 50)); do sleep 0.1; done
    sleep 0.2 # the new worker listens before the old one is told to stop
}

# start_named NAME: starts it, and waits until it is ready.
start_named() {
    mkdir -p "$data/$1"
    case $1 in
        silo-*) start_members "$1" ;;
        edge-* | web-*) start_members "$1" && reload_haproxy ;;
        *) "start_$1" ;;
    esac
}

# stop_named NAME: lets it finish what it does.
stop_named() {
    say "Stopping $1"
    case $1 in
        silo-*) end_processes TERM "$(stop_seconds)" "$1" && note_operators ;;
        edge-* | web-*) reload_haproxy "$1" && end_processes TERM "$(stop_seconds)" "$1" ;;
        haproxy) end_processes USR1 "$(stop_seconds)" haproxy ;;
        postgres) end_processes INT 60 postgres ;;
        *) end_processes TERM 10 "$1" ;;
    esac
}

# stop_all: in the order in which they need each other. HAProxy lets go of its port first, and ends when its last requests have.
stop_all() {
    local name haproxy
    find_process haproxy && haproxy=$pid && say "Stopping HAProxy" && kill -USR1 "$haproxy"
    # shellcheck disable=SC2046  # one argument a name
    {
        any_runs $(names web) && say "Stopping the webs" && end_processes TERM "$(stop_seconds)" $(names web)
        any_runs $(names edge) && say "Stopping the edges" && end_processes TERM "$(stop_seconds)" $(names edge)
        end_processes TERM 5 haproxy
        any_runs $(names silo) && say "Stopping the silos" && end_processes TERM "$(stop_seconds)" $(names silo)
    }
    for name in $(names provider redis postgres); do
        find_process "$name" && stop_named "$name"
    done
    return 0
}

# note_operators: where the silos that run are, for the command line, which takes the first that answers.
note_operators() {
    local name sockets=() urls=()
    for name in $(names silo); do
        find_process "$name" || continue
        urls+=("$(url_of "$name")")
        sockets+=("$(value "$name" Gateway__OperatorSocket)")
    done
    ((${#sockets[@]} > 0)) || return 0
    (IFS=';' && printf '%s' "${sockets[*]}") >"$settings/Gateway__OperatorSocket"
    printf '%s' "${urls[0]}" >"$settings/Gateway__OperatorUrls"
}

# keep_environment: what later commands start processes with, unless their own environment has another value.
keep_environment() {
    local name
    {
        compgen -e | grep -E '^(ConnectionStrings|Cluster|Gateway|Edge|Site|Retention|Telemetry|Logging)__|^SIMULATED_PROVIDER_URL$' |
            grep -vxF Gateway__SettingsFolder
        printf '%s\n' "${provider_keys[@]}"
        # The variables that the catalog names.
        sed -nE 's/.*"[a-z_]*_env": *"([A-Za-z_][A-Za-z_0-9]*)".*/\1/p' "$(setting Gateway__Catalog)"
    } | sort -u | while read -r name; do
        [[ -v $name ]] && printf '[[ -v %s ]] || export %s=%q\n' "$name" "$name" "${!name}"
    done >"$data/environment.new"
    mv "$data/environment.new" "$data/environment.sh"
}

# print_status: a line a process.
print_status() {
    local name ready url orleans format='%-9s %8s  %-11s  %-22s %s\n'
    [[ -n $(names) ]] || { echo "There is no cluster here yet: ./cluster starts one."; return 0; }
    # shellcheck disable=SC2059
    printf "$format" NAME PID READY URL "ORLEANS (silos, clients)"
    for name in $(names silo edge web haproxy redis postgres provider); do
        url='' orleans=''
        case $name in
            silo-*) url=$(url_of "$name") orleans="$(value "$name" Cluster__SiloPort) $(value "$name" Cluster__EdgePort)" ;;
            edge-* | web-*) url=$(url_of "$name") ;;
            haproxy) url=http://127.0.0.1:$(value haproxy API) ;;
            provider) url=http://127.0.0.1:$(value provider PORT) ;;
        esac
        if find_process "$name"; then ready=running; else ready='not running'; fi
        if [[ -n $pid && -n $url ]]; then
            if [[ $name == provider ]]; then ready=; else ready=/ready; fi
            answers "$url/health$ready" && ready=yes || ready=no
        fi
        # shellcheck disable=SC2059
        printf "$format" "$name" "${pid:--}" "$ready" "$url" "$orleans"
    done
}

# print_cluster: where everything is.
print_cluster() {
    local name api
    api=http://127.0.0.1:$(value haproxy API)
    cat <<END

The cluster is running, in the background. ./cluster status shows it, ./cluster stop ends it.
  site        $(setting Site__Url)
  mails       $(setting Site__MailFolder) (a file each; Site__SmtpHost sends them)
  API         $api/v1 (HAProxy; its page: http://127.0.0.1:$(value haproxy STATS)/)
END
    for name in $(names edge web); do printf '  %-11s %s\n' "$name" "$(url_of "$name")"; done
    for name in $(names silo); do printf '  %-11s %s (health; dashboard: %s/dashboard)\n' "$name" "$(url_of "$name")" "$(url_of "$name")"; done
    cat <<END
  operators   gRPC on .data/cluster/silo-*/operator.sock, of each silo
  token       .data/cluster/settings/Gateway__OperatorToken (operators' gRPC and dashboard)
  logs        .data/cluster/*/log
  accounts    Gateway__SettingsFolder=.data/cluster/settings dotnet ${programs#"$root/"}/Silo/release/OrleansGateway.Silo.dll account list
END
    print_first_request "$api" "$(first_model)"
    print_owner_link
}
