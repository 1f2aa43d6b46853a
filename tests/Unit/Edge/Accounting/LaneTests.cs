using System.Collections.Immutable;
using OrleansGateway.Edge.Accounting;
using OrleansGateway.Grains.Contracts.Accounts;
using Xunit;

namespace OrleansGateway.Tests.Unit.Edge.Accounting;

/// <summary>Messages to one account in another process.</summary>
public sealed class LaneTests
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
    public void Admit_CallIsNotAnswered_IsAskedForAlone()
    {
        var world = new EdgeWorld(OneCall, areRemote: true);
        world.Account.AdmitManyGate = _gate.Task;
        var admissions = Enumerable.Range(1, 3).Select(i => world.Start(() => world.AdmitAsync($"h{i}"))).ToList();

        world.Pass(4.1);

        Assert.All(admissions, admission => Assert.True(EdgeWorld.Done(admission).Answer.IsAdmitted));
        Assert.Equal([2.0, 4, 4], world.Account.Times<AdmitRequest>());
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

        Assert.True(EdgeWorld.Done(first).Answer.IsAdmitted);
        Assert.True(EdgeWorld.Done(second).Answer.IsAdmitted);
        Assert.Equal([["h1"], ["h2"]], Admissions(world));
        Assert.Equal("h1", Assert.Single(world.Account.All<AdmitRequest>()).HoldId);
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
    public void Settle_CallIsNotAnswered_IsRepeatedUntilItIs()
    {
        var world = new EdgeWorld(OneCall, areRemote: true);
        var (a, b) = (world.Admit("a").Hold!, world.Admit("b").Hold!);
        world.Account.SettleManyGate = new TaskCompletionSource().Task;
        var settled = new[] { world.Settle(a, 1), world.Settle(b, 2) };

        world.Pass(5);
        Assert.DoesNotContain(settled, task => task.IsCompleted);
        world.Account.SettleManyGate = Task.CompletedTask;
        world.Pass(4);

        Assert.Equal([new Settled(true, 1), new Settled(true, 2)], settled.Select(EdgeWorld.Done));
        Assert.Equal(0, world.Client.OpenHolds);
    }

    [Fact]
    public async Task Ask_WhatARequestHasAboutIt_DoesNotReachTheCallsOfOthers()
    {
        var seen = new List<string?>();
        var about = new AsyncLocal<string?>();
        var lane = new Lane<string, string>(callsMax: 1, itemsMax: 10, async requests =>
        {
            seen.Add(about.Value);
            await _gate.Task;
            return requests;
        });

        about.Value = "the first one's";
        var first = lane.AskAsync("1");
        about.Value = null;
        var second = lane.AskAsync("2");
        _gate.SetResult();

        Assert.Equal(("1", "2"), (await first, await second));
        Assert.Null(seen[1]);
    }

    private static IEnumerable<IEnumerable<string>> Admissions(EdgeWorld world) =>
        world.Account.All<ImmutableArray<AdmitRequest>>().Select(requests => requests.Select(request => request.HoldId));

    private static IEnumerable<IEnumerable<string>> Settlements(EdgeWorld world) =>
        world.Account.All<ImmutableArray<SettleRequest>>().Select(requests => requests.Select(request => request.Ticket.HoldId));
}
