using System.Globalization;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Tests.Shared.Ledger;
using Xunit;

namespace OrleansGateway.Tests.Unit.Grains.Accounts;

/// <summary>The rules of keys, their order, and their spend caps.</summary>
public sealed class KeyRuleTests
{
    private static AdmitOutcome Admit(AccountWorld world, Func<AdmitRequest, AdmitRequest>? change = null)
    {
        var request = AccountWorld.Request("h", 10, tokens: 5);
        return world.Run(() => world.Grain.AdmitAsync(change?.Invoke(request) ?? request)).Outcome;
    }

    private static FindKeyRequest KeyRequest() => new()
    {
        Epoch = 0,
        KeyId = AccountWorld.KeyId,
        KeyHash = AccountWorld.KeyHash,
        ClientAddress = "10.0.0.1",
    };

    private static KeyAnswer FindKey(AccountWorld world, Func<FindKeyRequest, FindKeyRequest>? change = null) =>
        world.Run(() => world.Grain.FindKeyAsync(change?.Invoke(KeyRequest()) ?? KeyRequest()));

    [Fact]
    public void Admit_EveryRuleBroken_TheFirstOneTells()
    {
        var broken = AccountWorld.Key with
        {
            Status = KeyStatus.Disabled,
            ExpiresAt = DateTimeOffset.UnixEpoch,
            Models = ["other"],
            Addresses = ["192.168.0.0/16"],
            Caps = new SpendCaps(0, null, null, null),
            Limits = new RateLimits(null, 1, null),
        };
        using var world = AccountWorld.With(5);
        world.Admit("uses up the limit", 0, tokens: 1);
        world.SetKey(broken);
        world.SetStatus(AccountStatus.Suspended);
        AdmitOutcome WithKey(Func<KeySettings, KeySettings> change)
        {
            broken = change(broken);
            world.SetKey(broken);
            return Admit(world);
        }

        Assert.Equal(AdmitOutcome.UnknownKey, Admit(world, r => r with { KeyId = "nokey", KeyHash = default }));
        Assert.Equal(AdmitOutcome.UnknownKey, Admit(world, r => r with { KeyHash = default }));
        Assert.Equal(AdmitOutcome.KeyDisabled, Admit(world));
        Assert.Equal(AdmitOutcome.KeyExpired, WithKey(k => k with { Status = KeyStatus.Active }));
        Assert.Equal(AdmitOutcome.AccountSuspended, WithKey(k => k with { ExpiresAt = null }));
        world.SetStatus(AccountStatus.Active);
        Assert.Equal(AdmitOutcome.ModelNotAllowed, Admit(world));
        Assert.Equal(AdmitOutcome.AddressNotAllowed, WithKey(k => k with { Models = ["other", "model"] }));
        Assert.Equal(AdmitOutcome.SpendCapReached, WithKey(k => k with { Addresses = ["192.168.0.0/16", "10.0.0.1"] }));
        world.Admit("takes the token", 0, tokens: 1);
        Assert.Equal(AdmitOutcome.TokenRateLimited, WithKey(k => k with { Caps = SpendCaps.None }));
        Assert.Equal(AdmitOutcome.InsufficientFunds, WithKey(k => k with { Limits = RateLimits.None }));
        world.SetStatus(AccountStatus.Closed);
        Assert.Equal(AdmitOutcome.AccountClosed, Admit(world));
    }

    [Fact]
    public void FindKey_InForce_TellsItsModelsAndTakesNothing()
    {
        using var world = AccountWorld.With(0, limits: new RateLimits(1, 1, 1));
        world.SetKey(AccountWorld.Key with { Models = ["other"], Caps = new SpendCaps(0, null, null, null) });

        for (var i = 0; i < 3; i++)
        {
            var answer = FindKey(world);
            Assert.Equal((AdmitOutcome.Admitted, world.Row.Epoch), (answer.Outcome, answer.Epoch));
            Assert.Equal(["other"], answer.Models);
        }
    }

