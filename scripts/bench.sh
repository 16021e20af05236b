# `bench NAME`: measurements. api, lifecycle and density have an installation of their own; the others run machines alone.

command_bench() {
    [ $# -eq 1 ] || usage_error "bench needs one name: api, lifecycle, density, engine, sve, boot, guest or idle"
    make_directories
    want_for_up
    want postgresql -- postgres_binaries
    want wrk -- has_command wrk
    case $1 in
        engine)
            want gcc-aarch64-linux-gnu -- has_command aarch64-linux-gnu-gcc
            want qemu-system-arm -- has_command qemu-system-aarch64
            ;;
        sve)
            want gcc-aarch64-linux-gnu -- has_command aarch64-linux-gnu-gcc
            want qemu-user -- has_command qemu-aarch64
            ;;
        boot | guest | idle)
            want_for_images
            want gcc-aarch64-linux-gnu libc6-dev-arm64-cross -- has_command aarch64-linux-gnu-gcc
            want qemu-system-arm -- has_command qemu-system-aarch64
            ;;
    esac
    install_missing "./cloudvm bench"
    find_dotnet
    local log=$LOGS/bench-build.log
    quiet_dotnet build "$ROOT/tests/Benchmarks/Benchmarks.csproj" -c Release >"$log" 2>&1 || {
        grep error "$log" | sort -u | head -n 20 >&2
        fail "the benchmarks could not be built (log: $log)"
    }
    publish_services
    export CLOUDVM_TEST_BUILD=$BUILD CLOUDVM_IMAGE_CACHE=$IMAGE_CACHE
    exec "$ROOT/tests/Benchmarks/bin/Release/net10.0/CloudVm.Benchmarks" "$1"
}
