# Starting, measuring and ending the processes of a benchmark. Sourced; needs $work (a folder of this run).

started=()

die() { echo "benchmark: $*" >&2; exit 1; }

# start NAME COMMAND…: runs it in the background with its output in $work/NAME.log; its id is in $pid.
start() {
    local name=$1
    shift
    "$@" >"$work/$name.log" 2>&1 &
    pid=$!
    started+=("$pid")
}

# stop_all: ends what start began, the last first; what has not ended after ten seconds is killed.
stop_all() {
    local i tries
    for ((i = ${#started[@]} - 1; i >= 0; i--)); do
        kill "${started[i]}" 2>/dev/null || continue
        for ((tries = 0; tries < 100; tries++)); do
            kill -0 "${started[i]}" 2>/dev/null || break
            sleep 0.1
        done
        kill -KILL "${started[i]}" 2>/dev/null || true
        wait "${started[i]}" 2>/dev/null || true
    done
    started=()
}

# await_line NAME PATTERN: waits until the log of a started process has the line; its id is expected in $pid.
await_line() {
    local tries
    for ((tries = 0; tries < 300; tries++)); do
        grep -qE "$2" "$work/$1.log" && return
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.1
    done
    tail -n 20 "$work/$1.log" >&2
    die "$1 did not start; its last lines are above"
}

# await_http NAME URL: waits until the URL answers with 200.
await_http() {
    local tries
    for ((tries = 0; tries < 300; tries++)); do
        curl -sf -o /dev/null "$2" && return
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.1
    done
    tail -n 20 "$work/$1.log" >&2
    die "$1 does not answer at $2; its last lines are above"
}

# free_port: a port of 127.0.0.1 that nothing listens on now.
free_port() {
    local port
    while port=$((20000 + RANDOM % 12000)); do
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
    done
}

# all_stats: a line of every process; some end while it looks.
all_stats() { cat /proc/[0-9]*/stat 2>/dev/null || true; }

# cpu_us PID: CPU time in µs that the process and its children have used, children that have ended included.
cpu_us() {
    all_stats | awk -v root="$1" -v hz="$(getconf CLK_TCK)" '
        { pid = $1; sub(/^.*\) /, ""); if (pid == root) ticks += $12 + $13 + $14 + $15; else if ($2 == root) ticks += $12 + $13 }
        END { printf "%.0f\n", ticks * 1e6 / hz }'
}

# members PID: the process and its children.
members() {
    all_stats | awk -v root="$1" '{ pid = $1; sub(/^.*\) /, ""); if (pid == root || $2 == root) print pid }'
}

# reset_peak PID: starts the peak of the resident memory anew, where the kernel lets us.
reset_peak() {
    local member
    for member in $(members "$1"); do
        { echo 5 >"/proc/$member/clear_refs"; } 2>/dev/null || true
    done
}

# peak_kib PID: sum of the peaks of resident memory (VmHWM) of the process and its children.
peak_kib() {
    local member
    for member in $(members "$1"); do
        cat "/proc/$member/status" 2>/dev/null || true
    done | awk '/^VmHWM:/ { sum += $2 } END { print sum + 0 }'
}
