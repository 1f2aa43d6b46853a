using System.Collections.Immutable;
using OrleansGateway.Edge.Accounting;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Grains.Contracts.Keys;
using Xunit;

namespace OrleansGateway.Tests.Unit.Edge.Accounting;

/// <summary>Messages to one account in another process.</summary>
public sealed class BatcherTests
{
    private static readonly AccountingOptions OneCall = new() { CallsMax = 1 };

    private readonly TaskCompletionSource _gate = new();

    [Fact]
    public void Admit_WhileACallIsOnItsWay_GoesWithTheNextAndGetsItsOwnAnswer()
    {
        var world = new EdgeWorld(OneCall, areRemote: true);
        world.Account.AdmitManyGate = _gate.Task;

        var admissions = Enumerable.Range(1, 4).Select(i => world.Start(() => world.AdmitAsync($"h{i}", most: i))).ToList();
        Assert.Equal([["h1"]], Admissions(world));
        world.Do(_gate.SetResult);

        Assert.Equal([["h1"], ["h2", "h3", "h4"]], Admissions(world));
        Assert.Equal([1L, 2, 3, 4], admissions.Select(admission => EdgeWorld.Done(admission).Answer.TotalNanos));
        Assert.Empty(world.Account.All<AdmitRequest>());
    }

    [Fact]
    public void Admit_FewerThanMayBeOnTheirWay_DoesNotWait()
    {
        var world = new EdgeWorld(new AccountingOptions { CallsMax = 2 }, areRemote: true);
        world.Account.AdmitManyGate = _gate.Task;

        var admissions = Enumerable.Range(1, 4).Select(i => world.Start(() => world.AdmitAsync($"h{i}"))).ToList();
        Assert.Equal([["h1"], ["h2"]], Admissions(world));
        world.Do(_gate.SetResult);

        Assert.Equal([["h1"], ["h2"], ["h3", "h4"]], Admissions(world));
        Assert.All(admissions, admission => Assert.True(EdgeWorld.Done(admission).Answer.IsAdmitted));
    }

    [Fact]
    public void Admit_AfterTheLastCallWasAnswered_GoesAtOnce()
    {
        var world = new EdgeWorld(OneCall, areRemote: true);

        Assert.True(world.Admit("h1").Answer.IsAdmitted);
        Assert.True(world.Admit("h2").Answer.IsAdmitted);

        Assert.Equal([["h1"], ["h2"]], Admissions(world));
    }

    [Fact]
    public void Admit_ToAnotherAccount_DoesNotWait()
    {
        var world = new EdgeWorld(OneCall, areRemote: true);
        world.Account.AdmitManyGate = _gate.Task;
        _ = world.Start(() => world.AdmitAsync("h1"));

        Assert.True(world.Admit("h2", account: "other").Answer.IsAdmitted);
    }

    [Fact]
    public void Admit_MoreThanOneCallMayHold_AreSeveralCalls()
    {
        var world = new EdgeWorld(OneCall with { ItemsMax = 2 }, areRemote: true);
        world.Account.AdmitManyGate = _gate.Task;

        var admissions = Enumerable.Range(1, 4).Select(i => world.Start(() => world.AdmitAsync($"h{i}"))).ToList();
        world.Do(_gate.SetResult);

        Assert.Equal([["h1"], ["h2", "h3"], ["h4"]], Admissions(world));
        Assert.All(admissions, admission => Assert.True(EdgeWorld.Done(admission).Answer.IsAdmitted));
    }

    [Fact]
    public void Admit_HasToWaitForTheLedger_HoldsUpNobody()
    {
        var world = new EdgeWorld(OneCall, areRemote: true);
        world.Account.OnAdmitMany = request => request.HoldId == "poor"
            ? null
            : new AdmitAnswer { Outcome = AdmitOutcome.Admitted, Epoch = 1, TotalNanos = 1 };
        world.Account.OnAdmit = _ => null;

        var poor = world.Start(() => world.AdmitAsync("poor"));
        Assert.True(world.Admit("rich").Answer.IsAdmitted);

        Assert.False(poor.IsCompleted);
        Assert.Equal("poor", Assert.Single(world.Account.All<AdmitRequest>()).HoldId);
        Assert.Equal(0, Assert.Single(world.Account.Times<AdmitRequest>()));
    }

    [Fact]
    public void Admit_CallIsNotAnswered_IsRepeatedAlone()
    {
        var world = new EdgeWorld(OneCall, areRemote: true);
        world.Account.AdmitManyGate = _gate.Task;
        var admissions = Enumerable.Range(1, 3).Select(i => world.Start(() => world.AdmitAsync($"h{i}"))).ToList();

        world.Pass(4.2);

        Assert.All(admissions, admission => Assert.True(EdgeWorld.Done(admission).Answer.IsAdmitted));
        Assert.Equal([2.1, 4.1, 4.1], world.Account.Times<AdmitRequest>());
    }

    [Fact]
    public void Admit_CallFails_TheNextIsSentAllTheSame()
    {
        var world = new EdgeWorld(OneCall, areRemote: true);
        world.Account.AdmitManyGate = _gate.Task;
        var first = world.Start(() => world.AdmitAsync("h1"));
        var second = world.Start(() => world.AdmitAsync("h2"));

        world.Account.AdmitManyGate = Task.CompletedTask;
        world.Do(() => _gate.SetException(new InvalidOperationException()));
        Assert.True(EdgeWorld.Done(second).Answer.IsAdmitted);
        world.Pass(0.1);

        Assert.True(EdgeWorld.Done(first).Answer.IsAdmitted);
        Assert.Equal([["h1"], ["h2"]], Admissions(world));
        Assert.Equal("h1", Assert.Single(world.Account.All<AdmitRequest>()).HoldId);
    }

