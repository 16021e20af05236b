# The supervisor: starts the parts, keeps them running, and stops them in order when asked to.

START_DEADLINE=${CLOUDVM_START_SECONDS:-180}
LOG_LIMIT_BYTES=$((64 * 1024 * 1024))

declare -A PART_PID PART_STARTED PART_RETRY PART_FAILURES
STOPPING=

# supervise: returns when told to stop. Its progress stands in RUN/state: starting, ready, or failed and why.
supervise() {
    set_state starting
    trap 'STOPPING=1' TERM INT HUP
    record_process supervisor "$BASHPID"
    if ! start_everything && [ -z "$STOPPING" ]; then
        give_up "$UNREADY"
        return 1
    fi
    [ -n "$STOPPING" ] || set_state ready
    while [ -z "$STOPPING" ]; do
        watch_parts
        ! demonstration_is_due || try_demonstration_vm || :
        pause 0.5
    done
    wind_down
}

# On failure UNREADY says what is wrong.
start_everything() {
    local part
    PARTS=$SERVICES
    if [ -n "$PRIVATE_DATABASE" ]; then
        PARTS="PostgreSQL $SERVICES"
        launch PostgreSQL
        await_ready PostgreSQL || return 1
        UNREADY="the database could not be created"
        create_database || return 1
    fi
    prepare_database || return 1
    for part in $SERVICES; do launch "$part"; done
    # shellcheck disable=SC2086
    await_ready $SERVICES || return 1
    create_demonstration_vm
}

wind_down() {
    set_state stopping
    stop_parts
    rm -f "$RUN/supervisor.pid" "$RUN/state" "$INSTANCE_FILE"
}

give_up() {
    stop_parts
    rm -f "$RUN/supervisor.pid" "$INSTANCE_FILE"
    set_state "failed $1"
}

set_state() { printf '%s\n' "$1" >"$RUN/state.new" && mv "$RUN/state.new" "$RUN/state"; }

launch() {
    start_part "$1"
    PART_PID[$1]=$STARTED_PID
    PART_STARTED[$1]=$SECONDS
    unset "PART_RETRY[$1]"
}

# await_ready PART...: all of them ready; else UNREADY says which is not and why.
await_ready() {
    local part waiting=$* still deadline=$((SECONDS + START_DEADLINE))
    while [ -n "$waiting" ] && [ -z "$STOPPING" ]; do
        still=
        for part in $waiting; do
            part_ready "$part" || still="$still $part"
        done
        waiting=$still
        watch_parts
        for part in $waiting; do
            if [ "${PART_FAILURES[$part]:-0}" -ge 3 ]; then
                UNREADY="$part does not stay up; the end of $LOGS/${part,,}.log: $(tail -n 15 "$LOGS/${part,,}.log")"
                return 1
            fi
            if [ $SECONDS -ge $deadline ]; then
                UNREADY="$part is not ready after $START_DEADLINE s: $(why_not_ready "$part"); the end of $LOGS/${part,,}.log: $(tail -n 15 "$LOGS/${part,,}.log")"
                return 1
            fi
        done
        [ -z "$waiting" ] || pause 0.1
    done
    [ -z "$STOPPING" ]
}

# A part that ended is started again: at once the first time, then after 1, 2, 4, 8, at most 15 seconds; half a minute
# of health clears the count.
watch_parts() {
    local part status failures
    for part in $PARTS; do
        if [ -n "${PART_RETRY[$part]:-}" ]; then
            [ $SECONDS -lt "${PART_RETRY[$part]}" ] || launch "$part"
        elif [ -n "${PART_PID[$part]:-}" ] && ! start_time "${PART_PID[$part]}" >/dev/null; then
            { wait "${PART_PID[$part]}"; } 2>/dev/null
            status=$?
            failures=${PART_FAILURES[$part]:-0}
            [ $((SECONDS - PART_STARTED[$part])) -lt 30 ] || failures=0
            PART_RETRY[$part]=$((SECONDS + (failures == 0 ? 0 : failures > 4 ? 15 : 1 << (failures - 1))))
            PART_FAILURES[$part]=$((failures + 1))
            printf '%s cloudvm: %s ended (%s), starting it again\n' "$(date +%T)" "$part" "$(describe_status $status)" |
                tee -a "$LOGS/supervisor.log" >>"$LOGS/${part,,}.log"
        fi
    done
    limit_logs
}

