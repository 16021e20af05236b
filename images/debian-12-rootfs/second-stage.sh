#!/bin/sh
# The first process of the machine that finishes the installation: runs the scripts of the packages that first-stage.sh
# unpacked, and switches the machine off.
# A file that is deleted while it is in use would keep the disk from being unmounted.
if [ "$0" != /run/second-stage ]; then
    cp "$0" /run/second-stage
    exec /run/second-stage
fi
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C DEBIAN_FRONTEND=noninteractive DEBCONF_NONINTERACTIVE_SEEN=true

configure() {
    echo "configuring $*"
    dpkg --force-depends --force-configure-any --force-unsafe-io --configure "$@"
}

second_stage() {
    local script
    ldconfig
    ln -sf mawk /usr/bin/awk # until mawk is configured
    [ -e /etc/localtime ] || ln -s /usr/share/zoneinfo/UTC /etc/localtime
    # No service is to be started by its package.
    printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
    chmod 755 /usr/sbin/policy-rc.d
    for script in base-passwd base-files /debootstrap/preinst/*; do
        script=/debootstrap/preinst/${script##*/}
        [ -x "$script" ] || continue
        echo "preparing ${script##*/}"
        DPKG_MAINTSCRIPT_NAME=preinst DPKG_MAINTSCRIPT_PACKAGE=${script##*/} DPKG_ROOT='' DPKG_ADMINDIR=/var/lib/dpkg DPKG_MAINTSCRIPT_ARCH=arm64 \
            "$script" install
        rm "$script"
    done
    configure base-passwd
    configure base-files
    configure --pending
    rm /usr/sbin/policy-rc.d
    : >/etc/fstab
    [ -z "$(dpkg --audit)" ]
}

# A command of its own, since the shell ignores "set -e" in what an "if" tests.
(set -e; second_stage)
status=$?
if [ $status -eq 0 ]; then
    rm -r /debootstrap
    echo 'cloudvm: the second stage is complete'
else
    echo "cloudvm: the second stage failed with status $status"
    dpkg --audit
fi
sync
mount -o remount,ro /
# What switches off is the kernel, since this process has no init to ask.
echo o >/proc/sysrq-trigger
while :; do sleep 60; done
