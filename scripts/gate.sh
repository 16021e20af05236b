# `test`: the gate. Everything is built with warnings as errors and every test project runs; a missing tool is a failure.

command_test() {
    local filter= long= differential=
    while [ $# -gt 0 ]; do
        case $1 in
            --long) long=1 ;;
            --differential) differential=${differential:-60} ;;
            --seconds) whole_number "$1" "${2:-}"; differential=$2; shift ;;
            --seed) whole_number "$1" "${2:-}"; export CLOUDVM_SEED=$2; shift ;;
            -*) usage_error "test does not know '$1'" ;;
            *) [ -z "$filter" ] || usage_error "test takes one filter"; filter=$1 ;;
        esac
        shift
    done
    RESULTS=$STATE/test
    make_directories
    rm -rf "$RESULTS" && mkdir -p "$RESULTS"
    want_for_up
    want_for_test
    want_for_images
    [ -z "$long" ] || want_for_rootfs
    install_missing "./cloudvm test"
    find_dotnet
    # Whoever carries this mark was started by this run and must not outlive it.
    export CLOUDVM_TEST_RUN=$$-$RANDOM
    trap 'end_test_run; exit 130' INT TERM HUP
    [ -z "$long" ] || export CLOUDVM_TEST_LONG=1
    [ -z "$differential" ] || export CLOUDVM_DIFFERENTIAL_SECONDS=$differential

    start_test_images "$long"
    build_for_test
    publish_services
    prune_builds
    export CLOUDVM_TEST_BUILD=$BUILD CLOUDVM_HYPERVISOR=$BUILD/Hypervisor/CloudVm.Hypervisor
    await_test_images
    start_test_database
    run_test_projects "$filter" "$long"
    end_test_run || FAILED=$((FAILED + 1))
    report_tests
}

# whole_number OPTION VALUE: ends the run with a usage error unless VALUE is one.
whole_number() {
    case $2 in
        '' | *[!0-9]*) usage_error "$1 takes a whole number, not '$2'" ;;
    esac
}

# Guest images are made while the solution is built; they wait for the network more than for a CPU.
start_test_images() {
    export CLOUDVM_IMAGE_CACHE=$IMAGE_CACHE
    local names=debian-12-cloud name
    [ -z "$1" ] || names="debian-12-cloud debian-12"
    (
        exec {PAUSE_FD}>&- </dev/null >"$LOGS/images.log" 2>&1
        for name in $names; do "$ROOT/images/build.sh" "$name" || exit 1; done
    ) &
    TEST_IMAGES_PID=$!
}

await_test_images() {
    wait "$TEST_IMAGES_PID" || abandon_tests "the guest images could not be built: $(tail -n 1 "$LOGS/images.log")"
}

build_for_test() {
    local log=$LOGS/test-build.log began=$SECONDS
    say "building with warnings as errors"
    quiet_dotnet restore "$ROOT/CloudVm.sln" >"$log" 2>&1 &&
        quiet_dotnet build "$ROOT/CloudVm.sln" -c Release --no-restore -p:RunAnalyzers=true >>"$log" 2>&1 || {
        grep -E 'error' "$log" | sort -u | head -n 40 >&2
        abandon_tests "the build failed (log: $log)"
    }
    say "checking the format"
    dotnet format whitespace "$ROOT" --folder --verify-no-changes --exclude "$STATE" >"$log.format" 2>&1 || {
        head -n 20 "$log.format" >&2
        abandon_tests "files are not formatted; run: dotnet format whitespace . --folder"
    }
    say "built in $((SECONDS - began)) s"
}

# Nothing can be run: still ends with the line that every run ends with.
abandon_tests() {
    printf '%s\n' "cloudvm: error: $1" >&2
    end_test_run
    printf '0 passed, 1 failed\n'
    exit 1
}

# One throw-away server for all test projects; each makes databases of its own on it.
start_test_database() {
    POSTGRES_BIN=$(postgres_binaries) || abandon_tests "PostgreSQL is not installed"
    TEST_DATABASE=$(mktemp -d /tmp/cvm-test-XXXXXX) && chown "$(postgres_account)" "$TEST_DATABASE"
    (cd / && as_postgres "$POSTGRES_BIN/initdb" -D "$TEST_DATABASE/data" -U postgres -A trust -E UTF8 --locale C.UTF-8 --no-sync --no-instructions) >"$LOGS/test-postgresql.log" 2>&1 ||
        abandon_tests "initdb failed (log: $LOGS/test-postgresql.log)"
    (
        exec {PAUSE_FD}>&- </dev/null >>"$LOGS/test-postgresql.log" 2>&1
        cd / || exit 1
        as_postgres=()
        [ "$UID" -ne 0 ] || as_postgres=(--reuid postgres --regid postgres --init-groups)
        # Should this shell be killed, the kernel stops the server.
        exec setpriv "${as_postgres[@]}" --pdeathsig QUIT -- "$POSTGRES_BIN/postgres" -D "$TEST_DATABASE/data" -k "$TEST_DATABASE" \
            -c listen_addresses= -c max_connections=400 -c shared_buffers=128MB -c fsync=off -c synchronous_commit=off -c full_page_writes=off
    ) &
    TEST_DATABASE_PID=$!
    local deadline=$((SECONDS + 60))
    until "$POSTGRES_BIN/pg_isready" -q -h "$TEST_DATABASE"; do
        [ $SECONDS -lt $deadline ] && start_time "$TEST_DATABASE_PID" >/dev/null ||
            abandon_tests "the test database server did not start (log: $LOGS/test-postgresql.log)"
        pause 0.1
    done
    # Installations that tests start keep their state here; each removes its own, so one that is still there was left.
    CLOUDVM_TEST_STATES=$(mktemp -d /tmp/cvm-states-XXXXXX) && chmod 755 "$CLOUDVM_TEST_STATES"
    export CLOUDVM_TEST_STATES
    export CLOUDVM_TEST_DATABASE_SERVER="Host=$TEST_DATABASE;Username=postgres;Database=postgres;Include Error Detail=true"
}

