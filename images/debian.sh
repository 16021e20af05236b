# Debian packages for the recipes: apt with a state of its own, so that the machine's package set-up is not touched.

SUITE=bookworm
KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg
TOOLS=(apt-get dpkg-deb depmod cpio sha256sum)

# need_tools COMMAND...: fails with the Debian packages that have what is missing.
need_tools() {
    local tool missing=
    for tool in "$@"; do
        PATH=$PATH:/usr/sbin:/sbin command -v "$tool" >/dev/null || missing="$missing $tool"
    done
    [ -e "$KEYRING" ] || missing="$missing $KEYRING"
    [ -z "$missing" ] || fail "this machine lacks$missing (Debian packages apt, dpkg, kmod, cpio, coreutils, e2fsprogs, debootstrap, debian-archive-keyring)"
}

# mirror_of LABEL: the address of Debian's archive (Debian) or security archive (Debian-Security) among the machine's own sources.
# An archive has every release, so it does not matter which one the machine runs.
mirror_of() {
    apt-get indextargets --format '$(LABEL) $(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
        awk -v label="$1" '$1 == label { sub("/$", "", $2); print $2; exit }'
}

# private_apt: fills APT, the options that every apt command is given.
private_apt() {
    local state=$CACHE/apt main security
    mkdir -p "$state/lists/partial" "$state/cache/archives/partial"
    [ -e "$state/status" ] || : >"$state/status"
    if [ -n "${CLOUDVM_DEBIAN_MIRROR:-}" ]; then
        main=${CLOUDVM_DEBIAN_MIRROR%/}
        security=${CLOUDVM_DEBIAN_SECURITY_MIRROR:-$main-security}
    else
        main=$(mirror_of Debian)
        [ -n "$main" ] || fail "this machine's apt names no Debian archive; set CLOUDVM_DEBIAN_MIRROR to one"
        security=$(mirror_of Debian-Security)
        security=${security:-$main-security}
    fi
    MIRROR=$main
    printf 'deb [arch=arm64 signed-by=%s] %s %s main\n' "$KEYRING" "$main" "$SUITE" "$KEYRING" "$main" "$SUITE-updates" \
        "$KEYRING" "$security" "$SUITE-security" >"$state/sources.list"
    APT=(-q -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o APT::Sandbox::User= -o Acquire::Languages=none
        -o "Dir::Etc::SourceList=$state/sources.list" -o Dir::Etc::SourceParts=- -o Dir::Etc::Preferences=- -o Dir::Etc::PreferencesParts=-
        -o "Dir::State=$state" -o "Dir::State::Lists=$state/lists" -o "Dir::State::status=$state/status" -o "Dir::Cache=$state/cache"
        -o Acquire::http::Timeout=20 -o Acquire::Retries=1 -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false)
}

# package_field PACKAGE FIELD: of the version that apt would install.
package_field() { apt-cache "${APT[@]}" show --no-all-versions "$1" 2>/dev/null | sed -n "s/^$2: //p" | head -n 1; }

