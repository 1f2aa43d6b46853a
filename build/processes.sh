# shellcheck shell=bash
# Processes that outlive the script and are found again by a later one. Each has a folder $data/NAME with its log, its
# environment, and the file pid: process id, start time, id of the machine's boot, and a part of its command line. All four
# must fit, so that no other process that has got the same id is ever signalled.

boot_id=$(</proc/sys/kernel/random/boot_id)

# start_time PID: when the process started, in the kernel's ticks; fails if it has ended, a zombie included.
start_time() {
    local stat
    stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
    # The name, in parentheses, may hold blanks. After it come the state and the other numbers.
    read -ra stat <<<"${stat##*) }"
    [[ ${stat[0]} != [ZX] ]] && printf '%s' "${stat[19]}"
}

# find_process NAME: sets $pid to its id, or to nothing, and fails, if it does not run.
find_process() {
    local time boot part line
    pid=
    { read -r pid time boot part <"$data/$1/pid"; } 2>/dev/null || return 1
    if [[ $boot == "$boot_id" && $(start_time "$pid") == "$time" ]]; then
        line=$(tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline")
        [[ $line == *"$part"* ]] && return 0
    fi
    pid=
    return 1
}

# start_process NAME PART FOLDER [SETPRIV-OPTIONS] -- COMMAND…: starts it in the background with what its environment file
# says, one NAME=VALUE a line. PART is in its command line. Sets $pid.
start_process() {
    local name=$1 part=$2 tries=0 environment=() options=()
    shift 2
    options=("$1") && shift
    while [[ $1 != -- ]]; do options+=("$1") && shift; done
    shift
    [[ -f $data/$name/environment ]] && mapfile -t environment <"$data/$name/environment"
    background "${options[@]}" -- env "${environment[@]}" "$@" >>"$data/$name/log" 2>&1
    pid=$!
    printf '%s %s %s %s\n' "$pid" "$(start_time "$pid")" "$boot_id" "$part" >"$data/$name/pid"
    # Until it has become what its command line says, a later command would not know it.
    until find_process "$name" || ((++tries > 50)) || ! kill -0 "$!" 2>/dev/null; do sleep 0.1; done
    pid=$!
}

# end_processes SIGNAL SECONDS NAME…: asks them to end, all at once, and kills those that have not after so long.
end_processes() {
    local signal=$1 tries=$(($2 * 10)) name running=()
    shift 2
    for name; do
        find_process "$name" && kill -"$signal" "$pid" 2>/dev/null && running+=("$name")
    done
    while any_runs "${running[@]}" && ((tries-- > 0)); do sleep 0.1; done
    for name in "${running[@]}"; do
        find_process "$name" && echo "killed $name: it did not stop" >&2
        kill_process "$name"
    done
}

# any_runs NAME…: whether at least one does. (A bare return in a trap would give the status from before the trap.)
any_runs() {
    local name
    for name; do find_process "$name" && return 0; done
    return 1
}

# kill_process NAME: ends it, and what it has started, without asking. Returns when all of them are gone.
kill_process() {
    local child children=() time
    find_process "$1" || { rm -f "$data/$1/pid"; return 0; }
    for child in $(children_of "$pid"); do
        time=$(start_time "$child") && children+=("$child $time")
    done
    kill -KILL "$pid" 2>/dev/null
    while find_process "$1"; do sleep 0.05; done
    for child in "${children[@]}"; do
        read -r child time <<<"$child"
        [[ $(start_time "$child") == "$time" ]] && kill -KILL "$child" 2>/dev/null
        while [[ $(start_time "$child") == "$time" ]]; do sleep 0.05; done
    done
    rm -f "$data/$1/pid"
}

# children_of PID: their ids. A name, in parentheses, may hold blanks; processes end while this looks.
children_of() { cat /proc/[0-9]*/stat 2>/dev/null | sed -nE "s/^([0-9]+) .*\\) . $1 .*/\\1/p" || true; }
