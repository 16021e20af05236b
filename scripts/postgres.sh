# The private PostgreSQL server: reached through a Unix socket that only we may open, never over the network.

# The newest server's directory of programs.
postgres_binaries() {
    local newest
    newest=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -t/ -k5 -V | while read -r bin; do [ -x "$bin/initdb" ] && printf '%s\n' "$bin"; done | tail -n 1)
    [ -n "$newest" ] && printf '%s' "$newest"
}

# PostgreSQL refuses to run as root: then it runs as the account that its package made.
postgres_account() { if [ "$UID" -eq 0 ]; then printf postgres; else id -un; fi; }

as_postgres() {
    if [ "$UID" -eq 0 ]; then
        setpriv --reuid postgres --regid postgres --init-groups -- "$@"
    else
        "$@"
    fi
}

POSTGRES_SOCKET=$RUN-pg

# postgres_data: where the data lives. Chosen once: under STATE, unless the server's account cannot reach that (a home
# directory of mode 0700 is a closed door), and noted in STATE. Who removed the data gets new ones.
postgres_data() {
    local note=$STATE/postgres.location data=
    { read -r data <"$note"; } 2>/dev/null || : # it has no line end
    if [ -n "$data" ] && [ -d "$data" ]; then
        printf '%s' "$data"
        return
    fi
    data=$STATE/postgres
    mkdir -p -m 700 "$data" && chown "$(postgres_account)" "$data"
    if ! as_postgres test -w "$data"; then
        rmdir "$data"
        data=/var/lib/cloudvm-$INSTANCE
        mkdir -p -m 700 "$data" && chown "$(postgres_account)" "$data" || return 1
    fi
    printf '%s' "$data" >"$note"
    printf '%s' "$data"
}

# prepare_postgres: sets POSTGRES_DATA and POSTGRES_BIN, makes the cluster on first use.
prepare_postgres() {
    POSTGRES_DATA=$(postgres_data) && [ -n "$POSTGRES_DATA" ] || fail "cannot create a directory for PostgreSQL's data"
    mkdir -p -m 700 "$POSTGRES_SOCKET" && [ ! -L "$POSTGRES_SOCKET" ] || fail "cannot create $POSTGRES_SOCKET"
    case $(stat -c %U "$POSTGRES_SOCKET") in
        "$(id -un)" | "$(postgres_account)") chown "$(postgres_account)" "$POSTGRES_SOCKET" ;;
        *) fail "$POSTGRES_SOCKET belongs to somebody else; remove it, or set CLOUDVM_RUN_DIR to another short path" ;;
    esac
    chmod 700 "$POSTGRES_SOCKET"

    local version
    if { read -r version <"$POSTGRES_DATA/PG_VERSION"; } 2>/dev/null; then
        POSTGRES_BIN=/usr/lib/postgresql/$version/bin
        [ -x "$POSTGRES_BIN/postgres" ] || fail "the data in $POSTGRES_DATA is PostgreSQL $version's, which is not installed (package postgresql-$version)"
    else
        POSTGRES_BIN=$(postgres_binaries) || fail "PostgreSQL is not installed"
        say "creating a private PostgreSQL cluster in $POSTGRES_DATA"
        create_cluster || fail "initdb failed (log: $LOGS/initdb.log)"
    fi
}

# Made aside and moved into place, so that an interrupted first start leaves no half cluster.
create_cluster() {
    local new=$POSTGRES_DATA/new
    rm -rf "$new"
    (
        cd / && as_postgres "$POSTGRES_BIN/initdb" -D "$new" -U postgres -A peer -E UTF8 --locale C.UTF-8 --no-instructions
    ) >"$LOGS/initdb.log" 2>&1 || return 1
    # The socket's directory lets in one account and root; within it, this account may be any role.
    printf 'local all all peer map=cloudvm\n' | as_postgres tee "$new/pg_hba.conf" >/dev/null
    printf 'cloudvm %s postgres\ncloudvm %s cloudvm\n' "$(id -un)" "$(id -un)" | as_postgres tee "$new/pg_ident.conf" >/dev/null
    find "$new" -mindepth 1 -maxdepth 1 ! -name PG_VERSION -exec mv {} "$POSTGRES_DATA/" \; &&
        mv "$new/PG_VERSION" "$POSTGRES_DATA/" && rmdir "$new"
}

# Replaces the calling process by the server.
exec_postgres() {
    cd / || exit 1
    local run=("$POSTGRES_BIN/postgres" -D "$POSTGRES_DATA" -k "$POSTGRES_SOCKET" -c listen_addresses= -c max_connections=200
        -c shared_buffers=128MB -c log_line_prefix='%m [%p] ' -c log_min_messages=warning -c wal_compression=on -c max_wal_size=1GB)
    if [ "$UID" -eq 0 ]; then
        exec setsid setpriv --reuid postgres --regid postgres --init-groups -- "${run[@]}"
    fi
    exec setsid "${run[@]}"
}

postgres_ready() { "$POSTGRES_BIN/pg_isready" -q -h "$POSTGRES_SOCKET" -U postgres; }

psql_as_superuser() { "$POSTGRES_BIN/psql" -X -q -A -t -v ON_ERROR_STOP=1 -h "$POSTGRES_SOCKET" -U postgres -d postgres -c "$1"; }

# The role and database that the services use; the role owns its database and nothing else.
create_database() {
    [ -n "$(psql_as_superuser "SELECT 1 FROM pg_roles WHERE rolname = 'cloudvm'")" ] ||
        psql_as_superuser 'CREATE ROLE cloudvm LOGIN' || return 1
    [ -n "$(psql_as_superuser "SELECT 1 FROM pg_database WHERE datname = 'cloudvm'")" ] ||
        psql_as_superuser 'CREATE DATABASE cloudvm OWNER cloudvm'
}

postgres_connection_string() { printf 'Host=%s;Username=cloudvm;Database=cloudvm;Maximum Pool Size=50' "$POSTGRES_SOCKET"; }