# resolve_packages UPDATE: the recipe's PACKAGES, and what a kernel metapackage stands for, as DEBS[name] = path, with
# PACKAGE_HASHES. Downloads what is missing; apt checks the signatures and checksums.
resolve_packages() {
    local log=$CACHE/apt.log package real version sha file
    private_apt
    # Lists of which a first download broke off count as none.
    if [ -n "$1" ] || [ ! -e "$CACHE/apt/updated" ]; then
        say "asking $MIRROR for package lists"
        if apt-get "${APT[@]}" -o APT::Update::Error-Mode=any update >"$log" 2>&1; then
            : >"$CACHE/apt/updated"
        elif [ -e "$CACHE/apt/updated" ]; then
            say "the package lists could not be renewed; going on with those of $(date -r "$CACHE/apt/updated" +%F)"
        else
            fail "Debian's package lists cannot be had, so this image cannot be built: $(grep -m 3 -E '^(E|Err|W):' "$log" | tr '\n' ' ')(log: $log). It needs a network with a Debian mirror, or CLOUDVM_DEBIAN_MIRROR; the image hello-sve works without."
        fi
    fi
    declare -gA DEBS=() VERSIONS=()
    PACKAGE_HASHES=()
    for package in "${PACKAGES[@]}"; do
        real=$package
        case $package in
            linux-image-*)
                real=$(package_field "$package" Depends | sed 's/ .*//')
                KERNEL_RELEASE=${real#linux-image-}
                ;;
        esac
        version=$(package_field "$real" Version)
        sha=$(package_field "$real" SHA256)
        [ -n "$sha" ] || fail "Debian $SUITE has no package $real for arm64 (asked for $package)"
        file=$CACHE/debs/${real}_${version//:/%3a}_arm64.deb
        if ! printf '%s  %s\n' "$sha" "$file" | sha256sum --check --status 2>/dev/null; then
            say "downloading $real $version"
            (cd "$CACHE/debs" && apt-get "${APT[@]}" download "$real=$version") >"$log" 2>&1 ||
                fail "$real cannot be downloaded: $(grep -m 3 -E '^(E|Err):' "$log" | tr '\n' ' ')(log: $log)"
            [ -e "$file" ] || mv "$CACHE/debs/${real}_${version//:/%3a}_"*.deb "$file"
            printf '%s  %s\n' "$sha" "$file" | sha256sum --check --status || fail "$file is not what Debian's signed lists say"
        fi
        DEBS[$package]=$file VERSIONS[$package]=$version
        PACKAGE_HASHES+=("$real $version $sha")
    done
}

# unpack PACKAGE DIRECTORY [PATH...]: the package's files, or only those below the paths.
unpack() {
    local package=$1 directory=$2
    shift 2
    mkdir -p "$directory"
    dpkg-deb --fsys-tarfile "${DEBS[$package]}" | tar -x -C "$directory" --no-same-owner "$@"
}

# take_kernel PACKAGE: the kernel goes to ./kernel, its modules to $WORK/kernel/lib/modules with their dependencies known.
take_kernel() {
    unpack "$1" "$WORK/kernel" --wildcards './boot/vmlinuz-*' './lib/modules/*'
    mv "$WORK/kernel/boot/vmlinuz-$KERNEL_RELEASE" kernel
    PATH=$PATH:/usr/sbin:/sbin depmod -b "$WORK/kernel" "$KERNEL_RELEASE"
}

# add_modules ROOT MODULE...: the modules and all that they need, below ROOT, so that modprobe finds them there.
add_modules() {
    local root=$1 from=$WORK/kernel/lib/modules/$KERNEL_RELEASE to file
    shift
    to=$root/lib/modules/$KERNEL_RELEASE
    mkdir -p "$to"
    cp "$from/modules.order" "$from/modules.builtin" "$from/modules.builtin.modinfo" "$to/"
    for module in "$@"; do
        PATH=$PATH:/usr/sbin:/sbin modprobe -d "$WORK/kernel" -S "$KERNEL_RELEASE" --show-depends "$module" ||
            fail "the kernel $KERNEL_RELEASE has no module $module"
    done | sed -n "s|^insmod $from/||p" | sed 's/ *$//' | sort -u | while read -r file; do
        install -D -m 644 "$from/$file" "$to/$file"
    done
    PATH=$PATH:/usr/sbin:/sbin depmod -b "$root" "$KERNEL_RELEASE"
}

# The modules that make every virtio device of the board work, and the file system of the images that are disks.
VIRTIO_MODULES=(virtio_mmio virtio_console virtio-rng virtio_balloon virtio_blk virtio_net ext4)

# cloud_kernel_and_initrd: ./kernel and ./initrd of Debian's kernel for virtual machines.
cloud_kernel_and_initrd() {
    take_kernel linux-image-cloud-arm64
    busybox_root "$WORK/root"
    add_modules "$WORK/root" "${VIRTIO_MODULES[@]}"
    make_initramfs "$WORK/root" initrd
}

# make_initramfs ROOT FILE: ROOT as an uncompressed cpio archive, the same bytes for the same content. Uncompressed,
# because unpacking costs an emulated CPU more than reading does.
make_initramfs() {
    find "$1" -exec touch -h -d @0 {} +
    (cd "$1" && find . -print0 | LC_ALL=C sort -z | cpio --quiet -0 -o -H newc --reproducible -R 0:0) >"$2"
}

# busybox_root ROOT: busybox and the start-up files of this directory's initramfs.
busybox_root() {
    mkdir -p "$1"/{bin,sbin,etc,dev,proc,sys,run,tmp,root,mnt,usr/bin,usr/sbin}
    unpack busybox-static "$WORK/busybox" ./bin
    cp "$WORK/busybox/bin/busybox" "$1/bin/busybox"
    ln -s busybox "$1/bin/sh"
    cp -r "$IMAGES/initramfs/." "$1/"
    chmod -R u=rwX,go=rX "$1"
    chmod 700 "$1/root"
    chmod 1777 "$1/tmp"
    chmod 755 "$1/init" "$1"/sbin/*
}
