using CloudVm.Hypervisor.Control;
using CloudVm.Hypervisor.Control.KvmConsole;

try
{
    return args switch
    {
        ["serve", .. var rest] => await ServeCommand.RunAsync(new Arguments(rest)).ConfigureAwait(false),
        ["run", .. var rest] => await RunCommand.RunAsync(new Arguments(rest)).ConfigureAwait(false),
        ["kvm", .. var rest] => KvmCommand.Run(new Arguments(rest)),
        ["import-disk", .. var rest] => await ImportCommand.RunAsync(new Arguments(rest)).ConfigureAwait(false),
        _ => throw new UsageException(args.Length == 0 ? "A command is missing." : $"There is no command '{args[0]}'."),
    };
}
catch (UsageException e)
{
    await Console.Error.WriteLineAsync($"{e.Message}\nusage: CloudVm.Hypervisor {ServeCommand.Usage}\n       CloudVm.Hypervisor {RunCommand.Usage}\n       CloudVm.Hypervisor {KvmCommand.Usage}\n       CloudVm.Hypervisor {ImportCommand.Usage}").ConfigureAwait(false);
    return 2;
}
