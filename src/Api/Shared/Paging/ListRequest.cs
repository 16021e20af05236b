using System.Globalization;
using System.Reflection;
using CloudVm.Api.Shared.Problems;
using CloudVm.Contracts.Problems;

namespace CloudVm.Api.Shared.Paging;

/// <summary>The query of a collection: <c>pageSize</c>, <c>pageToken</c>, <c>filter</c>, <c>orderBy</c>.</summary>
internal sealed record ListRequest(string Path, int PageSize, string? PageToken, string? Filter, string? OrderBy)
{
    public const int DefaultPageSize = 50;

    public const int MaxPageSize = 500;

    private const int MaxFilterLength = 2000;

    public static ValueTask<ListRequest?> BindAsync(HttpContext context, ParameterInfo parameter)
    {
        var query = context.Request.Query;
        var reasons = new List<ProblemReason>();
        var pageSize = DefaultPageSize;
        if (query["pageSize"].ToString() is { Length: > 0 } text
            && (!int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out pageSize) || pageSize is < 1 or > MaxPageSize))
        {
            reasons.Add(new ProblemReason("?pageSize", "invalidParameter", $"'{text}' is no number from 1 to {MaxPageSize}."));
        }

        var filter = Text(query["filter"]);
        if (filter?.Length > MaxFilterLength)
            reasons.Add(new ProblemReason("?filter", "invalidParameter", $"A filter has at most {MaxFilterLength} characters."));
        if (reasons.Count > 0)
            throw BadQuery(reasons);

        return ValueTask.FromResult<ListRequest?>(
            new ListRequest(context.Request.Path, pageSize, Text(query["pageToken"]), filter, Text(query["orderBy"])));
    }

    public static ProblemException BadQuery(IEnumerable<ProblemReason> reasons) =>
        new(StatusCodes.Status400BadRequest, ProblemCodes.InvalidRequest, "The query is not valid.") { Reasons = [.. reasons] };

    private static string? Text(string? value) => string.IsNullOrWhiteSpace(value) ? null : value;
}
