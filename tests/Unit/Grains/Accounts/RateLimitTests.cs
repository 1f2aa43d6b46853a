using OrleansGateway.Grains.Contracts.Accounts;
using Xunit;

namespace OrleansGateway.Tests.Unit.Grains.Accounts;

public sealed class RateLimitTests
{
    private static AccountWorld With(RateLimits limits, LimitScope scope) => scope == LimitScope.Key
        ? AccountWorld.With(100_000, keyLimits: limits)
        : AccountWorld.With(100_000, limits: limits);

    [Theory]
    [InlineData(LimitScope.Key)]
    [InlineData(LimitScope.Account)]
    public void Requests_AreCountedExactlyAndRefilled(LimitScope scope)
    {
        using var world = With(new RateLimits(6, null, null), scope);
        for (var i = 0; i < 6; i++)
        {
            Assert.True(world.Admit($"h{i}", 0).IsAdmitted);
        }

        var refused = world.Admit("over", 0);
        Assert.Equal((AdmitOutcome.RequestRateLimited, scope, 10_000L), (refused.Outcome, refused.Scope, refused.RetryAfterMs));
        world.Pass(9.999);
        Assert.Equal(1, world.Admit("over", 0).RetryAfterMs);
        world.Pass(0.001);
        Assert.True(world.Admit("over", 0).IsAdmitted);
        Assert.Equal(AdmitOutcome.RequestRateLimited, world.Admit("next", 0).Outcome);
    }

    /// <summary>C065. C074: nobody waits for a place.</summary>
    [Fact]
    public void Requests_RefusedForConcurrency_AreNotCounted()
    {
        using var world = With(new RateLimits(2, null, 1), LimitScope.Key);
        var first = world.Admit("a", 10);
        Assert.Equal(AdmitOutcome.ConcurrencyLimited, world.Admit("b", 10).Outcome);
        world.Settle("a", 10, 10);
        var third = world.Admit("c", 10);

        Assert.True(third.IsAdmitted);
        Assert.Equal((1, 0), (first.Rates.RequestsRemaining, third.Rates.RequestsRemaining));
    }

    /// <summary>C070: what remains falls by what was used, and is whole again when the reset says so.</summary>
    [Fact]
    public void Tokens_RemainingOfThem_FallByWhatWasUsed()
    {
        using var world = With(new RateLimits(null, 600, null), LimitScope.Key);
        var remaining = new List<long>();
        for (var i = 0; i < 3; i++)
        {
            var rates = world.Admit($"h{i}", 0, tokens: 120).Rates;
            remaining.Add(rates.TokensRemaining);
            Assert.Equal((600 - rates.TokensRemaining) * 100, rates.TokensResetMs);
            world.Settle($"h{i}", 0, 0, tokens: 100);
        }

        Assert.Equal([480, 380, 280], remaining);
    }

    /// <summary>C067: so it is of streams too, whose settlement says what they used.</summary>
    [Theory]
    [InlineData(LimitScope.Key)]
    [InlineData(LimitScope.Account)]
    public void Tokens_AreTakenAtAdmissionAndCorrectedBySettlement(LimitScope scope)
    {
        using var world = With(new RateLimits(null, 600, null), scope);
        world.Admit("a", 0, tokens: 400);
        var refused = world.Admit("b", 0, tokens: 300);
        Assert.Equal((AdmitOutcome.TokenRateLimited, scope, 10_000L), (refused.Outcome, refused.Scope, refused.RetryAfterMs));

        world.Settle("a", 0, 0, tokens: 100);
        Assert.True(world.Admit("b", 0, tokens: 500).IsAdmitted);
        world.Settle("b", 0, 0, tokens: 1100);

        // 600 tokens below nothing: a minute until there is one more than nothing.
        Assert.Equal(60_100, world.Admit("c", 0, tokens: 1).RetryAfterMs);
    }

    [Fact]
    public void Tokens_MoreThanTheCapacity_TakeAllOfIt()
    {
        using var world = With(new RateLimits(null, 600, null), LimitScope.Key);

        Assert.True(world.Admit("a", 0, tokens: 10_000).IsAdmitted);
        Assert.Equal(60_000, world.Admit("b", 0, tokens: 10_000).RetryAfterMs);
        world.Settle("a", 0, 0, tokens: 0);
        Assert.True(world.Admit("b", 0, tokens: 10_000).IsAdmitted);
    }

    /// <summary>C068: those whose edge is gone count until their lease is over.</summary>
    [Theory]
    [InlineData(LimitScope.Key)]
    [InlineData(LimitScope.Account)]
    public void Concurrency_CountsOpenHolds(LimitScope scope)
    {
        using var world = With(new RateLimits(null, null, 2), scope);
        world.Admit("a", 10);
        world.Admit("b", 10);
        var refused = world.Admit("c", 10);
        Assert.Equal((AdmitOutcome.ConcurrencyLimited, scope), (refused.Outcome, refused.Scope));
        Assert.True(refused.RetryAfterMs > 0);

        world.Settle("a", 10, 10);
        Assert.True(world.Admit("c", 10).IsAdmitted);
        Assert.Equal(AdmitOutcome.ConcurrencyLimited, world.Admit("d", 10).Outcome);
        world.Pass(17);
        Assert.True(world.Admit("d", 10).IsAdmitted);
    }

    [Fact]
    public void Concurrency_ReturnsWithAdoptedHolds()
    {
        using var world = With(new RateLimits(null, null, 1), LimitScope.Account);
        world.Admit("a", 10);
        var next = world.AddSilo("p1");
        world.Run(() => next.Grain.RenewAsync(AccountWorld.Renewal("a", 10)));

        Assert.Equal(AdmitOutcome.ConcurrencyLimited, world.Run(() => next.Grain.AdmitAsync(AccountWorld.Request("b", 1))).Outcome);
    }

    [Fact]
    public void Refused_ByTheAccount_TakesNothingFromTheKey()
    {
        using var world = AccountWorld.With(1000, keyLimits: new RateLimits(2, null, null), limits: new RateLimits(null, 60, null));
        world.Admit("a", 0, tokens: 60);
        Assert.Equal(AdmitOutcome.TokenRateLimited, world.Admit("b", 0, tokens: 1).Outcome);
        Assert.Equal(AdmitOutcome.InsufficientFunds, world.Admit("c", 5000).Outcome);

        Assert.Equal(1, world.Admit("d", 5000).Rates.RequestsRemaining);
    }

    [Fact]
    public void Rates_AreTheTightestOfKeyAndAccount()
    {
        using var world = AccountWorld.With(
            1000, keyLimits: new RateLimits(10, 1000, null), limits: new RateLimits(5, 5000, null));

        var rates = world.Admit("a", 0, tokens: 100).Rates;

        Assert.Equal(
            new RateStanding
            {
                RequestsLimit = 5,
                RequestsRemaining = 4,
                RequestsResetMs = 12_000,
                TokensLimit = 1000,
                TokensRemaining = 900,
                TokensResetMs = 6000,
            },
            rates);
    }

    [Fact]
    public void SetLimits_StartFull_AndUnchangedOnesGoOn()
    {
        using var world = AccountWorld.With(1000, limits: new RateLimits(2, null, null));
        world.Admit("a", 0);
        world.Admit("b", 0);
        world.SetStatus(null, new RateLimits(2, 100, null));
        Assert.Equal(AdmitOutcome.RequestRateLimited, world.Admit("c", 0).Outcome);

        world.SetStatus(null, new RateLimits(3, 100, null));

        Assert.True(world.Admit("c", 0).IsAdmitted);
    }
}
