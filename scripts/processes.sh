# Processes are known by PID and start time, never by name: a PID alone may have been given to somebody else.

# start_time PID: when it started, in clock ticks since boot. Fails for a process that has ended. A zombie has, unless threads of it
# are still on their way out: they hold its ports and files.
start_time() {
    local stat
    { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
    # shellcheck disable=SC2086  # Field 2, the name, may hold blanks; what follows it does not.
    set -- ${stat##*) }
    [ "$1" != X ] && { [ "$1" != Z ] || [ "${18}" -gt 1 ]; } || return 1
    printf '%s' "${20}"
}

# record_process NAME PID
record_process() {
    local started
    started=$(start_time "$2") || return 1
    printf '%s %s\n' "$2" "$started" >"$RUN/$1.pid.new" && mv "$RUN/$1.pid.new" "$RUN/$1.pid"
}

# recorded_pid NAME: its PID, if that very process still lives.
recorded_pid() {
    local pid started
    { read -r pid started <"$RUN/$1.pid"; } 2>/dev/null || return 1
    [ "$(start_time "$pid")" = "$started" ] || return 1
    printf '%s' "$pid"
}

# stop_process PID SIGNAL SECONDS: asks, waits, then kills.
stop_process() {
    local pid=$1 started deadline
    started=$(start_time "$pid") || return 0
    kill "-$2" "$pid" 2>/dev/null
    deadline=$((SECONDS + $3))
    while [ "$(start_time "$pid")" = "$started" ]; do
        if [ $SECONDS -ge $deadline ]; then
            kill -KILL "$pid" 2>/dev/null
            deadline=$((SECONDS + 10))
        fi
        pause 0.05
    done
}

# stop_recorded NAME SIGNAL SECONDS
stop_recorded() {
    local pid
    if pid=$(recorded_pid "$1"); then stop_process "$pid" "$2" "$3"; fi
    rm -f "$RUN/$1.pid"
}

# processes_running_from DIRECTORY: PIDs whose executable lies in it. Builds are this installation's own, so this is who
# they are and not what they are called; it also finds those whose supervisor was killed.
processes_running_from() {
    local entry
    for entry in /proc/[0-9]*/exe; do
        case $(readlink "$entry" 2>/dev/null) in
            "$1"/*) entry=${entry#/proc/} && printf '%s\n' "${entry%/exe}" ;;
        esac
    done
}

# pause SECONDS, without a process of its own.
pause() { read -rt "$1" -u "$PAUSE_FD" || :; }
exec {PAUSE_FD}<> <(:)
