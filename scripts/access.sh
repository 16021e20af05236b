# Reaching a running installation: addresses, tokens, passwords.

require_running() {
    [ -r "$INSTANCE_FILE" ] && recorded_pid supervisor >/dev/null || fail "CloudVm is not running here; start it with ./cloudvm up"
    load_settings --running
    CLOUDVM_API_URL=${CLOUDVM_API_URL%/}
}

# new_token: a fresh administrator token, obtained with the local secret. Secrets travel on stdin, not in an argument
# that every user of the machine could read.
new_token() {
    local answer
    answer=$(printf 'header = "X-CloudVm-Local-Secret: %s"\n' "$(cat "$SECRETS/local-admin")" |
        curl -sS --noproxy '*' -m 20 --fail-with-body -X POST -K - "${CLOUDVM_API_URL%/}/api/v1/tokens:local" 2>&1) || {
        printf '%s\n' "$answer" >&2
        return 1
    }
    printf '%s' "$answer" | json_field token
}

# post_json TOKEN PATH BODY: the answer's body on stdout; fails on an error status.
post_json() {
    printf 'header = "Authorization: Bearer %s"\n' "$1" |
        curl -sS --noproxy '*' -m 20 --fail-with-body -K - -H 'Content-Type: application/json' -d "$3" "${CLOUDVM_API_URL%/}$2" 2>&1
}

# json_field NAME: the first string of that name in the JSON on stdin. Enough for ids and tokens, which hold no escapes.
json_field() { grep -o "\"$1\"[[:space:]]*:[[:space:]]*\"[^\"]*\"" | head -n 1 | sed 's/.*:[[:space:]]*"//; s/"$//'; }

command_url() {
    [ $# -eq 0 ] || usage_error "url takes no arguments"
    require_running
    printf '%s\n' "$CLOUDVM_API_URL"
}

command_token() {
    [ $# -eq 0 ] || usage_error "token takes no arguments"
    require_running
    local token
    token=$(new_token) && [ -n "$token" ] || fail "the API gave no token (log: $LOGS/api.log)"
    printf '%s\n' "$token"
}

command_reset_password() {
    [ $# -eq 0 ] || usage_error "reset-password takes no arguments"
    require_running
    find_dotnet
    export_settings
    local password
    password=$(api_command reset-password 2>>"$LOGS/api.log") && [ -n "$password" ] ||
        fail "the password could not be reset (log: $LOGS/api.log)"
    (umask 077 && printf '%s\n' "$password" >"$SECRETS/admin-password")
    printf '%s\n' "$password"
}

command_logs() {
    local follow= names=
    while [ $# -gt 0 ]; do
        case $1 in
            -f | --follow) follow=1 ;;
            -*) usage_error "logs does not know '$1'" ;;
            *) [ -e "$LOGS/${1,,}.log" ] || fail "there is no log of '$1' in $LOGS"; names="$names $1" ;;
        esac
        shift
    done
    local files=() name
    if [ -n "$names" ]; then
        for name in $names; do files+=("$LOGS/${name,,}.log"); done
    else
        for name in $SERVICES PostgreSQL supervisor; do [ -e "$LOGS/${name,,}.log" ] && files+=("$LOGS/${name,,}.log"); done
        [ ${#files[@]} -gt 0 ] || fail "there are no logs in $LOGS"
    fi
    if [ -n "$follow" ]; then tail -n 20 -F -v -- "${files[@]}" 2>/dev/null | prefix_lines; else tail -n 50 -v -- "${files[@]}" | prefix_lines; fi
}

# prefix_lines: the output of tail -v on stdin, each line with the part that it is from.
prefix_lines() {
    awk '/^==> .* <==$/ { part = $0; sub(/ <==$/, "", part); sub(/.*\//, "", part); sub(/\.log$/, "", part); next }
        NF { printf "%-10s | %s\n", part, $0; fflush() }'
}
