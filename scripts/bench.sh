# `bench NAME`: measurements, each in an installation of its own.

command_bench() {
    [ $# -eq 1 ] || usage_error "bench needs one name: api, lifecycle or density"
    make_directories
    want_for_up
    want postgresql -- postgres_binaries
    want wrk -- has_command wrk
    install_missing "./cloudvm bench"
    find_dotnet
    local log=$LOGS/bench-build.log
    quiet_dotnet build "$ROOT/tests/Benchmarks/Benchmarks.csproj" -c Release >"$log" 2>&1 || {
        grep error "$log" | sort -u | head -n 20 >&2
        fail "the benchmarks could not be built (log: $log)"
    }
    publish_services
    export CLOUDVM_TEST_BUILD=$BUILD
    exec "$ROOT/tests/Benchmarks/bin/Release/net10.0/CloudVm.Benchmarks" "$1"
}
