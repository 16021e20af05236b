# What the launcher says, and how it gives up.

say() { printf '%s\n' "cloudvm: $*"; }

warn() { printf '%s\n' "cloudvm: warning: $*" >&2; }

# Ends the launcher with a reason. The exit status 1 means "it failed"; 2 means "it was called wrongly".
fail() {
    printf '%s\n' "cloudvm: error: $*" >&2
    exit 1
}

usage_error() {
    printf '%s\n' "cloudvm: $*" "Try './cloudvm help'." >&2
    exit 2
}

# json_string TEXT: TEXT as a JSON string.
json_string() {
    local text=$1
    text=${text//\\/\\\\}
    text=${text//\"/\\\"}
    text=${text//$'\n'/\\n}
    text=${text//$'\t'/\\t}
    printf '"%s"' "${text//$'\r'/}"
}