describe_status() {
    if [ "$1" -gt 128 ]; then printf 'signal %s' "$(kill -l $(($1 - 128)))"; else printf 'exit status %s' "$1"; fi
}

# Logs are appended to, so one that has grown too long can be cut where it stands; its recent half is kept aside.
limit_logs() {
    [ $((SECONDS - ${LOGS_CHECKED:-0})) -ge 60 ] || return 0
    LOGS_CHECKED=$SECONDS
    local log
    for log in "$LOGS"/*.log; do
        [ "$(stat -c %s "$log")" -gt $LOG_LIMIT_BYTES ] || continue
        tail -c $((LOG_LIMIT_BYTES / 2)) "$log" >"$log.1" && : >"$log"
    done
}

# Migrations, and the first administrator of an empty database.
prepare_database() {
    local log=$LOGS/api.log output=$RUN/bootstrap
    if ! interruptible api_command migrate >>"$log" 2>&1 || ! (umask 077 && : >"$output") ||
        ! interruptible api_command bootstrap >"$output" 2>>"$log"; then
        UNREADY="the database could not be prepared; the end of $log: $(tail -n 15 "$log")"
        return 1
    fi
    if [ -s "$output" ]; then
        mv "$output" "$SECRETS/admin-password"
        : >"$STATE/demonstration.pending"
    fi
    rm -f "$output"
}

# interruptible COMMAND...: in the background, since a shell hears no signal while it runs a command in the foreground.
interruptible() {
    local child
    "$@" </dev/null &
    child=$!
    wait "$child" && return 0
    [ -z "$STOPPING" ] || stop_process "$child" TERM 10
    return 1
}

# Once per empty database: what a newcomer sees first is a Debian kernel with a shell, or, where its image cannot be built,
# a guest that computes with SVE. An image that is still being built is not waited for: the VM comes when it is there.
DEMONSTRATION_TRIES=40
DEMONSTRATION_VM=

create_demonstration_vm() {
    while demonstration_is_due && [ -z "$STOPPING" ]; do
        try_demonstration_vm || pause 0.5
    done
}

demonstration_is_due() {
    [ -e "$STATE/demonstration.pending" ] && [ $DEMONSTRATION_TRIES -gt 0 ] && [ "$(image_build_state)" != building ]
}

try_demonstration_vm() {
    local token answer image=$DEMONSTRATION_IMAGE shape='"cpu":{"count":2,"sve":{"enabled":true}},"memoryMiB":256'
    if [ "$(image_build_state)" != ready ]; then image=hello-sve shape='"cpu":{"count":1,"sve":{"enabled":true}},"memoryMiB":64'; fi
    if answer=$(new_token 2>&1) && token=$answer && {
        [ -n "$DEMONSTRATION_VM" ] ||
            { answer=$(post_json "$token" /api/v1/vms "{\"name\":\"hello\",\"image\":\"$image\",$shape}") &&
                DEMONSTRATION_VM=$(printf '%s' "$answer" | json_field id); }
    } && answer=$(post_json "$token" "/api/v1/vms/$DEMONSTRATION_VM:start" '{}'); then
        rm -f "$STATE/demonstration.pending"
        return 0
    fi
    DEMONSTRATION_TRIES=$((DEMONSTRATION_TRIES - 1))
    [ $DEMONSTRATION_TRIES -gt 0 ] ||
        printf '%s cloudvm: the demonstration VM could not be created: %s\n' "$(date +%T)" "$answer" >>"$LOGS/supervisor.log"
    return 1
}
