using System.Globalization;
using CloudVm.FakeHypervisor;

// A stand-in for the Hypervisor process that speaks the control protocol without emulating anything: tests of the Worker start in
// a fraction of a second, and the "guest" misbehaves on command (see FakeMachine).
// import-disk copies: what becomes of a disk image is the real Hypervisor's to show.
if (args is ["import-disk", "--from", var from, "--to", var to, ..])
{
    File.Copy(from, to, overwrite: true);
    string hash = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(await File.ReadAllBytesAsync(to)));
    await Console.Out.WriteLineAsync($$"""{"format":"Raw","virtualSizeBytes":{{new FileInfo(to).Length}},"dataBytes":0,"sha256":"{{hash}}"}""");
    return 0;
}

if (args is not ["serve", ..])
{
    await Console.Error.WriteLineAsync("usage: serve --socket PATH --dir PATH [--exit-record PATH]");
    return 2;
}

string Option(string name) => args[Array.IndexOf(args, name) + 1];

string[] stat = (await File.ReadAllTextAsync("/proc/self/stat")).Split(") ")[^1].Split(' ');
FakeMachine machine = new(Environment.ProcessId, long.Parse(stat[19], CultureInfo.InvariantCulture));
await FakeServer.RunAsync(machine, Option("--socket"));
return 0;
