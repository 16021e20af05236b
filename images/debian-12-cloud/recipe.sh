# Debian 12's kernel for virtual machines, with a busybox user space in memory.
DESCRIPTION='Debian 12 cloud kernel with a busybox shell; runs from memory, or from a disk named by root='
PACKAGES=(linux-image-cloud-arm64 busybox-static)
COMMAND_LINE='console=ttyAMA0'
MINIMUM_MEMORY=192

make_image() { cloud_kernel_and_initrd; }
