using OrleansGateway.Grains.Accounts;
using OrleansGateway.Grains.Contracts.Accounts;
using Xunit;

namespace OrleansGateway.Tests.Unit.Grains.Accounts;

public sealed class RateLimiterTests
{
    private static TimeSpan Seconds(double seconds) => TimeSpan.FromSeconds(seconds);

    [Fact]
    public void Until_IsExactToTheTick()
    {
        var bucket = new TokenBucket(7, TimeSpan.Zero);
        bucket.Take(7, TimeSpan.Zero);
        var until = bucket.Until(1, TimeSpan.Zero);

        Assert.Equal(TimeSpan.FromTicks(85_714_286), until);
        Assert.Equal(TimeSpan.FromTicks(1), bucket.Until(1, until - TimeSpan.FromTicks(1)));
        Assert.Equal(TimeSpan.Zero, bucket.Until(1, until));
    }

    [Fact]
    public void Refill_NeverPassesTheCapacityNorDrifts()
    {
        var bucket = new TokenBucket(60, TimeSpan.Zero);
        bucket.Take(60, TimeSpan.Zero);
        for (var i = 1; i <= 30_000; i++)
        {
            bucket.Remaining(Seconds(i / 1000.0));
        }

        Assert.Equal(30, bucket.Remaining(Seconds(30)));
        Assert.Equal(60, bucket.Remaining(Seconds(1000)));
    }

    [Fact]
    public void Take_BackMoreThanWasTaken_FillsOnlyToTheCapacity()
    {
        var bucket = new TokenBucket(60, TimeSpan.Zero);
        bucket.Take(10, TimeSpan.Zero);
        bucket.Take(-50, TimeSpan.Zero);

        Assert.Equal(60, bucket.Remaining(TimeSpan.Zero));
    }

    [Fact]
    public void Remaining_BelowNothing_RoundsDown()
    {
        var bucket = new TokenBucket(60, TimeSpan.Zero);
        bucket.Take(61, TimeSpan.Zero);

        Assert.Equal(-1, bucket.Remaining(TimeSpan.Zero));
        Assert.Equal(-1, bucket.Remaining(Seconds(0.5)));
        Assert.Equal(0, bucket.Remaining(Seconds(1)));
    }

    [Fact]
    public void Correct_ByMoreThanAnyLimit_NeverGivesBack()
    {
        var limits = new RateLimiter();
        limits.Set(new RateLimits(null, AccountProtocol.LimitMax, null), TimeSpan.Zero);
        limits.Take(5, TimeSpan.Zero);
        limits.Correct(5, (Int128)long.MaxValue * 2, TimeSpan.Zero);

        Assert.Equal(AdmitOutcome.TokenRateLimited, limits.Check(1, TimeSpan.Zero, out _));
    }
}
