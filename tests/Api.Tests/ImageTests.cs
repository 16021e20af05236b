using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using CloudVm.Api.Tests.Harness;
using CloudVm.Contracts.Client;
using CloudVm.Contracts.Images;
using CloudVm.Contracts.Problems;
using Microsoft.EntityFrameworkCore;

namespace CloudVm.Api.Tests;

public sealed class ImageTests(ApiServer api) : IClassFixture<ApiServer>
{
    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(1)]
    [InlineData(1024 * 1024)]
    [InlineData((5 * 1024 * 1024) + 17)]
    public async Task An_upload_is_stored_part_by_part_and_whole(int size)
    {
        var bytes = RandomNumberGenerator.GetBytes(size);
        var hash = Convert.ToHexStringLower(SHA256.HashData(bytes));

        var image = await api.Client.Images.UploadAsync(Requests.UniqueName("image"), ImageKind.Elf, new MemoryStream(bytes), hash, cancellationToken: Cancelled);

        Assert.Equal((size, hash, ImageKind.Elf, false), (image.SizeBytes, image.Sha256, image.Kind, image.BuiltIn));
        await using var context = api.NewContext();
        var parts = await context.ImageParts.Where(p => p.ImageId == image.Id).OrderBy(p => p.Ordinal).Select(p => p.Data).ToListAsync(Cancelled);
        Assert.Equal(bytes, parts.SelectMany(p => p));
        var vm = await api.Client.Vms.CreateAsync(Requests.NewDefinition() with { Image = image.Name }, cancellationToken: Cancelled);
        Assert.Equal(image.Id, vm.Image.Id);
    }

    [Fact]
    public async Task A_form_with_a_file_is_an_upload_too()
    {
        var bytes = RandomNumberGenerator.GetBytes(3000);
        using var form = new MultipartFormDataContent { { new StringContent("ignored"), "note" }, { new ByteArrayContent(bytes), "file", "kernel.elf" } };

        var response = await api.Http.PostAsync($"/api/v1/images?name={Requests.UniqueName("image")}&kind=flat", form, Cancelled);

        var image = await response.ReadAsync<Image>(HttpStatusCode.Created);
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(bytes)), image.Sha256);
    }

    [Fact]
    public async Task A_bundle_keeps_its_files_apart_and_its_command_line()
    {
        var kernel = Kernel((2 * 1024 * 1024) + 5);
        var initrd = RandomNumberGenerator.GetBytes(1024 * 1024);
        var tree = DeviceTree();
        var name = Requests.UniqueName("bundle");

        var image = await api.Client.Images.UploadAsync(
            name, ImageKind.LinuxBundle,
            [(ImageRoles.Kernel, new MemoryStream(kernel)), (ImageRoles.Initrd, new MemoryStream(initrd)), (ImageRoles.Dtb, new MemoryStream(tree))],
            commandLine: "console=ttyAMA0", cancellationToken: Cancelled);

        Assert.Equal(
            [("kernel", Hash(kernel), kernel.Length), ("initrd", Hash(initrd), initrd.Length), ("dtb", Hash(tree), (long)tree.Length)],
            image.Files.Select(f => (f.Role, f.Sha256, f.SizeBytes)));
        Assert.Equal("console=ttyAMA0", image.CommandLine);
        Assert.Equal(kernel.Length + initrd.Length + tree.Length, image.SizeBytes);
        Assert.Equal(Hash(System.Text.Encoding.UTF8.GetBytes($"kernel {Hash(kernel)}\ninitrd {Hash(initrd)}\ndtb {Hash(tree)}")), image.Sha256);
        await using var context = api.NewContext();
        var parts = await context.ImageParts.Where(p => p.ImageId == image.Id).OrderBy(p => p.Ordinal).Select(p => p.Data.Length).ToListAsync(Cancelled);
        Assert.Equal([1024 * 1024, 1024 * 1024, 5, 1024 * 1024, tree.Length], parts);
    }

    [Theory]
    [InlineData("kernel", "not a kernel", "invalidFile", "arm64 Image")]
    [InlineData("dtb", "not a tree", "invalidFile", "flattened device tree")]
    [InlineData("initrd", "", "required", "'initrd' is empty")]
    [InlineData("firmware", "x", "unknownRole", "firmware")]
    public async Task Files_that_cannot_be_what_they_are_said_to_be_are_refused(string role, string content, string code, string reason)
    {
        var files = new List<(string, Stream)> { (role, new MemoryStream(System.Text.Encoding.UTF8.GetBytes(content))) };
        if (role != ImageRoles.Kernel)
            files.Insert(0, (ImageRoles.Kernel, new MemoryStream(Kernel(100))));
        var name = Requests.UniqueName("bundle");

        var refused = await Assert.ThrowsAsync<CloudVmApiException>(() => api.Client.Images.UploadAsync(name, ImageKind.LinuxBundle, files, cancellationToken: Cancelled));

        var fault = Assert.Single(refused.Problem.Errors);
        Assert.Equal(code, fault.Code);
        Assert.Contains(reason, fault.Message, StringComparison.Ordinal);
        Assert.Empty((await api.Client.Images.ListAsync(new() { Filter = $"name = \"{name}\"" }, Cancelled)).Items);
    }

    [Fact]
    public async Task A_part_is_held_to_its_own_hash()
    {
        using var form = new MultipartFormDataContent();
        var part = new ByteArrayContent(Kernel(100));
        part.Headers.Add("X-Content-SHA256", new string('0', 64));
        form.Add(part, "kernel", "Image");

        var response = await api.Http.PostAsync($"/api/v1/images?name={Requests.UniqueName("image")}&kind=linuxBundle", form, Cancelled);

        Assert.Equal([("/kernel", "hashMismatch")], (await response.ReadProblemAsync(HttpStatusCode.UnprocessableEntity)).Reasons());
    }

    private static string Hash(byte[] bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));

    private static byte[] Kernel(int bytes)
    {
        var kernel = RandomNumberGenerator.GetBytes(bytes);
        "ARM\x64"u8.CopyTo(kernel.AsSpan(56));
        return kernel;
    }

    private static byte[] DeviceTree()
    {
        var tree = new byte[64];
        new byte[] { 0xd0, 0x0d, 0xfe, 0xed, 0, 0, 0, 64 }.CopyTo(tree, 0);
        return tree;
    }

    [Fact]
    public async Task Other_bytes_than_promised_leave_nothing()
    {
        var name = Requests.UniqueName("image");

        var refused = await Assert.ThrowsAsync<CloudVmApiException>(
            () => api.Client.Images.UploadAsync(name, ImageKind.Elf, new MemoryStream([1, 2, 3]), new string('0', 64), cancellationToken: Cancelled));

        Assert.Equal("hashMismatch", Assert.Single(refused.Problem.Errors).Code);
        Assert.Empty((await api.Client.Images.ListAsync(new() { Filter = $"name = \"{name}\"" }, Cancelled)).Items);
        await using var context = api.NewContext();
        Assert.False(await context.ImageParts.AnyAsync(p => context.Images.Any(i => i.Id == p.ImageId && i.Name == name), Cancelled));
        await api.Client.Images.UploadAsync(name, ImageKind.Elf, new MemoryStream([1, 2, 3]), cancellationToken: Cancelled);
    }

    [Fact]
    public async Task An_upload_that_breaks_off_leaves_no_image()
    {
        var name = Requests.UniqueName("image");
        using var content = new StreamContent(new BrokenStream());
        content.Headers.ContentType = new MediaTypeHeaderValue("application/octet-stream");
        content.Headers.ContentLength = 10 * 1024 * 1024;

        await Assert.ThrowsAnyAsync<Exception>(() => api.Http.PostAsync($"/api/v1/images?name={name}&kind=elf", content, Cancelled));

        Assert.Empty((await api.Client.Images.ListAsync(new() { Filter = $"name = \"{name}\"" }, Cancelled)).Items);
        await api.Client.Images.UploadAsync(name, ImageKind.Elf, new MemoryStream([1]), cancellationToken: Cancelled);
    }

    [Fact]
    public async Task Every_fault_of_an_upload_is_named()
    {
        using var content = new ByteArrayContent([1]);
        content.Headers.Add("X-Content-SHA256", "abc");

        var response = await api.Http.PostAsync("/api/v1/images?name=no%20name&kind=tarball&project=elsewhere", content, Cancelled);

        Assert.Equal(
            [("", "invalidHash"), ("/project", "unknownProject"), ("?kind", "invalidParameter"), ("?name", "invalidName")],
            (await response.ReadProblemAsync(HttpStatusCode.UnprocessableEntity)).Reasons().Order());
    }

    [Fact]
    public async Task Of_two_uploads_of_one_name_one_gets_it()
    {
        var name = Requests.UniqueName("image");

        var outcomes = await Task.WhenAll(Enumerable.Range(0, 3).Select(async i =>
        {
            try
            {
                return (await api.Client.Images.UploadAsync(name, ImageKind.Elf, new MemoryStream([(byte)i]), cancellationToken: Cancelled)).Name;
            }
            catch (CloudVmApiException refused)
            {
                return Assert.Single(refused.Problem.Errors).Code;
            }
        }));

        Assert.Equal([name, "nameTaken", "nameTaken"], outcomes.OrderBy(o => o == name ? 0 : 1));
    }

    [Fact]
    public async Task An_image_in_use_stays_and_a_free_one_goes()
    {
        var image = await api.Client.Images.UploadAsync(Requests.UniqueName("image"), ImageKind.Elf, new MemoryStream([1]), cancellationToken: Cancelled);
        var vm = await api.Client.Vms.CreateAsync(Requests.NewDefinition() with { Image = image.Id.ToString() }, cancellationToken: Cancelled);

        var inUse = await Assert.ThrowsAsync<CloudVmApiException>(() => api.Client.Images.DeleteAsync(image.Id, cancellationToken: Cancelled));
        await using (var context = api.NewContext())
            await context.VirtualMachines.Where(v => v.Id == vm.Id).ExecuteUpdateAsync(s => s.SetProperty(v => v.DeletedAt, DateTimeOffset.UnixEpoch), Cancelled);
        await api.Client.Images.DeleteAsync(image.Id, cancellationToken: Cancelled);

        Assert.Equal(ProblemCodes.InUse, inUse.Problem.Code);
        Assert.Contains(vm.Name, Assert.Single(inUse.Problem.Errors).Message, StringComparison.Ordinal);
        await (await api.Http.SendJsonAsync(HttpMethod.Get, $"/images/{image.Id}")).ReadProblemAsync(HttpStatusCode.NotFound);
        await (await api.Http.SendJsonAsync(HttpMethod.Delete, $"/images/{api.ImageId}")).ReadProblemAsync(HttpStatusCode.Conflict);
    }

    private sealed class BrokenStream : MemoryStream
    {
        private int _reads;

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            await Task.Yield();
            return _reads++ < 20 ? buffer.Length : throw new IOException("The disk is gone.");
        }
    }
}
