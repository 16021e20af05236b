using CloudVm.Contracts.Schedules;

namespace CloudVm.Contracts.Tests;

public sealed class CronExpressionTests
{
    [Theory]
    [InlineData("0 3 * * *", "0 0 3 * * ?")]
    [InlineData("*/15 * * * *", "0 0,15,30,45 * * * ?")]
    [InlineData("30 4 1,15 * *", "0 30 4 1,15 * ?")]
    [InlineData("0 3 * * MON-FRI", "0 0 3 ? * MON,TUE,WED,THU,FRI")]
    [InlineData("0 3 * * 1-5", "0 0 3 ? * MON,TUE,WED,THU,FRI")]
    [InlineData("0 3 * * 0", "0 0 3 ? * SUN")]
    [InlineData("0 3 * * 7", "0 0 3 ? * SUN")]
    [InlineData("0 3 * jan,JUL *", "0 0 3 * 1,7 ?")]
    [InlineData("*/10 * * * * *", "0,10,20,30,40,50 * * * * ?")]
    [InlineData("5/20 * * * *", "0 5,25,45 * * * ?")]
    public void Becomes_what_quartz_reads(string text, string quartz)
    {
        Assert.True(CronExpression.TryParse(text, out var expression, out var fault), fault);
        Assert.Equal(quartz, expression.ToQuartz());
    }

    [Theory]
    [InlineData("", "five fields")]
    [InlineData("* * *", "five fields")]
    [InlineData("60 * * * *", "'60' is no minute")]
    [InlineData("* 24 * * *", "'24' is no hour")]
    [InlineData("* * 0 * *", "'0' is no day")]
    [InlineData("* * * 13 *", "'13' is no month")]
    [InlineData("* * * * 8", "'8' is no weekday")]
    [InlineData("5-1 * * * *", "'5-1' is no minute")]
    [InlineData("*/0 * * * *", "'*/0' is no minute")]
    [InlineData("1,,2 * * * *", "'' is no minute")]
    [InlineData("-1 * * * *", "is no minute")]
    [InlineData("a * * * *", "'a' is no minute")]
    [InlineData("0 3 1 * MON", "not both")]
    public void Says_what_is_wrong(string text, string reason)
    {
        Assert.False(CronExpression.TryParse(text, out _, out var fault));
        Assert.Contains(reason, fault, StringComparison.Ordinal);
    }
}