    [Fact]
    public void FindKey_NotInForce_TellsTheRuleAndNoModels()
    {
        using var world = AccountWorld.With(100);
        AdmitOutcome With(Func<KeySettings, KeySettings> change)
        {
            world.SetKey(change(AccountWorld.Key with { Models = ["other"] }));
            var answer = FindKey(world);
            Assert.Empty(answer.Models);
            return answer.Outcome;
        }

        Assert.Equal(AdmitOutcome.KeyDisabled, With(k => k with { Status = KeyStatus.Disabled }));
        Assert.Equal(AdmitOutcome.KeyExpired, With(k => k with { ExpiresAt = DateTimeOffset.UnixEpoch }));
        Assert.Equal(AdmitOutcome.AddressNotAllowed, With(k => k with { Addresses = ["192.168.0.0/16"] }));
        Assert.Equal(AdmitOutcome.UnknownKey, FindKey(world, r => r with { KeyHash = default }).Outcome);
        Assert.Equal(AdmitOutcome.UnknownKey, FindKey(world, r => r with { KeyId = "nokey" }).Outcome);
        world.SetStatus(AccountStatus.Suspended);
        Assert.Equal(AdmitOutcome.AccountSuspended, With(k => k));
        world.SetStatus(AccountStatus.Closed);
        Assert.Equal(AdmitOutcome.AccountClosed, With(k => k));
    }

    [Fact]
    public void FindKey_AsARequest_TellsAKeyWithoutACapItsAccountsBalance()
    {
        using var world = AccountWorld.With(10_000);
        world.Admit("spent", 50);
        world.Settle("spent", 50, 30);
        world.Admit("held", 40);

        var standing = FindKey(world, r => r with { IsRequest = true }).Standing!;

        Assert.Equal((30L, 30L, 40L), (standing.Spend.TotalNanos, standing.Spend.DayNanos, standing.HeldNanos));
        Assert.Equal(new AccountFunds(9970, 0, 40), standing.Account);
        Assert.Null(FindKey(world).Standing);
    }

    [Fact]
    public void FindKey_AsARequest_TellsAKeyWithACapNothingOfItsAccount()
    {
        using var world = AccountWorld.With(10_000, new SpendCaps(null, 100, null, null));
        world.Admit("spent", 50);
        world.Settle("spent", 50, 30);

        var standing = FindKey(world, r => r with { IsRequest = true }).Standing!;

        Assert.Equal((100L, 30L), (standing.Caps.DayNanos, standing.Spend.DayNanos));
        Assert.Null(standing.Account);
        world.Pass(TimeSpan.FromDays(1));
        Assert.Equal(0, FindKey(world, r => r with { IsRequest = true }).Standing!.Spend.DayNanos);
    }

    [Fact]
    public void FindKey_AsARequest_CountsByTheLimitsOfRequests()
    {
        using var world = AccountWorld.With(100, limits: new RateLimits(2, null, null));
        world.SetKey(AccountWorld.Key with { Limits = new RateLimits(60, null, 1) });
        world.Admit("running, which is no matter", 1);

        var first = FindKey(world, r => r with { IsRequest = true });
        Assert.Equal((AdmitOutcome.Admitted, 2L, 0L), (first.Outcome, first.Rates.RequestsLimit, first.Rates.RequestsRemaining));
        var second = FindKey(world, r => r with { IsRequest = true });
        Assert.Equal((AdmitOutcome.RequestRateLimited, LimitScope.Account, null), (second.Outcome, second.Scope, second.Standing));
        Assert.Equal(30_000, second.RetryAfterMs);
        Assert.Equal(AdmitOutcome.Admitted, FindKey(world).Outcome);
        world.Pass(30);
        Assert.Equal(AdmitOutcome.Admitted, FindKey(world, r => r with { IsRequest = true }).Outcome);
    }

    [Fact]
    public void FindKey_WithoutAuthority_AsksTheLedgerFirst()
    {
        using var world = AccountWorld.With(100);
        world.Pass(60);
        var gate = world.HoldBack(LedgerMethod.Commit);

        var finding = world.Start(() => world.Grain.FindKeyAsync(KeyRequest()));
        Assert.False(finding.IsOver);
        gate.Open();
        world.RunUntilIdle();

        Assert.Equal(AdmitOutcome.Admitted, finding.Answer.Outcome);
    }

