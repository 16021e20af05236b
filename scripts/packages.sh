# Debian packages: what is missing is installed when we are root, and named otherwise.

MISSING=

# want PACKAGE... unless the test that follows "--" holds.
want() {
    local packages=
    while [ "$1" != -- ]; do
        packages="$packages $1"
        shift
    done
    shift
    "$@" >/dev/null 2>&1 || MISSING="$MISSING$packages"
}

has_command() { command -v "$1"; }

has_library() { ldconfig -p 2>/dev/null | grep -q "$1" || ls /usr/lib/*/"$1"* /lib/*/"$1"*; }

want_for_up() {
    want curl ca-certificates -- has_command curl
    want libzstd1 -- has_library libzstd.so.1
    want npm -- has_command npm
    want passt -- has_command passt
    [ -n "${CLOUDVM_DATABASE:-}" ] || want postgresql -- postgres_binaries
}

want_for_test() {
    want postgresql -- postgres_binaries
    want gcc-aarch64-linux-gnu libc6-dev-arm64-cross -- has_command aarch64-linux-gnu-gcc
    want qemu-user -- has_command qemu-aarch64
    want qemu-system-arm -- has_command qemu-system-aarch64
    want chromium -- has_command chromium
    want device-tree-compiler -- has_command dtc
    want gdb-multiarch -- has_command gdb-multiarch
}

# install_missing PURPOSE: after the want_… functions.
install_missing() {
    [ -n "$MISSING" ] || return 0
    local packages=${MISSING# }
    command -v apt-get >/dev/null || fail "$1 needs what Debian has in these packages: $packages"
    if [ "$UID" -ne 0 ]; then
        printf '%s\n' "cloudvm: error: $1 needs packages that are not installed. Run:" "  sudo apt-get install -y --no-install-recommends $packages" >&2
        exit 1
    fi
    say "installing Debian packages: $packages"
    apt_install "$packages"
    MISSING=
}

apt_install() {
    local log=$LOGS/apt.log guard=
    # No package may start a service while it is installed: PostgreSQL here is private, not the machine's.
    if [ ! -e /usr/sbin/policy-rc.d ]; then
        guard=/usr/sbin/policy-rc.d
        printf '#!/bin/sh\nexit 101\n' >"$guard" && chmod +x "$guard"
        # shellcheck disable=SC2064  # The value of now is meant.
        trap "rm -f '$guard'" EXIT
    fi
    (
        export DEBIAN_FRONTEND=noninteractive
        options='-y -q --no-install-recommends -o DPkg::Lock::Timeout=300'
        apt-get -q update
        case " $1 " in *' postgresql '*)
            # shellcheck disable=SC2086
            apt-get $options install postgresql-common || exit 1
            sed -i -E 's/^#? *create_main_cluster *=.*/create_main_cluster = false/' /etc/postgresql-common/createcluster.conf || exit 1
            ;;
        esac
        # shellcheck disable=SC2086
        apt-get $options install $1
    ) >"$log" 2>&1
    local status=$?
    if [ -n "$guard" ]; then
        rm -f "$guard"
        trap - EXIT
    fi
    [ $status -eq 0 ] || {
        tail -n 15 "$log" >&2
        fail "apt-get could not install: $1 (log: $log)"
    }
}

# The .NET SDK is the one thing that must be there already.
find_dotnet() {
    local place
    if ! command -v dotnet >/dev/null; then
        for place in "${DOTNET_ROOT:-}" "$HOME/.dotnet" /usr/share/dotnet /usr/lib/dotnet /opt/dotnet; do
            [ -x "$place/dotnet" ] && PATH=$place:$PATH && break
        done
    fi
    command -v dotnet >/dev/null || fail "the .NET SDK is missing (global.json names the version); see https://dot.net/download"
    # The services are framework-dependent executables, which look for the runtime here.
    DOTNET_ROOT=${DOTNET_ROOT:-$(dirname "$(readlink -f "$(command -v dotnet)")")}
    export PATH DOTNET_ROOT DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 DOTNET_SKIP_FIRST_TIME_EXPERIENCE=1
}
