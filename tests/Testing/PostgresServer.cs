using System.Diagnostics;
using System.Globalization;
using Npgsql;

namespace CloudVm.Testing;

/// <summary>A PostgreSQL server of the test host's own: fresh data directory, Unix socket only, durability off.</summary>
/// <remarks>
/// A shell process owns the server and reads a pipe whose only writer is the test host. However the host ends, also by
/// <c>kill -9</c>, the pipe closes and the shell stops the server and removes its directory; were the shell itself
/// killed, the server's parent-death signal stops it. As root the server runs as user <c>postgres</c>, because
/// PostgreSQL refuses to run as root.
/// </remarks>
public sealed class PostgresServer : IAsyncDisposable
{
    private static readonly TimeSpan StartDeadline = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan StopDeadline = TimeSpan.FromSeconds(30);

    // $1 directory, $2 binaries, $3 account ("" = the caller's). Exits with the server's own failure if it cannot start.
    private const string WatchdogScript = """
        exec >/dev/null 2>&1
        trap '' INT TERM HUP
        dir=$1; bin=$2; account=$3
        as() { if [ -n "$account" ]; then exec setpriv --reuid "$account" --regid "$account" --init-groups --pdeathsig QUIT "$@"; else exec setpriv --pdeathsig QUIT "$@"; fi; }
        [ -z "$account" ] || chown "$account" "$dir"
        cd "$dir" || exit 1
        (as "$bin/initdb" -D "$dir/data" -U postgres -A trust -E UTF8 --locale C.UTF-8 --no-sync --no-instructions >"$dir/log" 2>&1 </dev/null) || exit 1
        (as "$bin/postgres" -D "$dir/data" -k "$dir" -c listen_addresses= -c max_connections=200 -c shared_buffers=64MB \
            -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c wal_level=minimal -c max_wal_senders=0 \
            >>"$dir/log" 2>&1 </dev/null) &
        server=$!
        cat
        kill -QUIT "$server"
        wait "$server"
        cd / && rm -rf "$dir"
        """;

    private readonly Process _watchdog;
    private readonly string _directory;

    private PostgresServer(Process watchdog, string directory, string connectionString)
    {
        _watchdog = watchdog;
        _directory = directory;
        ConnectionString = connectionString;
    }

    /// <summary>Npgsql connection string of the superuser, to the database <c>postgres</c>.</summary>
    public string ConnectionString { get; }

    /// <summary>Process id of the server (the postmaster), for tests that stop or kill it.</summary>
    public int ProcessId => int.Parse(
        File.ReadLines(Path.Combine(_directory, "data", "postmaster.pid")).First(), CultureInfo.InvariantCulture);

    /// <summary>Creates and starts a server, and returns once it accepts connections.</summary>
    /// <exception cref="InvalidOperationException">PostgreSQL is not installed, or the server did not start; the message has its log.</exception>
    public static async Task<PostgresServer> StartAsync(CancellationToken cancellationToken = default)
    {
        string binaries = FindBinaries();
        // Short on purpose: a Unix socket's path may have 107 bytes.
        string directory = Path.Combine("/tmp", "cvm-pg-" + Guid.NewGuid().ToString("N")[..10]);
        Directory.CreateDirectory(directory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);

        ProcessStartInfo start = new("setsid") { RedirectStandardInput = true };
        string account = string.Equals(Environment.UserName, "root", StringComparison.Ordinal) ? "postgres" : "";
        foreach (string argument in (string[])["sh", "-c", WatchdogScript, "cloudvm-test-postgres", directory, binaries, account])
            start.ArgumentList.Add(argument);

        string connectionString = new NpgsqlConnectionStringBuilder
        {
            Host = directory,
            Username = "postgres",
            Database = "postgres",
            IncludeErrorDetail = true,
        }.ConnectionString;

        Process watchdog = Process.Start(start)!;
        PostgresServer server = new(watchdog, directory, connectionString);
        try
        {
            await server.WaitUntilReadyAsync(cancellationToken).ConfigureAwait(false);
            return server;
        }
        catch
        {
            await server.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Stops the server at once and removes its directory.</summary>
    public async ValueTask DisposeAsync()
    {
        _watchdog.StandardInput.Close();
        using CancellationTokenSource deadline = new(StopDeadline);
        await _watchdog.WaitForExitAsync(deadline.Token).ConfigureAwait(false);
        _watchdog.Dispose();
        if (Directory.Exists(_directory))
            Directory.Delete(_directory, recursive: true);
    }

    private async Task WaitUntilReadyAsync(CancellationToken cancellationToken)
    {
        string connectionString = new NpgsqlConnectionStringBuilder(ConnectionString) { Pooling = false, Timeout = 5 }.ConnectionString;
        long began = Stopwatch.GetTimestamp();
        while (true)
        {
            try
            {
                await using NpgsqlConnection connection = new(connectionString);
                await connection.OpenAsync(cancellationToken).ConfigureAwait(false);
                return;
            }
            catch (NpgsqlException refused) when (!_watchdog.HasExited && Stopwatch.GetElapsedTime(began) < StartDeadline)
            {
                _ = refused; // Not listening yet, or "the database system is starting up".
                await Task.Delay(25, cancellationToken).ConfigureAwait(false);
            }
            catch (NpgsqlException refused)
            {
                string log = Path.Combine(_directory, "log");
                throw new InvalidOperationException(
                    "The test PostgreSQL server did not start:\n" + (File.Exists(log) ? await File.ReadAllTextAsync(log, cancellationToken).ConfigureAwait(false) : "(no log)"),
                    refused);
            }
        }
    }

    private static string FindBinaries()
    {
        const string root = "/usr/lib/postgresql";
        string? newest = Directory.Exists(root)
            ? Directory.EnumerateDirectories(root)
                .Where(d => File.Exists(Path.Combine(d, "bin", "initdb")))
                .MaxBy(d => double.TryParse(Path.GetFileName(d), CultureInfo.InvariantCulture, out double version) ? version : 0)
            : null;
        return newest is null
            ? throw new InvalidOperationException($"No PostgreSQL server under {root}; install Debian's package 'postgresql'.")
            : Path.Combine(newest, "bin");
    }
}