    [Fact]
    public void FindKey_SenderSawANewerEpoch_AsksToRetry()
    {
        using var world = AccountWorld.With(100);

        Assert.Equal(AdmitOutcome.Retry, FindKey(world, r => r with { Epoch = world.Row.Epoch + 1 }).Outcome);
    }

    [Fact]
    public void Admit_AtItsExpiry_IsExpired()
    {
        using var world = AccountWorld.With(100);
        world.SetKey(AccountWorld.Key with { ExpiresAt = world.Clock.GetUtcNow().AddSeconds(10) });
        world.Pass(9);
        Assert.Equal(AdmitOutcome.Admitted, Admit(world));
        world.Pass(1);

        Assert.Equal(AdmitOutcome.KeyExpired, Admit(world, r => r with { HoldId = "i" }));
    }

    [Theory]
    [InlineData("10.1.0.0/16", "10.1.255.255", true)]
    [InlineData("10.1.0.0/16", "10.2.0.0", false)]
    [InlineData("10.1.2.3", "10.1.2.3", true)]
    [InlineData("10.1.2.3", "10.1.2.4", false)]
    [InlineData("10.1.2.3", "::ffff:10.1.2.3", true)]
    [InlineData("2001:db8::/32", "2001:db8:1::5", true)]
    [InlineData("2001:db8::/32", "2001:db9::5", false)]
    [InlineData("2001:db8::/32", "10.1.2.3", false)]
    [InlineData("0.0.0.0/0", "nonsense", false)]
    public void Admit_AddressList_AllowsWhatIsInIt(string allowed, string client, bool isAdmitted)
    {
        using var world = AccountWorld.With(100);
        world.SetKey(AccountWorld.Key with { Addresses = [allowed] });

        Assert.Equal(
            isAdmitted ? AdmitOutcome.Admitted : AdmitOutcome.AddressNotAllowed, Admit(world, r => r with { ClientAddress = client }));
    }

    [Fact]
    public void Admit_Cap_CountsWhatIsSpentHeldAndWouldBeHeld()
    {
        using var world = AccountWorld.With(10_000, new SpendCaps(100, null, null, null));
        world.Admit("spent", 50);
        world.Settle("spent", 50, 30);
        world.Admit("held", 40);

        var refused = world.Admit("over", 31);

        Assert.Equal((AdmitOutcome.SpendCapReached, LimitScope.Key), (refused.Outcome, refused.Scope));
        Assert.Equal((SpendWindow.Total, 30L, null), (refused.CapWindow, refused.AvailableNanos, refused.CapEnd));
        Assert.True(world.Admit("just", 30).IsAdmitted);
        Assert.True(world.Admit("nothing", 0).IsAdmitted);
    }

    [Theory]
    [InlineData(SpendWindow.Day, "2030-01-02", 40, null, 100, null)]
    [InlineData(SpendWindow.Week, "2030-01-07", 30, 35, 100, null)]
    [InlineData(SpendWindow.Month, "2030-02-01", 30, 35, 100, 38)]
    public void Admit_OverCaps_TellsTheOneThatFreesLast(SpendWindow window, string end, long day, int? week, int total, int? month)
    {
        // The clock starts on Tuesday 2030-01-01.
        using var world = AccountWorld.With(10_000, new SpendCaps(total, day, week, month));
        world.Admit("held", 25);

        var refused = world.Admit("h", 16);

        var left = (window == SpendWindow.Day ? day : window == SpendWindow.Week ? week!.Value : month!.Value) - 25;
        Assert.Equal((AdmitOutcome.SpendCapReached, window, left), (refused.Outcome, refused.CapWindow, refused.AvailableNanos));
        Assert.Equal(DateTimeOffset.Parse(end + "T00:00:00Z", CultureInfo.InvariantCulture), refused.CapEnd);
    }

    [Fact]
    public void Admit_CapDoesNotCoverMost_HoldsLeast()
    {
        using var world = AccountWorld.With(10_000, new SpendCaps(100, null, null, null));

        Assert.Equal(60, world.Admit("h", most: 101, least: 60).TotalNanos);
    }

