using CloudVm.Contracts.Access;
using CloudVm.Web.Sessions;

namespace CloudVm.Web.Tests;

public sealed class SessionTests
{
    private readonly ManualTime _time = new();

    [Fact]
    public void A_session_lasts_as_long_as_its_token()
    {
        var store = new SessionStore(_time);
        var ended = new List<string>();
        store.Ended += ended.Add;
        var session = store.Add(Issued(TimeSpan.FromHours(1)));

        Assert.True(store.TryGet(session.Id, out var found));
        Assert.Equal("secret", found.Token);
        _time.Now += TimeSpan.FromHours(1);
        Assert.False(store.TryGet(session.Id, out _));
        Assert.Equal([session.Id], ended);
    }

    [Fact]
    public void Expired_sessions_do_not_pile_up()
    {
        var store = new SessionStore(_time);
        var ended = new List<string>();
        store.Ended += ended.Add;
        var old = store.Add(Issued(TimeSpan.FromMinutes(1)));
        _time.Now += TimeSpan.FromMinutes(2);

        store.Add(Issued(TimeSpan.FromMinutes(1)));

        Assert.Equal([old.Id], ended);
    }

    [Fact]
    public void Session_ids_are_long_and_never_the_token()
    {
        var store = new SessionStore(_time);
        var ids = Enumerable.Range(0, 100).Select(_ => store.Add(Issued(TimeSpan.FromHours(1))).Id).ToList();

        Assert.Equal(100, ids.Distinct().Count());
        Assert.All(ids, id => Assert.Equal(32, id.Length));
        Assert.DoesNotContain("secret", ids);
    }

    [Theory]
    [InlineData("/vms?q=a", "/vms?q=a")]
    [InlineData("/", "/")]
    [InlineData(null, "/")]
    [InlineData("", "/")]
    [InlineData("vms", "/")]
    [InlineData("//elsewhere.example", "/")]
    [InlineData("/\\elsewhere.example", "/")]
    [InlineData("https://elsewhere.example", "/")]
    [InlineData("/\t/elsewhere.example", "/")]
    public void After_signing_in_one_stays_on_this_site(string? url, string expected) => Assert.Equal(expected, SessionCookie.LocalOrHome(url));

    private IssuedToken Issued(TimeSpan lasts) => new()
    {
        Id = Guid.NewGuid(),
        Token = "secret",
        ExpiresAt = _time.Now + lasts,
        Principal = new Principal { UserId = Guid.NewGuid(), UserName = "admin", Role = Role.Operator, Projects = ["default"] },
    };

    private sealed class ManualTime : TimeProvider
    {
        public DateTimeOffset Now { get; set; } = new(2026, 11, 23, 0, 0, 0, TimeSpan.Zero);

        public override DateTimeOffset GetUtcNow() => Now;
    }
}
