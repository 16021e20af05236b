# Publishing the services. A build's directory is named after its sources and never written again: a Hypervisor process
# may run from it for months. Old ones go when nobody runs from them.

PUBLISHED='Api Worker Web Hypervisor'

# sources_of PROJECT: what it is made from: its own directory, those of the projects it refers to, and the build's rules.
sources_of() {
    local pending=src/$1 directory found=' ' reference
    while [ -n "${pending# }" ]; do
        pending=${pending# }
        directory=${pending%% *}
        pending=${pending#"$directory"}
        case $found in *" $directory "*) continue ;; esac
        found="$found$directory "
        for reference in $(sed -n 's/.*<ProjectReference Include="\([^"]*\)".*/\1/p' "$ROOT/$directory"/*.csproj); do
            pending="$pending $(cd "$ROOT/$directory" && realpath --relative-to "$ROOT" "$(dirname "$reference")")"
        done
    done
    printf '%s\n' $found Directory.Build.props Directory.Packages.props global.json scripts/build.sh
}

# source_hash PROJECT: everything that decides what is published, as one hash.
source_hash() {
    (
        cd "$ROOT" || exit 1
        # shellcheck disable=SC2046
        {
            dotnet --version
            if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
                git ls-files -z --cached --others --exclude-standard -- $(sources_of "$1")
            else
                find $(sources_of "$1") -type f -not -path '*/bin/*' -not -path '*/obj/*' -not -path '*/node_modules/*' -print0
            fi | LC_ALL=C sort -z | xargs -0 sha256sum 2>/dev/null
        } | sha256sum | cut -c1-16
    )
}

command_build() {
    [ $# -eq 0 ] || usage_error "build takes no arguments"
    make_directories
    find_dotnet
    publish_services >&2
    printf '%s\n' "$BUILD"
}

# publish_services: sets BUILD to the published build, made now if the sources changed.
publish_services() {
    if [ -n "${CLOUDVM_BUILD:-}" ]; then
        adopt_build "$CLOUDVM_BUILD"
        return
    fi
    local project hashes=
    for project in $PUBLISHED; do hashes="$hashes$(source_hash "$project") "; done
    BUILD=$BUILDS/$(printf '%s' "$hashes" | sha256sum | cut -c1-16)
    [ ! -d "$BUILD" ] || return 0
    say "building CloudVm (once per change of its sources)"
    local work=$BUILDS/.new-$$ log=$LOGS/build.log began=$SECONDS
    rm -rf "$work"
    mkdir "$work"
    : >"$log"
    for project in $PUBLISHED; do
        publish_project "$project" "${hashes%% *}" "$work" "$log"
        hashes=${hashes#* }
    done
    mv "$work" "$BUILD" || fail "cannot put the build in place at $BUILD"
    say "built in $((SECONDS - began)) s"
}

# publish_project PROJECT HASH DIRECTORY LOG: takes it over from an earlier build if its own sources are the same.
publish_project() {
    local stamp
    for stamp in "$BUILDS"/*/"$1/.sources" "$BUILDS"/.new-*/"$1/.sources"; do
        if [ "$(cat "$stamp" 2>/dev/null)" = "$2" ] && cp -al "$(dirname "$stamp")" "$3/"; then return; fi
    done
    say "  publishing $1"
    # shellcheck disable=SC2046
    quiet_dotnet publish "$ROOT/src/$1/$1.csproj" -c Release $(publish_options "$1") -o "$3/$1" >>"$4" 2>&1 || {
        grep -E 'error|Error' "$4" | sort -u | head -n 20 >&2
        rm -rf "$3/$1"
        fail "publishing $1 failed (log: $4)"
    }
    printf '%s' "$2" >"$3/$1/.sources"
}

# adopt_build DIRECTORY: a build made elsewhere. Linked, or else copied, among our own, because the place a process runs
# from tells whose it is.
adopt_build() {
    [ -x "$1/Api/CloudVm.Api" ] || fail "CLOUDVM_BUILD names no build: $1"
    BUILD=$BUILDS/$(basename "$1")
    [ ! -d "$BUILD" ] || return 0
    local work=$BUILDS/.new-$$
    rm -rf "$work"
    cp -al "$1" "$work" 2>/dev/null || { rm -rf "$work" && cp -a "$1" "$work"; } || fail "cannot copy the build in $1"
    mv "$work" "$BUILD" || fail "cannot put the build in place at $BUILD"
}

# Compiled ahead for this kind of machine, so that processes start quickly. The dashboard cannot be: it downloads a
# runtime package of its own, which NuGet takes for a duplicate of the one that such a build asks for.
publish_options() {
    [ "$1" = Web ] || [ "$(uname -m)" != x86_64 ] || printf '%s' '-r linux-x64 --self-contained false -p:PublishReadyToRun=true -p:NuGetLockFilePath=obj/publish.lock.json'
}

# quiet_dotnet COMMAND ARGUMENT...: without build servers that would outlive it.
quiet_dotnet() {
    local command=$1
    shift
    MSBUILDDISABLENODEREUSE=1 DOTNET_CLI_USE_MSBUILD_SERVER=0 \
        dotnet "$command" "$@" -nologo -v:quiet -nodeReuse:false -p:UseSharedCompilation=false
}

prune_builds() {
    local build
    for build in "$BUILDS"/* "$BUILDS"/.new-*; do
        [ -d "$build" ] && [ "$build" != "$BUILD" ] || continue
        [ -n "$(processes_running_from "$build")" ] || rm -rf "$build"
    done
}
