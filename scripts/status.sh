# `status`: what runs, for people or as JSON. Exit status 0 when everything is ready, 3 otherwise.

command_status() {
    local json= part parts="$SERVICES" state pid ready all=1 rows=
    case ${1:-} in
        '') ;;
        --json) json=1 ;;
        *) usage_error "status does not know '$1'" ;;
    esac
    if recorded_pid supervisor >/dev/null; then
        load_settings --running
        { read -r state _ <"$RUN/state"; } 2>/dev/null || state=starting
    else
        load_settings
        state=stopped
    fi
    [ ! -e "$RUN/PostgreSQL.pid" ] || { parts="PostgreSQL $parts" && POSTGRES_BIN=$(postgres_binaries); }
    for part in $parts; do
        pid=$(recorded_pid "$part") || pid=
        ready=false
        if [ -n "$pid" ] && part_ready "$part"; then ready=true; else all=; fi
        if [ -n "$json" ]; then
            rows="$rows${rows:+,}{\"name\":\"$part\",\"pid\":${pid:-null},\"ready\":$ready}"
        else
            rows="$rows$(printf '%-12s %-10s %s' "$part" "$([ "$ready" = true ] && echo ready || { [ -n "$pid" ] && echo starting || echo stopped; })" "${pid:+pid $pid}")"$'\n'
        fi
    done
    local vms
    vms=$(count_vm_processes)
    if [ -n "$json" ]; then
        printf '{"state":"%s","apiUrl":%s,"webUrl":%s,"nodeUrl":%s,"stateDirectory":%s,"parts":[%s],"hypervisorProcesses":%s}\n' "$state" \
            "$(json_string "$CLOUDVM_API_URL")" "$(json_string "$CLOUDVM_WEB_URL")" "$(json_string "$CLOUDVM_NODE_URL")" "$(json_string "$STATE")" "$rows" "$vms"
    else
        printf 'CloudVm is %s\n%s' "$state" "$rows"
        printf '%-12s %s running\n' Hypervisors "$vms"
        [ "$state" = stopped ] || printf '%-12s %s\n%-12s %s\n' dashboard "$CLOUDVM_WEB_URL" API "$CLOUDVM_API_URL"
    fi
    [ "$state" = ready ] && [ -n "$all" ] || exit 3
}

# Hypervisor processes of ours, idle ones of the warm pool included.
count_vm_processes() {
    local build count=0
    for build in "$BUILDS"/*/Hypervisor; do
        [ ! -d "$build" ] || count=$((count + $(processes_running_from "$build" | wc -l)))
    done
    printf '%s' "$count"
}
