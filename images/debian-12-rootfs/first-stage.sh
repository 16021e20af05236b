#!/bin/bash
# first-stage.sh SUITE MIRROR KEYRING TREE INITRAMFS DISK SIZE: unpacks Debian's base system and makes a disk of it. As root,
# or under fakeroot: the files must belong to root on the disk.
set -euo pipefail
suite=$1 mirror=$2 keyring=$3 tree=$4 initramfs=$5 disk=$6 size=$7
PATH=$PATH:/usr/sbin:/sbin
debootstrap --arch=arm64 --foreign --variant=minbase --include=busybox-static,xz-utils --keyring="$keyring" "$suite" "$tree" "$mirror"

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
# busybox starts the shell with / as its home.
mkdir -p "$tree/etc/profile.d"
cat >"$tree/etc/profile.d/console.sh" <<'TEXT'
export HOME=/root
cd
PS1='\h:\w\$ '
TEXT
cat >"$tree/debootstrap/in-guest" <<'TEXT'
#!/bin/sh
# First process of the machine that finishes the installation.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root DEBIAN_FRONTEND=noninteractive
cp /debootstrap/release /run/release
if /debootstrap/debootstrap --second-stage; then
    . /run/release
    echo "deb $mirror $suite main" >/etc/apt/sources.list
    : >/etc/fstab
    apt-get clean
    echo 'cloudvm: the second stage is complete'
else
    tail -n 40 /debootstrap/debootstrap.log
fi
sync
mount -o remount,ro /
echo o >/proc/sysrq-trigger
while :; do sleep 60; done
TEXT
chmod 755 "$tree/debootstrap/in-guest"
printf 'mirror=%s\nsuite=%s\n' "$mirror" "$suite" >"$tree/debootstrap/release"
rm -f "$disk"
truncate -s "$size" "$disk"
mke2fs -q -F -t ext4 -L debian -m 1 -d "$tree" "$disk"
