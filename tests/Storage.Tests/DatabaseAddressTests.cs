namespace CloudVm.Storage.Tests;

public sealed class DatabaseAddressTests
{
    [Theory]
    [InlineData("postgresql://me:p%40ss@db:5433/cloud?sslmode=require", "db", 5433, "cloud", "me", "p@ss")]
    [InlineData("postgres://db/cloud", "db", 5432, "cloud", null, null)]
    [InlineData("Host=db;Port=5433;Database=cloud;Username=me;Password=p@ss", "db", 5433, "cloud", "me", "p@ss")]
    public void Both_forms_are_read(string text, string host, int port, string name, string? user, string? password)
    {
        var builder = DatabaseAddress.Builder(text);

        Assert.Equal((host, port, name, user, password), (builder.Host, builder.Port, builder.Database, builder.Username, builder.Password));
    }

    [Fact]
    public void Nonsense_is_refused_with_the_reason() =>
        Assert.Contains("bogus", Assert.Throws<FormatException>(() => DatabaseAddress.Parse("Bogus=1")).Message, StringComparison.OrdinalIgnoreCase);
}