run_test_projects() {
    local filter=$1 long=$2 project name chosen=() options=()
    PASSED=0 FAILED=0 SKIPPED=0
    for project in "$ROOT"/tests/*.Tests/*.Tests.csproj; do
        name=$(basename "$project" .csproj)
        case $name in *"$filter"*) chosen+=("$name") ;; esac
    done
    if [ ${#chosen[@]} -eq 0 ]; then
        options+=(-method "*$filter*")
        for project in "$ROOT"/tests/*.Tests/*.Tests.csproj; do chosen+=("$(basename "$project" .csproj)"); done
    fi
    # Long tests are explicit ones: known to every run, run by --long alone.
    [ -z "$long" ] || options+=(-explicit on)
    for name in "${chosen[@]}"; do run_test_project "$name" "$long" "${options[@]}"; done
}

# run_test_project NAME LONG OPTION...: adds to PASSED, FAILED and SKIPPED. A project that ends without its results, or
# without a test although nothing was filtered out, counts as one failure.
run_test_project() {
    local name=$1 limit=900 began=$SECONDS log=$RESULTS/$1.log results=$RESULTS/$1.xml status summary
    [ -z "$2" ] || limit=7200
    shift 2
    timeout --kill-after=20 "$limit" "$ROOT/tests/$name/bin/Release/net10.0/CloudVm.$name" -noLogo -noColor -xml "$results" "$@" >"$log" 2>&1 </dev/null
    status=$?
    summary=$(grep -o '<assembly [^>]*' "$results" 2>/dev/null | head -n 1)
    local total passed failed skipped errors
    total=$(attribute total "$summary") passed=$(attribute passed "$summary") failed=$(attribute failed "$summary")
    skipped=$(attribute skipped "$summary") errors=$(attribute errors "$summary")
    PASSED=$((PASSED + passed)) FAILED=$((FAILED + failed + errors)) SKIPPED=$((SKIPPED + skipped))
    if [ -z "$summary" ] || { [ $status -ne 0 ] && [ $((failed + errors)) -eq 0 ]; } || { [ "$total" -eq 0 ] && [[ " $* " != *' -method '* ]]; }; then
        FAILED=$((FAILED + 1))
        case $status in
            124 | 137) printf '%s\n' "$name: stopped after $limit s" >>"$log" ;;
            *) printf '%s\n' "$name: ended with exit status $status after $total tests" >>"$log" ;;
        esac
        failed=$((failed + 1))
    fi
    printf '%-32s %5d passed %3d failed %3d skipped %5d s\n' "$name" "$passed" $((failed + errors)) "$skipped" $((SECONDS - began))
    [ $((failed + errors)) -eq 0 ] || grep -vE '^ +(Discover|Starting|Finished)' "$log" | tail -n 60
}

# attribute NAME TEXT: a number from the results file's assembly element; 0 where there is none.
attribute() {
    local value=${2##* $1=\"}
    [ "$value" != "$2" ] || value=0
    printf '%d' "${value%%\"*}"
}

# Stops what this run started. Fails, and names them, when something had been left behind by a test.
end_test_run() {
    local pid left=0 installation
    for installation in "${CLOUDVM_TEST_STATES:-/nonexistent}"/*; do
        [ -d "$installation" ] || continue
        left=1
        printf '%s\n' "left running by a test: the installation in $installation" >&2
        CLOUDVM_STATE_DIR=$installation "$ROOT/cloudvm" down >/dev/null
    done
    rm -rf "${CLOUDVM_TEST_STATES:-/nonexistent}"
    if [ -n "${TEST_DATABASE_PID:-}" ]; then
        stop_process "$TEST_DATABASE_PID" QUIT 20
        rm -rf "$TEST_DATABASE"
        TEST_DATABASE_PID=
    fi
    for pid in $(processes_of_test_run); do
        left=1
        printf '%s\n' "left running by a test: process $pid: $(tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | cut -c1-200)" >&2
        stop_process "$pid" TERM 5
    done
    return $left
}

processes_of_test_run() {
    local entry pid
    for entry in /proc/[0-9]*/environ; do
        pid=${entry#/proc/} pid=${pid%/environ}
        [ "$pid" != $$ ] && [ "$pid" != "$BASHPID" ] || continue
        if { tr '\0' '\n' <"$entry" | grep -qx "CLOUDVM_TEST_RUN=$CLOUDVM_TEST_RUN"; } 2>/dev/null && start_time "$pid" >/dev/null; then
            printf '%s\n' "$pid"
        fi
    done
}

report_tests() {
    local skipped=
    [ "$SKIPPED" -eq 0 ] || skipped=", $SKIPPED skipped"
    [ $((PASSED + FAILED)) -gt 0 ] || warn "no test ran"
    printf '%d passed, %d failed%s\n' "$PASSED" "$FAILED" "$skipped"
    [ "$FAILED" -eq 0 ] && [ "$PASSED" -gt 0 ]
}
