# Where things live and which ports they use. Everything can be overridden from the environment.

STATE=${CLOUDVM_STATE_DIR:-$ROOT/.cloudvm}
case $STATE in /*) ;; *) STATE=$PWD/$STATE ;; esac
SECRETS=$STATE/secrets
LOGS=$STATE/logs
BUILDS=$STATE/builds
# Tells this installation's things from those of another one on the same machine.
INSTANCE=$(printf '%s' "$STATE" | sha256sum | cut -c1-10)
SERVICES='Api Worker Web'

# A Unix socket's path may have 107 bytes, so sockets live in a short private directory whatever the length of STATE.
if [ -n "${CLOUDVM_RUN_DIR:-}" ]; then
    RUN=$CLOUDVM_RUN_DIR
elif [ "$UID" -ne 0 ] && [ -w "/run/user/$UID" ]; then
    RUN=/run/user/$UID/cloudvm-$INSTANCE
else
    RUN=/tmp/cloudvm-$UID-$INSTANCE
fi
INSTANCE_FILE=$RUN/instance.env

# load_settings [--running]: the addresses; with --running, those that a running installation was started with.
load_settings() {
    if [ "${1:-}" = --running ] && [ -r "$INSTANCE_FILE" ]; then
        # shellcheck source=/dev/null
        . "$INSTANCE_FILE"
    fi
    local base=${CLOUDVM_PORT_BASE:-7400}
    case $base in '' | *[!0-9]*) fail "CLOUDVM_PORT_BASE must be a port number, but is '$base'" ;; esac
    [ "$base" -ge 1024 ] && [ "$base" -le 65400 ] || fail "CLOUDVM_PORT_BASE must be from 1024 to 65400, but is $base"
    : "${CLOUDVM_API_URL:=http://127.0.0.1:$base}"
    : "${CLOUDVM_NODE_URL:=http://127.0.0.1:$((base + 10))}"
    : "${CLOUDVM_WEB_URL:=http://127.0.0.1:$((base + 80))}"
}

# The environment that the services read.
export_settings() {
    export CLOUDVM_API_URL CLOUDVM_NODE_URL CLOUDVM_WEB_URL CLOUDVM_DATABASE
    export CLOUDVM_STATE_DIR=$STATE CLOUDVM_RUN_DIR=$RUN CLOUDVM_SECRETS_DIR=$SECRETS
    export CLOUDVM_BUILD_DIR=$BUILD CLOUDVM_HYPERVISOR=$BUILD/Hypervisor/CloudVm.Hypervisor
    export CLOUDVM_IMAGES_DIR=${CLOUDVM_IMAGES_DIR:-$ROOT/images:$IMAGE_CACHE/ready}
    export DOTNET_ENVIRONMENT=${DOTNET_ENVIRONMENT:-Production} ASPNETCORE_ENVIRONMENT=${ASPNETCORE_ENVIRONMENT:-Production}
    # One line per message, so that the logs of several services can be read side by side.
    export Logging__Console__FormatterName=simple
    export Logging__Console__FormatterOptions__SingleLine=true
    export Logging__Console__FormatterOptions__TimestampFormat='HH:mm:ss.fff '
    export Logging__Console__FormatterOptions__ColorBehavior=Disabled
}

# What `down`, `status`, `url` and `token` need to know about a running installation.
write_instance_file() {
    (umask 077 && for name in CLOUDVM_API_URL CLOUDVM_NODE_URL CLOUDVM_WEB_URL CLOUDVM_DATABASE BUILD; do
        printf '%s=%q\n' "$name" "${!name}"
    done >"$INSTANCE_FILE")
}

make_directories() {
    mkdir -p "$STATE" "$BUILDS" || fail "cannot create $STATE"
    private_directory "$SECRETS"
    private_directory "$LOGS"
    private_directory "$RUN"
}

# private_directory PATH: exists, is ours, and nobody else may look inside.
private_directory() {
    mkdir -p -m 700 "$1" || fail "cannot create $1"
    [ -O "$1" ] && [ ! -L "$1" ] || fail "$1 belongs to somebody else; remove it, or set CLOUDVM_RUN_DIR to another short path"
    chmod 700 "$1"
}

# write_secret NAME: a random secret that processes of this installation share, made once.
write_secret() {
    local file=$SECRETS/$1
    [ -s "$file" ] || (umask 077 && od -An -N32 -tx1 /dev/urandom | tr -d ' \n' >"$file.new" && mv "$file.new" "$file") ||
        fail "cannot write $file"
}

# port_of URL
port_of() {
    local rest=${1#*://}
    rest=${rest%%/*}
    case $rest in
        *:*) printf '%s' "${rest##*:}" ;;
        *) case $1 in https:*) printf 443 ;; *) printf 80 ;; esac ;;
    esac
}

# A port that somebody else listens on is named, with the setting that moves it, before anything is started.
check_ports() {
    local variable url port busy=0
    for variable in CLOUDVM_API_URL CLOUDVM_NODE_URL CLOUDVM_WEB_URL; do
        url=${!variable}
        port=$(port_of "$url")
        if port_is_busy "$port"; then
            printf '%s\n' "cloudvm: error: port $port ($url) is in use$(port_owner "$port"); set CLOUDVM_PORT_BASE or $variable to move it" >&2
            busy=1
        fi
    done
    [ $busy -eq 0 ] || exit 1
}

# listening_inodes PORT: socket inodes of those who listen on it at loopback or at every address.
listening_inodes() {
    awk -v port="$(printf '%04X' "$1")" '
        $4 == "0A" { split($2, a, ":"); if (a[2] == port && (a[1] ~ /^0+$/ || a[1] ~ /7F$/ || a[1] ~ /01000000$/)) print $10 }' \
        /proc/net/tcp /proc/net/tcp6 2>/dev/null
}

port_is_busy() { [ -n "$(listening_inodes "$1")" ]; }

# " (process 12, nginx)", or nothing where the owner cannot be seen.
port_owner() {
    local inode pid
    for inode in $(listening_inodes "$1"); do
        pid=$(find /proc/[0-9]*/fd -lname "socket:\[$inode\]" 2>/dev/null | head -n 1 | cut -d/ -f3)
        [ -z "$pid" ] || printf ' (process %s, %s)' "$pid" "$(cat "/proc/$pid/comm" 2>/dev/null)"
        return
    done
}
