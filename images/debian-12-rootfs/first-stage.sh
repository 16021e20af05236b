#!/bin/bash
# first-stage.sh SUITE MIRROR KEYRING TREE INITRAMFS DISK SIZE: unpacks Debian's base system and makes a disk of it, on which
# second-stage.sh, the guest's first process, then runs the packages' scripts. As root, or under fakeroot: the files must
# belong to root on the disk.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
suite=$1 mirror=$2 keyring=$3 tree=$4 initramfs=$5 disk=$6 size=$7
PATH=$PATH:/usr/sbin:/sbin

# ar_member NAME FILE: a file as a member of an archive; those of packages have even lengths, so there is no padding.
ar_member() {
    printf '%-16s%-12d%-6d%-6d%-8s%-10d`\n' "$1" 0 0 0 100644 "$(stat -c %s "$2")"
    cat "$2"
}

# without_preinst PACKAGE FROM TO: the package file FROM without the script that dpkg would run before it unpacks it, which
# this machine's CPU cannot. The guest runs it from /debootstrap/preinst. Uncompressed, since it is read once.
without_preinst() {
    local parts=$tree/debootstrap/parts
    mkdir -p "$parts" "$tree/debootstrap/preinst"
    printf '2.0\n' >"$parts/debian-binary"
    dpkg-deb --ctrl-tarfile "$2" >"$parts/control.tar"
    dpkg-deb --fsys-tarfile "$2" >"$parts/data.tar"
    if tar -x -O -f "$parts/control.tar" ./preinst >"$parts/preinst" 2>/dev/null; then
        install -m 755 "$parts/preinst" "$tree/debootstrap/preinst/$1"
        tar --delete -f "$parts/control.tar" ./preinst
    fi
    {
        printf '!<arch>\n'
        for part in debian-binary control.tar data.tar; do ar_member "$part" "$parts/$part"; done
    } >"$3"
    rm -r "$parts"
}

# unpack_packages: all that was downloaded becomes "unpacked" in the tree's own dpkg database. dpkg runs no script for that.
unpack_packages() {
    local file packages=()
    mkdir "$tree/debootstrap/packages"
    for file in "$tree"/var/cache/apt/archives/*.deb; do
        packages+=("$tree/debootstrap/packages/$(basename "$file")")
        without_preinst "$(dpkg-deb --field "$file" Package)" "$file" "${packages[-1]}"
    done
    dpkg --root="$tree" --force-architecture --force-depends --force-unsafe-io --no-triggers "${excludes[@]/#/--}" --unpack "${packages[@]}"
    rm -r "$tree/debootstrap/packages" "$tree"/var/cache/apt/archives/*.deb
}

debootstrap --arch=arm64 --foreign --variant=minbase --include=busybox-static,xz-utils --keyring="$keyring" "$suite" "$tree" "$mirror"

# What a console has no use for stays off the disk, as in Debian's own slim images; licences stay.
excludes=()
for directory in doc man info locale lintian; do
    excludes+=("path-exclude=/usr/share/$directory/*")
    [ ! -d "$tree/usr/share/$directory" ] || find "$tree/usr/share/$directory" -mindepth 1 -not -type d -not -name copyright -delete
done
excludes+=('path-include=/usr/share/doc/*/copyright')
unpack_packages
printf '%s\n' "${excludes[@]}" >"$tree/etc/dpkg/dpkg.cfg.d/slim"

# On a host that is a container, debootstrap makes /proc a link to the host's; the guest mounts its own.
[ ! -L "$tree/proc" ] || { rm "$tree/proc" && mkdir "$tree/proc"; }

# busybox is the first process: it starts a shell on the console, and what the initial RAM disk has, too.
ln -s /bin/busybox "$tree/sbin/init"
for program in cloudvm-agent power-button; do install -D -m 755 "$initramfs/sbin/$program" "$tree/usr/local/sbin/$program"; done
cat >"$tree/etc/inittab" <<'TEXT'
::sysinit:/bin/busybox hostname debian
::sysinit:/bin/busybox ip link set lo up
ttyAMA0::respawn:-/bin/bash
::respawn:/usr/local/sbin/cloudvm-agent
::ctrlaltdel:/bin/busybox reboot
::shutdown:sync; umount -a -r
TEXT
for program in poweroff reboot halt; do ln -s /bin/busybox "$tree/sbin/$program"; done
echo debian >"$tree/etc/hostname"
rm -f "$tree/etc/resolv.conf" # debootstrap copies the host's
# busybox starts the shell with / as its home.
mkdir -p "$tree/etc/profile.d"
cat >"$tree/etc/profile.d/console.sh" <<'TEXT'
export HOME=/root
cd
PS1='\h:\w\$ '
TEXT
echo "deb $mirror $suite main" >"$tree/etc/apt/sources.list"
install -m 755 "$here/second-stage.sh" "$tree/debootstrap/second-stage"
rm -f "$disk"
truncate -s "$size" "$disk"
mke2fs -q -F -t ext4 -L debian -m 1 -d "$tree" "$disk"
