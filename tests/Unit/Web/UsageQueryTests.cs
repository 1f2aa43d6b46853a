using OrleansGateway.Web.Usage;
using Xunit;

namespace OrleansGateway.Tests.Unit.Web;

public sealed class UsageQueryTests
{
    private static readonly TimeZoneInfo Berlin = TimeZoneInfo.FindSystemTimeZoneById("Europe/Berlin");
    private static readonly TimeZoneInfo Kolkata = TimeZoneInfo.FindSystemTimeZoneById("Asia/Kolkata");

    /// <summary>On the days on which clocks are set forward and back, a day has 23 and 25 hours.</summary>
    [Theory]
    [InlineData(3, 29, 23)]
    [InlineData(10, 25, 25)]
    [InlineData(6, 1, 24)]
    public void Bounds_ByTheHour_AreTheDaysOwnHours(int month, int day, int hours)
    {
        var date = new DateOnly(2026, month, day);

        var bounds = new UsageQuery { From = date, To = date, IsHourly = true }.Bounds(Berlin);

        Assert.Equal(hours + 1, bounds.Count);
        Assert.Equal(UsageQuery.StartOf(date, Berlin), bounds[0]);
        Assert.Equal(UsageQuery.StartOf(date.AddDays(1), Berlin), bounds[^1]);
        Assert.All(bounds.Zip(bounds.Skip(1)), pair => Assert.Equal(TimeSpan.FromHours(1), pair.Second - pair.First));
    }

    [Fact]
    public void Bounds_ByTheDay_BeginWhereThePersonsDaysDo()
    {
        var bounds = new UsageQuery { From = new DateOnly(2026, 3, 1), To = new DateOnly(2026, 3, 3) }.Bounds(Kolkata);

        Assert.Equal(
            [new(2026, 2, 28, 18, 30, 0, default), new(2026, 3, 1, 18, 30, 0, default), new(2026, 3, 2, 18, 30, 0, default), new(2026, 3, 3, 18, 30, 0, default)],
            bounds.Select(bound => bound.ToUniversalTime()));
    }
}
