namespace CloudVm.Api.Shared;

internal static class ApiRoutes
{
    /// <summary>Base path of everything that is versioned.</summary>
    public const string Root = "/api/v1";
}
