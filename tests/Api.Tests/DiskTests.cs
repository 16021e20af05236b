using System.Buffers.Binary;
using System.Net;
using CloudVm.Api.Tests.Harness;
using CloudVm.Contracts.Client;
using CloudVm.Contracts.Images;
using CloudVm.Contracts.Vms;
using Microsoft.EntityFrameworkCore;

namespace CloudVm.Api.Tests;

public sealed class DiskTests(ApiServer api) : IClassFixture<ApiServer>
{
    private const int MiB = 1024 * 1024;

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_disk_image_says_what_disk_it_describes()
    {
        var raw = await UploadAsync(new byte[MiB + 5]);
        Assert.Equal(new ImageDisk(DiskFormat.Raw, MiB + 512), raw.Disk);
        var qcow2 = await UploadAsync(Qcow2(3L << 30));
        Assert.Equal((ImageKind.Disk, new ImageDisk(DiskFormat.Qcow2, 3L << 30)), (qcow2.Kind, qcow2.Disk));
        Assert.Null((await api.Client.Images.UploadAsync(Requests.UniqueName("image"), ImageKind.Elf, new MemoryStream([1]), cancellationToken: Cancelled)).Disk);
    }

    [Fact]
    public async Task A_disk_image_that_no_node_could_import_is_refused_with_every_reason_and_leaves_nothing()
    {
        var image = Qcow2(1 << 20);
        image[15] = 1; // a backing file
        image[35] = 1; // encryption
        var name = Requests.UniqueName("disk");
        var refused = await Assert.ThrowsAsync<CloudVmApiException>(
            () => api.Client.Images.UploadAsync(name, ImageKind.Disk, new MemoryStream(image), cancellationToken: Cancelled));
        Assert.Equal(["unusableDiskImage", "unusableDiskImage"], refused.Problem.Errors.Select(e => e.Code));
        Assert.Contains("backing file", refused.Problem.Errors[0].Message, StringComparison.Ordinal);

        // What of it is too short is known only at the end.
        var cut = await Assert.ThrowsAsync<CloudVmApiException>(
            () => api.Client.Images.UploadAsync(name, ImageKind.Disk, new MemoryStream(Qcow2(1 << 20)[..600]), cancellationToken: Cancelled));
        Assert.Contains("outside the file", Assert.Single(cut.Problem.Errors).Message, StringComparison.Ordinal);
        await using var context = api.NewContext();
        Assert.False(await context.ImageParts.AnyAsync(p => context.Images.Any(i => i.Id == p.ImageId && i.Name == name), Cancelled));
    }

    [Theory]
    [InlineData("kind=disk&format=vmdk")]
    [InlineData("kind=elf&format=raw")]
    public async Task A_format_that_makes_no_sense_is_refused(string query)
    {
        var response = await api.Http.PostAsync($"/api/v1/images?name={Requests.UniqueName("image")}&{query}", new ByteArrayContent([1]), Cancelled);
        Assert.Contains(("?format", "invalidParameter"), (await response.ReadProblemAsync(HttpStatusCode.UnprocessableEntity)).Reasons());
    }

    [Fact]
    public async Task A_definition_gets_its_disks_with_sizes_from_their_images()
    {
        var image = await UploadAsync(new byte[(2 * MiB) + 1]);
        var vm = await api.Client.Vms.CreateAsync(
            Requests.NewDefinition() with
            {
                Disks = [new DiskSpec { Name = "root", Image = image.Name }, new DiskSpec { Name = "data", SizeMiB = 10 }, new DiskSpec { Name = "cd", Image = image.Id.ToString(), ReadOnly = true }],
            },
            cancellationToken: Cancelled);
        var reference = new ImageReference(image.Id, image.Name);
        VmDisk[] expected =
            [new() { Name = "root", Image = reference, SizeMiB = 3 }, new() { Name = "data", SizeMiB = 10 }, new() { Name = "cd", Image = reference, SizeMiB = 3, ReadOnly = true }];
        Assert.Equal(expected, vm.Disks);
        Assert.Equal(expected, (await api.Client.Vms.GetAsync(vm.Id, Cancelled)).Disks);

        // A patch of something else leaves them alone.
        var patched = await (await api.Http.SendJsonAsync(HttpMethod.Patch, $"/vms/{vm.Id}", """{"description":"x"}""", ("If-Match", $"\"{vm.Etag}\""))).ReadAsync<Vm>(HttpStatusCode.OK);
        Assert.Equal(expected, patched.Disks);

        var inUse = await Assert.ThrowsAsync<CloudVmApiException>(() => api.Client.Images.DeleteAsync(image.Id, cancellationToken: Cancelled));
        Assert.Contains($"VM '{vm.Name}' has a disk over it.", inUse.Problem.Errors.Select(e => e.Message));
    }

