# `up`: everything from missing packages to a dashboard that answers.

command_up() {
    local detach=
    while [ $# -gt 0 ]; do
        case $1 in
            -d | --detach) detach=1 ;;
            --port-base=*) CLOUDVM_PORT_BASE=${1#*=} ;;
            --port-base) CLOUDVM_PORT_BASE=${2:?--port-base needs a port}; shift ;;
            *) usage_error "up does not know '$1'" ;;
        esac
        shift
    done
    if recorded_pid supervisor >/dev/null && [ "$(cat "$RUN/state" 2>/dev/null)" = ready ]; then
        load_settings --running
        say "CloudVm is running already"
        announce
        return 0
    fi

    prepare_up
    if [ -n "$detach" ]; then up_detached; else up_in_foreground; fi
}

# What must be in place before the first process starts. Said in the terminal, also with --detach.
prepare_up() {
    load_settings
    make_directories
    exec {LOCK_FD}>"$STATE/lock"
    flock -n "$LOCK_FD" || fail "another './cloudvm up' is at work here; wait for it, or stop it with ./cloudvm down"
    recorded_pid supervisor >/dev/null && fail "CloudVm is starting or stopping here; see ./cloudvm status"
    stop_leftovers
    stop_image_build
    check_ports
    want_for_up
    install_missing "./cloudvm up"
    start_image_build
    find_dotnet
    publish_services
    prune_builds
    write_secret local-admin
    write_secret node
    PRIVATE_DATABASE=
    if [ -z "${CLOUDVM_DATABASE:-}" ]; then
        PRIVATE_DATABASE=1
        prepare_postgres
        CLOUDVM_DATABASE=$(postgres_connection_string)
    fi
    export_settings
    write_instance_file
}

# Services whose supervisor was killed. VMs are left alone: the new Worker takes them over.
stop_leftovers() {
    local part
    for part in Worker Web Api PostgreSQL; do
        ! recorded_pid "$part" >/dev/null || say "stopping $part, left by an earlier run"
        stop_recorded "$part" "$([ "$part" = PostgreSQL ] && printf INT || printf TERM)" 20
    done
}

up_detached() {
    say "starting"
    rm -f "$RUN/state"
    PRIVATE_DATABASE=$PRIVATE_DATABASE POSTGRES_DATA=${POSTGRES_DATA:-} POSTGRES_BIN=${POSTGRES_BIN:-} BUILD=$BUILD LOCK_FD=$LOCK_FD \
        setsid "$ROOT/cloudvm" supervise </dev/null >>"$LOGS/supervisor.log" 2>&1 &
    local supervisor=$! state
    # shellcheck disable=SC2064  # The value of now is meant.
    trap "stop_process $supervisor TERM 60; exit 130" INT TERM HUP
    while :; do
        { read -r state <"$RUN/state"; } 2>/dev/null || state=
        case $state in
            ready) break ;;
            failed*) fail "CloudVm did not start: $(sed 's/^failed //' "$RUN/state")" ;;
        esac
        start_time "$supervisor" >/dev/null ||
            fail "the supervisor ended; the end of $LOGS/supervisor.log: $(tail -n 15 "$LOGS/supervisor.log")"
        pause 0.1
    done
    trap - INT TERM HUP
    announce
}

# The background half of `up --detach`; it inherits the settings and the lock.
command_supervise() {
    [ -n "${BUILD:-}" ] || usage_error "supervise is what 'up --detach' leaves running"
    exec </dev/null
    supervise
}

up_in_foreground() {
    say "starting; Ctrl-C stops everything"
    local files=() part tail_pid
    for part in PostgreSQL $SERVICES supervisor; do
        : >>"$LOGS/${part,,}.log"
        files+=("$LOGS/${part,,}.log")
    done
    # Deaf to Ctrl-C, so that the log shows how the parts end.
    exec {FOLLOW_FD}< <(trap '' INT && exec tail -n 0 -F -v --pid=$$ -- "${files[@]}" 2>/dev/null {LOCK_FD}>&-)
    tail_pid=$!
    (exec {LOCK_FD}>&- && trap '' INT && prefix_lines <&"$FOLLOW_FD") &
    local prefixer=$!
    exec {FOLLOW_FD}<&-
    (exec {LOCK_FD}>&- && announce_when_ready) &
    local announcer=$!
    supervise
    local status=$?
    kill "$announcer" "$tail_pid" 2>/dev/null
    wait "$prefixer"
    [ $status -eq 0 ] || fail "CloudVm did not start: $(sed 's/^failed //' "$RUN/state")"
    say "stopped"
}

announce_when_ready() {
    until [ "$(cat "$RUN/state" 2>/dev/null)" = ready ]; do
        start_time $$ >/dev/null || return
        pause 0.2
    done
    announce
}

announce() {
    say "dashboard  $CLOUDVM_WEB_URL"
    say "API        $CLOUDVM_API_URL   (token: ./cloudvm token)"
    if [ -s "$SECRETS/admin-password" ]; then
        say "sign in    admin   $(cat "$SECRETS/admin-password")"
    fi
    case $(image_build_state) in
        building) say "still building the guest image $DEMONSTRATION_IMAGE; what needs it starts when it is there (log: $LOGS/images.log)" ;;
        failed*)
            warn "the guest image $DEMONSTRATION_IMAGE could not be built: $(image_build_state | sed 's/^failed //')"
            warn "the image hello-sve is there; ./cloudvm images $DEMONSTRATION_IMAGE tries again"
            ;;
    esac
    [ ! -e "$STATE/demonstration.pending" ] || [ "$(image_build_state)" = building ] ||
        warn "the demonstration VM could not be created; see $LOGS/supervisor.log"
}
