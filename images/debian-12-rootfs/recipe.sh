# Debian 12 on a disk: unpacked by debootstrap and dpkg on this machine; the packages' own scripts run in a virtual machine of
# ours. That takes some minutes.
DESCRIPTION='Debian 12 (minimal, with apt and bash) on an ext4 disk, with the cloud kernel'
PACKAGES=(linux-image-cloud-arm64 busybox-static)
COMMAND_LINE='console=ttyAMA0 root=/dev/vda'
MINIMUM_MEMORY=256
TOOLS+=(debootstrap mke2fs e2fsck)
[ "$(id -u)" -eq 0 ] || TOOLS+=(fakeroot)

DISK_SIZE=1536M
# Much more than it takes: for a machine that has other things to do.
SECOND_STAGE_SECONDS=5400

# What of the packages on the disk can change: Debian's signed list of the release.
rootfs_key() { sha256sum "$CACHE"/apt/lists/*_dists_"$SUITE"_InRelease | cut -d' ' -f1; }

make_image() {
    local hypervisor=${CLOUDVM_HYPERVISOR:-} log=$CACHE/second-stage.log began=$SECONDS as_root=()
    [ -x "$hypervisor" ] || fail "CLOUDVM_HYPERVISOR must name a Hypervisor, in which the second stage runs; ./cloudvm images $NAME does that"
    cloud_kernel_and_initrd
    say "unpacking Debian's base packages"
    [ "$(id -u)" -eq 0 ] || as_root=(fakeroot)
    "${as_root[@]}" bash "$IMAGES/debian-12-rootfs/first-stage.sh" "$SUITE" "$MIRROR" "$KEYRING" "$WORK/tree" "$IMAGES/initramfs" disk "$DISK_SIZE" \
        >"$CACHE/first-stage.log" 2>&1 || fail "debootstrap failed: $(tail -n 1 "$CACHE/first-stage.log") (log: $CACHE/first-stage.log)"
    rm -rf "$WORK/tree"
    say "configuring them in a virtual machine (log: $log)"
    timeout "$SECOND_STAGE_SECONDS" "$hypervisor" run --kernel kernel --initrd initrd --disk disk --cpus 2 --memory 512 --no-ptrauth \
        --append "$COMMAND_LINE init=/debootstrap/second-stage" </dev/null >"$log" 2>&1 || fail "the virtual machine failed or took too long (log: $log)"
    grep -q '^cloudvm: the second stage is complete' "$log" || fail "the second stage failed (log: $log)"
    PATH=$PATH:/usr/sbin:/sbin e2fsck -f -p disk >>"$log" 2>&1 || fail "the disk's file system is damaged (log: $log)"
    say "configured in $((SECONDS - began)) s"
}
