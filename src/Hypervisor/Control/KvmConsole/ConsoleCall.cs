namespace CloudVm.Hypervisor.Control.KvmConsole;

/// <summary>A call of the console.</summary>
/// <param name="Name">Its first word.</param>
/// <param name="Arguments">What follows it.</param>
/// <param name="Meaning">What it does and answers.</param>
/// <param name="Invoke">Does it; returns the answer.</param>
internal sealed record ConsoleCall(string Name, string Arguments, string Meaning, Func<KvmSession, CallArguments, string> Invoke)
{
    /// <summary>Every call, in the order in which <c>help</c> lists them.</summary>
    public static IReadOnlyList<ConsoleCall> All { get; } =
    [
        new("help", "[CALL]", "lists every call, or says what one does", static (s, a) => s.Help(a)),
        new("quit", "", "ends the console", static (s, a) => s.Quit(a)),
        new("host", "", "what probing the host's CPUs has found; lengths are VQs", static (s, a) => s.DescribeHost(a)),
        new("online-cpu", "\"VQ,VQ,...\" [midr=NUMBER]", "brings up one more CPU; EIO where the kernel would park it", static (s, a) => s.OnlineCpu(a)),
        new("log", "", "what the host's kernel has logged since the last time, such as why a CPU stays parked", static (s, a) => s.ReadLog(a)),
        new("use-host-fp", "CPU", "a task of the host uses the FP registers of a CPU (kernel_neon_begin)", static (s, a) => s.UseHostFp(a)),
        new("check-extension", "CAPABILITY", "KVM_CHECK_EXTENSION", static (s, a) => s.CheckExtension(a)),
        new("create-vm", "", "KVM_CREATE_VM; an earlier VM is closed", static (s, a) => s.CreateVm(a)),
        new("close-vm", "", "closes the VM with its vCPUs and memory", static (s, a) => s.CloseVm(a)),
        new("enable-cap", "CAPABILITY [flags=N]", "KVM_ENABLE_CAP on the VM", static (s, a) => s.EnableCap(a)),
        new("preferred-target", "", "KVM_ARM_PREFERRED_TARGET", static (s, a) => s.PreferredTarget(a)),
        new("writable-masks", "[range=N] [reserved=N,...]", "KVM_ARM_GET_REG_WRITABLE_MASKS; answers those that are not zero, by register id", static (s, a) => s.WritableMasks(a)),
        new("counter-offset", "TICKS [reserved=N]", "KVM_ARM_SET_COUNTER_OFFSET", static (s, a) => s.SetCounterOffset(a)),
        new("memory", "SLOT GPA SIZE [flags=N] [userspace=ADDRESS]", "KVM_SET_USER_MEMORY_REGION; size 0 deletes the slot", static (s, a) => s.SetMemory(a)),
        new("load", "GPA FILE", "copies a file into guest memory, and answers its size", static (s, a) => s.LoadFile(a)),
        new("write", "GPA BYTES", "writes guest memory", static (s, a) => s.WriteMemory(a)),
        new("read", "GPA LENGTH", "reads guest memory", static (s, a) => s.ReadMemory(a)),
        new("create-vcpu", "VCPU", "KVM_CREATE_VCPU", static (s, a) => s.CreateVcpu(a)),
        new("init", "VCPU target=N [features=N[,N...]]", "KVM_ARM_VCPU_INIT; up to seven words of features; null in place of all is a pointer that cannot be read", static (s, a) => s.Init(a)),
        new("finalize", "VCPU FEATURE", "KVM_ARM_VCPU_FINALIZE", static (s, a) => s.FinalizeFeature(a)),
        new("get-reg", "VCPU ID [null]", "KVM_GET_ONE_REG; bytes in memory order, least significant first; null is a pointer that cannot be written, in place of the id a kvm_one_reg that cannot be read", static (s, a) => s.GetRegister(a)),
        new("set-reg", "VCPU ID BYTES|null", "KVM_SET_ONE_REG; null is a pointer that cannot be read, in place of the id that of kvm_one_reg itself", static (s, a) => s.SetRegister(a)),
        new("reg-list", "VCPU [n=N|null]", "KVM_GET_REG_LIST; answers the ids, or E2BIG and how many there are", static (s, a) => s.RegisterList(a)),
        new("run", "VCPU [immediate-exit] [timeout=MS]", "KVM_RUN; a signal comes after 10000 ms unless told otherwise, and RUN is EINTR", static (s, a) => s.Run(a)),
        new("mmio-data", "VCPU BYTES", "answers the read of an MMIO exit; the next run completes it", static (s, a) => s.SetMmioData(a)),
        new("get-events", "VCPU", "KVM_GET_VCPU_EVENTS", static (s, a) => s.GetEvents(a)),
        new("set-events", "VCPU [serror-pending=N] [serror-has-esr=N] [serror-esr=N] [ext-dabt-pending=N]", "KVM_SET_VCPU_EVENTS", static (s, a) => s.SetEvents(a)),
        new("get-mp-state", "VCPU", "KVM_GET_MP_STATE", static (s, a) => s.GetMpState(a)),
        new("set-mp-state", "VCPU STATE", "KVM_SET_MP_STATE", static (s, a) => s.SetMpState(a)),
        new("counters", "VCPU", "what the vCPU has done so far", static (s, a) => s.Counters(a)),
    ];

    /// <summary>How it is written.</summary>
    public string Syntax => Arguments.Length == 0 ? Name : $"{Name} {Arguments}";

    public static ConsoleCall? Find(string name) => All.FirstOrDefault(call => call.Name == name);
}
