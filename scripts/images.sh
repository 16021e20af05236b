# Guest images that recipes make from Debian packages: images/build.sh makes one; here it is started and watched.

IMAGE_CACHE=${CLOUDVM_IMAGE_CACHE:-$STATE/images}
DEMONSTRATION_IMAGE=${CLOUDVM_DEMONSTRATION:-debian-12-cloud}

want_for_images() {
    want kmod -- has_tool depmod
    want cpio -- has_command cpio
    want debian-archive-keyring -- test -e /usr/share/keyrings/debian-archive-keyring.gpg
}

# want_for_rootfs: what a disk image needs besides; its second stage also runs in a Hypervisor of this build.
want_for_rootfs() {
    want debootstrap -- has_tool debootstrap
    want e2fsprogs -- has_tool mke2fs
    [ "$UID" -eq 0 ] || want fakeroot -- has_command fakeroot
}

# has_tool NAME: also where only root looks for programs.
has_tool() { PATH=$PATH:/usr/sbin:/sbin command -v "$1"; }

command_images() {
    local update= name names=
    while [ $# -gt 0 ]; do
        case $1 in
            --update) update=--update ;;
            -*) usage_error "images does not know '$1'" ;;
            *) names="$names $1" ;;
        esac
        shift
    done
    if [ -z "$names" ]; then
        list_images
        return
    fi
    for name in $names; do [ -f "$ROOT/images/$name/recipe.sh" ] || usage_error "there is no recipe for '$name'"; done
    make_directories
    want_for_images
    case $names in
        *-rootfs*)
            want_for_up
            want_for_rootfs
            install_missing "./cloudvm images"
            find_dotnet
            publish_services >&2
            export CLOUDVM_HYPERVISOR=$BUILD/Hypervisor/CloudVm.Hypervisor
            ;;
        *) install_missing "./cloudvm images" ;;
    esac
    for name in $names; do
        CLOUDVM_IMAGE_CACHE=$IMAGE_CACHE "$ROOT/images/build.sh" $update "$name" || exit 1
    done
}

# What recipes there are, and where their output is.
list_images() {
    local recipe name
    for recipe in "$ROOT"/images/*/recipe.sh; do
        name=$(basename "$(dirname "$recipe")")
        printf '%-20s %s\n' "$name" "$(readlink -f "$IMAGE_CACHE/ready/$name" 2>/dev/null || echo 'not built')"
    done
}

# start_image_build: what the demonstration needs, in the background, since a first build loads packages. image_build_state
# says how it went; nothing else waits for it.
start_image_build() {
    local log=$LOGS/images.log
    rm -f "$RUN/images.state"
    [ -f "$ROOT/images/$DEMONSTRATION_IMAGE/recipe.sh" ] || return 0
    if [ -d "$IMAGE_CACHE/ready/$DEMONSTRATION_IMAGE" ]; then
        say "checking the guest image $DEMONSTRATION_IMAGE"
    else
        say "building the guest image $DEMONSTRATION_IMAGE from Debian packages in the background (log: $log)"
    fi
    # A session of its own, so that it can be stopped with all it started.
    printf 'building\n' >"$RUN/images.state"
    (
        exec {PAUSE_FD}>&- {LOCK_FD}>&- </dev/null >"$log" 2>&1
        exec setsid "$ROOT/cloudvm" build-demonstration-image
    ) &
    record_process images $! || :
}

# Internal: the background half of start_image_build.
command_build_demonstration_image() {
    if (command_images "$DEMONSTRATION_IMAGE"); then
        printf 'ready\n' >"$RUN/images.state.new"
    else
        printf 'failed %s\n' "$(tail -n 1 "$LOGS/images.log")" >"$RUN/images.state.new"
    fi
    mv "$RUN/images.state.new" "$RUN/images.state"
}

# image_build_state: building, ready, "failed REASON", or none where the demonstration needs no recipe.
image_build_state() {
    local state
    { read -r state <"$RUN/images.state"; } 2>/dev/null || state=none
    if [ "$state" = building ] && ! recorded_pid images >/dev/null; then
        # It may have ended between the two looks.
        { read -r state <"$RUN/images.state"; } 2>/dev/null || state=none
        [ "$state" != building ] || state='failed the build was ended'
    fi
    printf '%s' "$state"
}

stop_image_build() {
    local pid
    if pid=$(recorded_pid images); then kill -TERM -- "-$pid" 2>/dev/null; fi
    stop_recorded images TERM 10
}
