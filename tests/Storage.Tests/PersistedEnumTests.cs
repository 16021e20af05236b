using CloudVm.Contracts.Access;
using CloudVm.Contracts.Images;
using CloudVm.Contracts.Operations;
using CloudVm.Contracts.Schedules;
using CloudVm.Contracts.Snapshots;
using CloudVm.Contracts.VectorLengths;
using CloudVm.Contracts.Vms;
using CloudVm.Storage.Conventions;
using CloudVm.Storage.Entities;

namespace CloudVm.Storage.Tests;

/// <summary>Names that databases hold. A name may be added, with a migration of its check, and never changed.</summary>
public sealed class PersistedEnumTests
{
    [Fact]
    public void Stored_names_stay_what_they_are()
    {
        AssertNames<Role>("viewer operator administrator");
        AssertNames<TokenKind>("session personal local");
        AssertNames<ImageKind>("elf flat image linuxBundle disk");
        AssertNames<DiskFormat>("raw qcow2");
        AssertNames<ImageState>("uploading ready deleted");
        AssertNames<VectorLengthPolicy>("upstream strictPrefix");
        AssertNames<RestartPolicy>("never onFailure");
        AssertNames<DesiredState>("stopped running paused");
        AssertNames<VmPhase>("stopped starting running paused stopping restoring crashed");
        AssertNames<VmExitReason>("guestPowerOff stopped guestFailure hypervisorCrash hypervisorKilled startFailure forced");
        AssertNames<OperationKind>(
            "vmStart vmStop vmPause vmResume vmReset vmSnapshot vmRestore vmFork vmDelete snapshotDelete snapshotVerify snapshotRestore");
        AssertNames<OperationState>("pending running cancelling succeeded failed cancelled");
        AssertNames<SnapshotState>("creating ready deleting failed");
        AssertNames<MissedRunPolicy>("skip runOnce");
        AssertNames<ScheduleRunOutcome>("started succeeded failed skipped");
    }

    private static void AssertNames<TEnum>(string names)
        where TEnum : struct, Enum
    {
        Assert.Equal(names, string.Join(' ', Enum.GetValues<TEnum>().Select(EnumNames.Of)));
        Assert.All(Enum.GetValues<TEnum>(), value => Assert.Equal(value, EnumNames.Parse<TEnum>(EnumNames.Of(value))));
    }
}
