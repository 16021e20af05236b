# `down`: stops VMs, services and the database server. What the VMs should be doing stays in the database.

command_down() {
    [ $# -eq 0 ] || usage_error "down takes no arguments"
    local pid found=
    if pid=$(recorded_pid supervisor); then
        found=1
        say "stopping"
        stop_process "$pid" TERM 150
    fi
    if [ -e "$STATE/lock" ]; then
        exec {LOCK_FD}>>"$STATE/lock"
        flock -n "$LOCK_FD" || fail "a './cloudvm up' is building or installing here; stop it first (Ctrl-C)"
    fi
    # Whatever is left of a supervisor that was killed, or that just now was.
    if [ -d "$RUN" ]; then
        local part
        for part in Worker Web Api PostgreSQL; do ! recorded_pid "$part" >/dev/null || found=1; done
        stop_parts
    fi
    [ -z "$(processes_running_from "$BUILDS")" ] || found=1
    stop_vms
    rm -rf "$RUN" "$POSTGRES_SOCKET"
    if [ -n "$found" ]; then say "stopped"; else say "nothing was running"; fi
}
