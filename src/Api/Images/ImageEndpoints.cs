using CloudVm.Api.Access;
using CloudVm.Api.OpenApi;
using CloudVm.Api.Shared.Paging;
using CloudVm.Api.Shared.UnitsOfWork;
using CloudVm.Contracts.Access;
using CloudVm.Contracts.Images;
using Microsoft.AspNetCore.Http.Metadata;

namespace CloudVm.Api.Images;

internal static class ImageEndpoints
{
    public static IServiceCollection AddImages(this IServiceCollection services) => services
        .AddScoped<ImageCatalogue>()
        .AddScoped<UploadImage>()
        .AddHostedService<UploadSweeper>();

    public static void MapImages(this RouteGroupBuilder api)
    {
        var images = api.MapGroup("/images").WithTags("Images");
        images.MapGet("", (ListRequest request, ImageCatalogue catalogue, CancellationToken ct) => catalogue.ListAsync(request, ct))
            .Describe("listImages", "List images", "Built-in ones and those of the caller's projects.")
            .ProducesPage<Image>();
        images.MapGet("/{id:guid}", (Guid id, ImageCatalogue catalogue, CancellationToken ct) => catalogue.GetAsync(id, ct))
            .Describe("getImage", "Get an image", "Its kind, size and SHA-256.")
            .ProducesResource<Image>();

        var change = images.MapGroup("").RequireRole(Role.Operator).AddEndpointFilter<UnitOfWork>();
        change.MapPost("", (HttpContext http, UploadImage handler) => handler.HandleAsync(http))
            .WithMetadata(new StreamedBody(), new UnlimitedBody(), new RequestBodyDescription(typeof(Stream), "application/octet-stream", "multipart/form-data"))
            .Describe(
                "uploadImage", "Upload an image",
                "The bytes are the body, or the files of a multipart form, named after their roles: kernel, initrd and dtb, or disk (the main one may "
                + "be called file). Each part may carry its own X-Content-SHA256. Nothing of an upload that does not complete stays.")
            .WithParameter("name", "Unique in the project.", "string")
            .WithParameter("kind", "elf, flat, image, linuxBundle or disk.", "string")
            .WithParameter("format", "Of a disk image: raw, qcow2 or auto, which tells by its first bytes and is the default.", "string")
            .WithParameter("commandLine", "Kernel command line of VMs that give none.", "string")
            .WithParameter("description", "For people.", "string")
            .WithParameter("project", "The owning project; default when left out.", "string")
            .WithRequestHeader(
                UploadImage.HashHeader,
                "SHA-256 of the bytes in hex; other bytes are refused. Of several files, of the lines `role sha256` joined by line feeds.")
            .ProducesCreated<Image>();
        change.MapDelete("/{id:guid}", (Guid id, ImageCatalogue catalogue, CancellationToken ct) => catalogue.DeleteAsync(id, ct))
            .Describe("deleteImage", "Delete an image", "Built-in ones stay, and so do those that a VM or a snapshot uses.")
            .ProducesNothing();
    }

    /// <summary>Lifts the server's bound on bodies; the handler has its own.</summary>
    private sealed class UnlimitedBody : IRequestSizeLimitMetadata
    {
        public long? MaxRequestBodySize => null;
    }
}
