# Debian 12's general kernel, with a busybox user space in memory; it has a driver for the power button.
DESCRIPTION='Debian 12 kernel with a busybox shell; runs from memory, or from a disk named by root='
PACKAGES=(linux-image-arm64 busybox-static)
COMMAND_LINE='console=ttyAMA0'
MINIMUM_MEMORY=192

make_image() {
    take_kernel linux-image-arm64
    busybox_root "$WORK/root"
    add_modules "$WORK/root" "${VIRTIO_MODULES[@]}" gpio_keys evdev
    make_initramfs "$WORK/root" initrd
}
