using System.Globalization;
using CloudVm.FakeHypervisor;

// A stand-in for the Hypervisor process that speaks the control protocol without emulating anything: tests of the Worker start in
// a fraction of a second, and the "guest" misbehaves on command (see FakeMachine).
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
