# `bench NAME`: measurements, against an installation that runs here or else one of their own.

command_bench() {
    local name=${1:-}
    [ -n "$name" ] || usage_error "bench needs a name: api, lifecycle, ..."
    shift
    make_directories
    want_for_bench
    install_missing "./cloudvm bench"
    find_dotnet
    local log=$LOGS/bench-build.log
    quiet_dotnet build "$ROOT/tests/Benchmarks/Benchmarks.csproj" -c Release >"$log" 2>&1 || {
        grep error "$log" | sort -u | head -n 20 >&2
        fail "the benchmarks could not be built (log: $log)"
    }
    if recorded_pid supervisor >/dev/null; then
        load_settings --running
        local token
        token=$(new_token) || fail "the API gave no token (log: $LOGS/api.log)"
        export CLOUDVM_TOKEN=$token CLOUDVM_API_URL
    fi
    exec "$ROOT/tests/Benchmarks/bin/Release/net10.0/CloudVm.Benchmarks" "$name" "$@"
}