    [Fact]
    public void Admit_WithAnIdempotencyKey_GoesAloneAtOnce()
    {
        var world = new EdgeWorld(OneCall, areRemote: true);

        Assert.True(world.Admit("h", idempotencyKey: "once").Answer.IsAdmitted);

        Assert.Empty(Admissions(world));
    }

    [Fact]
    public void Admit_WaitsWhileANewerEpochIsSeen_SaysThatEpoch()
    {
        var world = new EdgeWorld(OneCall, areRemote: true);
        world.Account.AdmitManyGate = _gate.Task;
        _ = world.Start(() => world.AdmitAsync("h1"));
        _ = world.Start(() => world.AdmitAsync("h2"));

        world.Account.Epoch = 7;
        EdgeWorld.Done(world.Start(() => world.Client.FindKeyAsync(new ApiKey("acct", "key", default), "10.0.0.1").AsTask()));
        world.Do(_gate.SetResult);

        Assert.Equal([0L, 7], world.Account.All<ImmutableArray<AdmitRequest>>().Select(requests => Assert.Single(requests).Epoch));
    }

    [Fact]
    public void Admit_Repeated_GoesAlone()
    {
        var world = new EdgeWorld(OneCall, areRemote: true);
        world.Account.OnAdmitMany = _ => new AdmitAnswer { Outcome = AdmitOutcome.Retry, Epoch = 9 };

        var admitting = world.Start(() => world.AdmitAsync("h"));
        world.Pass(0.1);

        Assert.True(EdgeWorld.Done(admitting).Answer.IsAdmitted);
        Assert.Equal([["h"]], Admissions(world));
        Assert.Equal(9, Assert.Single(world.Account.All<AdmitRequest>()).Epoch);
    }

    [Fact]
    public void Settle_WhileAdmissionsAreOnTheirWay_HasALaneOfItsOwn()
    {
        var world = new EdgeWorld(OneCall, areRemote: true);
        var (a, b, c) = (world.Admit("a").Hold!, world.Admit("b").Hold!, world.Admit("c").Hold!);
        world.Account.AdmitManyGate = new TaskCompletionSource().Task;
        world.Account.SettleManyGate = _gate.Task;
        _ = world.Start(() => world.AdmitAsync("d"));

        var settled = new[] { world.Settle(a, 1), world.Settle(b, 2), world.Settle(c, 3) };
        world.Do(_gate.SetResult);

        Assert.Equal([["a"], ["b", "c"]], Settlements(world));
        Assert.Equal([new Settled(true, 1), new Settled(true, 2), new Settled(true, 3)], settled.Select(EdgeWorld.Done));
        Assert.Equal(1, world.Client.OpenHolds);
    }

    [Fact]
    public void Settle_CallIsNotAnswered_IsRepeatedAlone()
    {
        var world = new EdgeWorld(OneCall, areRemote: true);
        var (a, b) = (world.Admit("a").Hold!, world.Admit("b").Hold!);
        world.Account.SettleManyGate = new TaskCompletionSource().Task;

        var settled = new[] { world.Settle(a, 1), world.Settle(b, 2) };
        world.Pass(4.2);

        Assert.Equal([new Settled(true, 1), new Settled(true, 2)], settled.Select(EdgeWorld.Done));
        Assert.Equal(["a", "b"], world.Account.All<SettleRequest>().Select(request => request.Ticket.HoldId));
        Assert.Equal(0, world.Client.OpenHolds);
    }

    [Fact]
    public void Settle_NeverAnswered_GivesTheResponseUpInTime()
    {
        var world = new EdgeWorld(OneCall, areRemote: true);
        var (a, b) = (world.Admit("a").Hold!, world.Admit("b").Hold!);
        world.Account.SettleManyGate = new TaskCompletionSource().Task;
        world.Account.OnSettle = _ => null;

        var settled = new[] { world.Settle(a, 1), world.Settle(b, 2) };
        world.Pass(29.9);
        Assert.DoesNotContain(settled, task => task.IsCompleted);
        world.Pass(0.2);

        Assert.All(settled, task => Assert.Equal(new Settled(false, 0), EdgeWorld.Done(task)));
    }

    [Fact]
    public async Task Ask_WhatARequestHasAboutIt_DoesNotReachTheCallsOfOthers()
    {
        var seen = new List<string?>();
        var about = new AsyncLocal<string?>();
        var batcher = new Batcher<string, string>(callsMax: 1, itemsMax: 10, static request => request, async requests =>
        {
            seen.Add(about.Value);
            await _gate.Task;
            return requests;
        });

        about.Value = "the first one's";
        var first = batcher.AskAsync("1");
        about.Value = null;
        var second = batcher.AskAsync("2");
        _gate.SetResult();

        Assert.Equal([(true, "1"), (true, "2")], await Task.WhenAll(first, second));
        Assert.Null(seen[1]);
    }

    private static IEnumerable<IEnumerable<string>> Admissions(EdgeWorld world) =>
        world.Account.All<ImmutableArray<AdmitRequest>>().Select(requests => requests.Select(request => request.HoldId));

    private static IEnumerable<IEnumerable<string>> Settlements(EdgeWorld world) =>
        world.Account.All<ImmutableArray<SettleRequest>>().Select(requests => requests.Select(request => request.Ticket.HoldId));
}