    [Fact]
    public void Admit_CapWhileASettlementIsOnItsWay_CountsTheHold()
    {
        using var world = AccountWorld.With(10_000, new SpendCaps(100, null, null, null));
        world.Admit("h", 80);
        var gate = world.HoldBack(LedgerMethod.Commit);
        _ = world.StartSettle("h", 80, 10);

        Assert.Equal(AdmitOutcome.SpendCapReached, world.Admit("i", 21).Outcome);
        gate.Open();
        world.RunUntilIdle();
        Assert.True(world.Admit("i", 90).IsAdmitted);
    }

    [Theory]
    [InlineData("day", 10.0, 14.0)]
    [InlineData("week", 24.0, 6 * 24.0)]
    [InlineData("month", 24.0 * 20, 24.0 * 11)]
    public void Admit_WindowCap_IsFreshInTheNextWindow(string window, double hoursWithin, double hoursToNext)
    {
        // The clock starts on Tuesday 2030-01-01; weeks begin on Monday, months on their first.
        var caps = new SpendCaps(null, window == "day" ? 100 : null, window == "week" ? 100 : null, window == "month" ? 100 : null);
        using var world = AccountWorld.With(10_000, caps);
        world.Admit("h", 100);
        world.Settle("h", 100, 100);
        world.Pass(TimeSpan.FromHours(hoursWithin) - TimeSpan.FromSeconds(1));
        Assert.Equal(AdmitOutcome.SpendCapReached, world.Admit("i", 1).Outcome);
        var untilNext = window == "week" ? TimeSpan.FromDays(6) - TimeSpan.FromHours(hoursWithin) : TimeSpan.FromHours(hoursToNext);
        world.Pass(untilNext);
        Assert.Equal(AdmitOutcome.SpendCapReached, world.Admit("i", 1).Outcome);
        world.Pass(1);

        Assert.True(world.Admit("i", 100).IsAdmitted);
    }

    /// <summary>C073: caps and what is spent are the grain's alone, so that each edge sees what was set.</summary>
    [Fact]
    public void SetKey_CapRaised_IsAdmittedAtOnce()
    {
        using var world = AccountWorld.With(10_000, new SpendCaps(null, 100, null, null));
        world.Admit("h", 100);
        world.Settle("h", 100, 100);
        Assert.Equal(AdmitOutcome.SpendCapReached, world.Admit("i", 50).Outcome);

        world.SetKey(AccountWorld.Key with { Caps = new SpendCaps(null, 150, null, null) });

        Assert.True(world.Admit("j", 50).IsAdmitted);
        Assert.Equal(AdmitOutcome.SpendCapReached, world.Admit("k", 1).Outcome);
    }

    /// <summary>C071.</summary>
    [Fact]
    public void Settle_AcrossMidnight_SpendsInTheDayInWhichItFalls()
    {
        using var world = AccountWorld.With(10_000, new SpendCaps(null, 100, null, null));
        world.Pass(TimeSpan.FromHours(24) - TimeSpan.FromSeconds(5));
        world.Admit("h", 70);
        world.Pass(10);
        world.Settle("h", 70, 70);

        Assert.Equal(AdmitOutcome.SpendCapReached, world.Admit("i", 31).Outcome);
        var spend = world.Rows.Keys[AccountWorld.KeyId].Spend;
        Assert.Equal(
            (new DateOnly(2030, 1, 2), 70L, new DateOnly(2029, 12, 31), new DateOnly(2030, 1, 1)),
            (spend.Day, spend.DayNanos, spend.Week, spend.Month));
    }

    [Fact]
    public void Caps_AreKnownToTheNextActivation()
    {
        using var world = AccountWorld.With(10_000, new SpendCaps(100, null, null, null));
        world.Admit("h", 70);
        world.Settle("h", 70, 70);
        var next = world.AddSilo("p2");

        Assert.Equal(
            AdmitOutcome.SpendCapReached, world.Run(() => next.Grain.AdmitAsync(AccountWorld.Request("i", 31))).Outcome);
    }

    [Fact]
    public void Admit_KeyThatShowsCosts_SaysSo()
    {
        using var world = AccountWorld.With(100);
        Assert.False(world.Admit("h", 1).ShowCost);
        world.SetKey(AccountWorld.Key with { ShowCost = true });

        Assert.True(world.Admit("i", 1).ShowCost);
    }
}
