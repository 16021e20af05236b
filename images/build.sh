#!/usr/bin/env bash
# build.sh [--update] NAME: makes a guest image from Debian's arm64 packages and prints its directory.
#
# The output is content-addressed: its name is a hash of the recipe and of the packages' versions and checksums. What is
# there already is used as it stands, without a look at the network; --update asks Debian for newer packages first.
set -euo pipefail
IMAGES=$(cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")" && pwd -P)
CACHE=${CLOUDVM_IMAGE_CACHE:-$(dirname "$IMAGES")/.cloudvm/images}
. "$IMAGES/debian.sh"

say() { printf 'image %s: %s\n' "$NAME" "$*" >&2; }

fail() {
    printf 'image %s: error: %s\n' "$NAME" "$*" >&2
    exit 1
}

# recipe_hash: of every file that decides what comes out, besides the packages.
recipe_hash() {
    (cd "$IMAGES" && find build.sh debian.sh initramfs "$NAME" -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum) | sha256sum | cut -c1-64
}

# role_entry ROLE FILE: one element of the manifest's list of files.
role_entry() { printf '    { "role": "%s", "path": "%s", "sha256": "%s" }' "$1" "$2" "$(sha256sum "$2" | cut -d' ' -f1)"; }

write_manifest() {
    {
        printf '{\n  "name": "%s",\n  "description": "%s",\n  "kind": "linuxBundle",\n  "files": [\n' "$NAME" "$DESCRIPTION"
        role_entry kernel kernel
        printf ',\n'
        role_entry initrd initrd
        [ ! -e disk ] || { printf ',\n' && role_entry disk disk; }
        printf '\n  ],\n  "commandLine": "%s",\n  "minimumMemoryMiB": %d\n}\n' "$COMMAND_LINE" "$MINIMUM_MEMORY"
    } >image.json
}

# is_current: the image in use was made by this very recipe.
is_current() { [ "$(cat "$CACHE/ready/$NAME/recipe" 2>/dev/null)" = "$RECIPE" ] && [ -e "$CACHE/ready/$NAME/image.json" ]; }

main() {
    local update=
    NAME='(none)'
    [ "${1:-}" != --update ] || { update=1 && shift; }
    [ $# -eq 1 ] || fail "usage: build.sh [--update] NAME"
    NAME=$1
    [ -f "$IMAGES/$NAME/recipe.sh" ] || fail "there is no recipe $IMAGES/$NAME/recipe.sh"
    # shellcheck source=/dev/null
    . "$IMAGES/$NAME/recipe.sh"
    RECIPE=$(recipe_hash)
    if [ -z "$update" ] && is_current; then
        readlink -f "$CACHE/ready/$NAME"
        return
    fi
    need_tools "${TOOLS[@]}"
    mkdir -p "$CACHE/debs" "$CACHE/store" "$CACHE/ready"
    exec {lock}>"$CACHE/lock"
    flock "$lock"
    # Another process may have built it while this one waited.
    if [ -z "$update" ] && is_current; then
        readlink -f "$CACHE/ready/$NAME"
        return
    fi
    rm -rf "$CACHE"/store/.new-* # of a build that was killed
    resolve_packages "$update"
    ! declare -F rootfs_key >/dev/null || PACKAGE_HASHES+=("$(rootfs_key)")
    local key directory
    key=$({ printf '%s\n' "$RECIPE" && printf '%s\n' "${PACKAGE_HASHES[@]}"; } | sha256sum | cut -c1-16)
    directory=$CACHE/store/$NAME-$key
    if [ ! -e "$directory/image.json" ]; then
        WORK=$(mktemp -d "$CACHE/store/.new-XXXXXX")
        trap 'rm -rf "$WORK"' EXIT
        mkdir "$WORK/out"
        (cd "$WORK/out" && make_image && printf '%s\n' "$RECIPE" >recipe && write_manifest)
        rm -rf "$directory"
        mv "$WORK/out" "$directory"
    fi
    ln -s "../store/$NAME-$key" "$CACHE/ready/.$NAME.$$"
    mv -T "$CACHE/ready/.$NAME.$$" "$CACHE/ready/$NAME"
    say "ready in $directory"
    printf '%s\n' "$directory"
}

main "$@"