    [Fact]
    public async Task Wrong_disks_are_refused_with_every_reason()
    {
        var image = await UploadAsync(new byte[2 * MiB]);
        var response = await api.Http.SendJsonAsync(HttpMethod.Post, "/vms", $$"""
            {
              "name": "{{Requests.UniqueName()}}", "image": "{{image.Name}}",
              "disks": [
                { "name": "", "sizeMiB": 1 },
                { "name": "a-name-of-21-letters-x", "sizeMiB": 1 },
                { "name": "small", "image": "{{image.Name}}", "sizeMiB": 1 },
                { "name": "SMALL", "sizeMiB": 1 },
                { "name": "none" },
                { "name": "huge", "sizeMiB": 2097153 },
                { "name": "gone", "image": "no-such" },
                { "name": "kernel", "image": "hello-sve" },
                { "name": "empty", "sizeMiB": 1, "readOnly": true },
                { "name": "odd", "sizeGiB": 1 }
              ]
            }
            """);
        var problem = await response.ReadProblemAsync(HttpStatusCode.UnprocessableEntity);
        Assert.Equal(
            [
                ("/disks/0/name", "invalidName"), ("/disks/1/name", "invalidName"), ("/disks/2/sizeMiB", "outOfRange"), ("/disks/3/name", "nameTaken"),
                ("/disks/4/sizeMiB", "required"), ("/disks/5/sizeMiB", "outOfRange"), ("/disks/6/image", "unknownImage"), ("/disks/7/image", "wrongImageKind"),
                ("/disks/8/readOnly", "emptyDisk"), ("/disks/9/sizeGiB", "unknownField"), ("/disks/9/sizeMiB", "required"), ("/image", "wrongImageKind"),
            ],
            problem.Reasons().Order());

        var many = Requests.NewDefinition() with { Disks = [.. Enumerable.Range(0, 17).Select(i => new DiskSpec { Name = $"d{i}", SizeMiB = 1 })] };
        var tooMany = await Assert.ThrowsAsync<CloudVmApiException>(() => api.Client.Vms.CreateAsync(many, cancellationToken: Cancelled));
        Assert.Equal("tooMany", Assert.Single(tooMany.Problem.Errors).Code);
    }

    [Fact]
    public async Task A_disk_grows_while_stopped_and_neither_shrinks_nor_changes_its_image()
    {
        var image = await UploadAsync(new byte[MiB]);
        var vm = await api.Client.Vms.CreateAsync(Requests.NewDefinition() with { Disks = [new DiskSpec { Name = "data", SizeMiB = 10 }] }, cancellationToken: Cancelled);
        Assert.Equal([("/disks/0/sizeMiB", "cannotShrink")], await RefusedAsync("""[{"name":"data","sizeMiB":9}]"""));
        Assert.Equal([("/disks/0/image", "immutable")], await RefusedAsync($$"""[{"name":"data","sizeMiB":10,"image":"{{image.Name}}"}]"""));

        vm = await (await PatchAsync("""[{"name":"data","sizeMiB":20}]""")).ReadAsync<Vm>(HttpStatusCode.OK);
        Assert.Equal(20, vm.Disks[0].SizeMiB);
        await using var context = api.NewContext();
        await context.VmStatuses.Where(s => s.VmId == vm.Id).ExecuteUpdateAsync(
            s => s.SetProperty(v => v.Phase, VmPhase.Running).SetProperty(v => v.ObservedGeneration, vm.Generation), Cancelled);
        Assert.Equal([("/disks/0/sizeMiB", "needsStop")], await RefusedAsync("""[{"name":"data","sizeMiB":21}]"""));

        // What only the next start will see is a change that waits for it.
        var added = await (await PatchAsync("""[{"name":"data"},{"name":"more","sizeMiB":1}]""")).ReadAsync<Vm>(HttpStatusCode.OK);
        Assert.True(added.PendingRestart);
        Assert.Equal([20, 1], added.Disks.Select(d => d.SizeMiB));

        Task<HttpResponseMessage> PatchAsync(string disks) => api.Http.SendJsonAsync(HttpMethod.Patch, $"/vms/{vm.Id}", $$"""{"disks":{{disks}}}""", ("If-Match", $"\"{vm.Etag}\""));

        async Task<IEnumerable<(string, string)>> RefusedAsync(string disks) =>
            (await (await PatchAsync(disks)).ReadProblemAsync(HttpStatusCode.UnprocessableEntity)).Reasons();
    }

    private Task<Image> UploadAsync(byte[] content) =>
        api.Client.Images.UploadAsync(Requests.UniqueName("disk"), ImageKind.Disk, new MemoryStream(content), cancellationToken: Cancelled);

    /// <summary>A qcow2 image of version 2 without any data.</summary>
    private static byte[] Qcow2(long size)
    {
        var image = new byte[4 * 65536];
        BinaryPrimitives.WriteUInt32BigEndian(image, 0x514649fb);
        BinaryPrimitives.WriteUInt32BigEndian(image.AsSpan(4), 2);
        BinaryPrimitives.WriteUInt32BigEndian(image.AsSpan(20), 16);
        BinaryPrimitives.WriteInt64BigEndian(image.AsSpan(24), size);
        BinaryPrimitives.WriteUInt32BigEndian(image.AsSpan(36), 8);
        BinaryPrimitives.WriteInt64BigEndian(image.AsSpan(40), 3 * 65536);
        return image;
    }
}
