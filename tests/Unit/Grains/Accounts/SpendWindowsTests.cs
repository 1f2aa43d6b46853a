using OrleansGateway.Grains.Accounts;
using OrleansGateway.Grains.Contracts.Accounts;
using Xunit;

namespace OrleansGateway.Tests.Unit.Grains.Accounts;

public sealed class SpendWindowsTests
{
    private static DateTimeOffset At(int year, int month, int day, int hour = 12) => new(year, month, day, hour, 0, 0, TimeSpan.Zero);

    [Fact]
    public void Add_WithinAllWindows_AddsToAll()
    {
        var spend = SpendWindows.Add(SpendWindows.Add(KeySpend.None, 5, At(2030, 1, 2, 0)), 7, At(2030, 1, 2, 23));

        Assert.Equal(
            new KeySpend(12, new DateOnly(2030, 1, 2), 12, new DateOnly(2029, 12, 31), 12, new DateOnly(2030, 1, 1), 12), spend);
    }

    [Theory]
    [InlineData(2030, 1, 6, 5, 5)] // Sunday of the same week
    [InlineData(2030, 1, 7, 0, 5)] // Monday
    [InlineData(2030, 2, 1, 0, 0)]
    [InlineData(2031, 1, 2, 0, 0)]
    public void Roll_LaterDay_KeepsTheWindowsThatStillRun(int year, int month, int day, long week, long inMonth)
    {
        var rolled = SpendWindows.Roll(SpendWindows.Add(KeySpend.None, 5, At(2030, 1, 2)), At(year, month, day, 0));

        Assert.Equal((5L, 0L, week, inMonth), (rolled.TotalNanos, rolled.DayNanos, rolled.WeekNanos, rolled.MonthNanos));
    }

    [Fact]
    public void Add_TimeOfDayWasSetBack_StaysInItsWindows()
    {
        var spend = SpendWindows.Add(KeySpend.None, 5, At(2030, 2, 4));
        var later = SpendWindows.Add(spend, 7, At(2030, 1, 31));

        Assert.Equal(
            new KeySpend(12, new DateOnly(2030, 2, 4), 12, new DateOnly(2030, 2, 4), 12, new DateOnly(2030, 2, 1), 12), later);
    }

    [Fact]
    public void Roll_OtherOffset_GoesByUtc()
    {
        var spend = SpendWindows.Add(KeySpend.None, 5, new DateTimeOffset(2030, 1, 3, 1, 0, 0, TimeSpan.FromHours(8)));

        Assert.Equal(new DateOnly(2030, 1, 2), spend.Day);
    }
}
