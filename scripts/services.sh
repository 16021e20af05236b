# The parts of a running installation: how each is started, asked whether it is ready, and stopped.

# start_part NAME: in the background, output to its log; sets STARTED_PID.
start_part() {
    (
        # A session of its own: Ctrl-C reaches the supervisor alone, which then stops the parts in order.
        exec {PAUSE_FD}>&- {LOCK_FD}>&- </dev/null >>"$LOGS/${1,,}.log" 2>&1
        [ "$1" != PostgreSQL ] || exec_postgres
        cd "$STATE" && exec setsid "$BUILD/$1/CloudVm.$1"
    ) &
    STARTED_PID=$!
    # Fails where it ended at once; the supervisor finds that out by itself.
    record_process "$1" "$STARTED_PID" || :
}

# part_ready NAME: it answers, and is ready to serve.
part_ready() {
    case $1 in
        PostgreSQL) postgres_ready ;;
        *) curl -fsS -o /dev/null --noproxy '*' -m 3 "$(part_url "$1")/readyz" 2>/dev/null ;;
    esac
}

# why_not_ready NAME: what it says itself, shortened.
why_not_ready() {
    [ "$1" != PostgreSQL ] || return 0
    curl -sS --noproxy '*' -m 3 "$(part_url "$1")/readyz" 2>&1 | tr '\n' ' ' | cut -c1-400
}

part_url() {
    local url
    case $1 in
        Api) url=$CLOUDVM_API_URL ;;
        Worker) url=$CLOUDVM_NODE_URL ;;
        Web) url=$CLOUDVM_WEB_URL ;;
    esac
    printf '%s' "${url%/}"
}

# The Worker goes first, so that nobody starts VMs again while they are being stopped; the database goes last.
stop_parts() {
    stop_image_build
    stop_recorded Worker TERM 20
    stop_vms
    stop_recorded Web TERM 10
    stop_recorded Api TERM 15
    stop_recorded PostgreSQL INT 60
}

# VMs' desired state stays in the database: the next `up` starts them again.
stop_vms() {
    local pids pid
    pids=$(processes_running_from "$BUILDS")
    # What still runs from our builds and is not a recorded service is a Hypervisor, or a service that lost its record.
    for pid in $pids; do
        [ "$pid" = "$(recorded_pid Api)" ] || [ "$pid" = "$(recorded_pid Web)" ] || kill -TERM "$pid" 2>/dev/null
    done
    for pid in $pids; do
        [ "$pid" = "$(recorded_pid Api)" ] || [ "$pid" = "$(recorded_pid Web)" ] || stop_process "$pid" TERM 10
    done
}

# api_command NAME [ARGUMENT...]: a command of the Api's executable, against the database and without the service.
api_command() {
    (
        cd "$STATE" || exit 1
        exec timeout --kill-after=10 "$API_COMMAND_SECONDS" "$BUILD/Api/CloudVm.Api" "$@"
    )
}

API_COMMAND_SECONDS=600
