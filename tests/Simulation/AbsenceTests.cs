using Microsoft.Extensions.Logging.Abstractions;
using OrleansGateway.Edge;
using OrleansGateway.Edge.Accounting;
using OrleansGateway.Grains.Contracts;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Grains.Contracts.Catalog;
using OrleansGateway.Grains.Contracts.Pricing;
using OrleansGateway.Tests.Shared.Ledger;
using OrleansGateway.Tests.Simulation.Cluster;
using OrleansGateway.Tests.Simulation.Machine;
using OrleansGateway.Tests.Simulation.Workload;
using Xunit;

namespace OrleansGateway.Tests.Simulation;

/// <summary>The database is away for long while as many requests are open as an edge takes.</summary>
[Collection(nameof(AbsenceTests))]
[CollectionDefinition(nameof(AbsenceTests), DisableParallelization = true)]
public sealed class AbsenceTests
{
    private const int Requests = 20_000;
    private const int Accounts = 4;
    private const long Cost = 7;
    private const string KeyId = "key000000000";

    private static readonly TimeSpan Absence = TimeSpan.FromMinutes(10);

    private readonly SimulatedClock _clock = new(TimeSpan.Zero);
    private readonly LedgerModel _ledger = new();
    private readonly TaskCompletionSource _answered = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _admitted;
    private AdmitOutcome _last;

    [Fact]
    public void Settlements_WhileTheDatabaseIsAway_TakeNoMoreMemoryAndAllCommitOnce()
    {
        var context = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(null);
        try
        {
            Run();
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(context);
        }
    }

    private void Run()
    {
        var machine = new SimulatedMachine(1, _clock, new Trace(_clock, isKept: false), slowSteps: int.MaxValue);
        var process = new SimulatedProcess(machine, "gateway");
        using var silo = new SimulatedSilo(process, "p", EverySilo.MayRun, _ledger, 1, NullLoggerFactory.Instance);
        var edge = new AccountClient(new OwnGrains(silo), process.Clock, new AccountingOptions(), NullLoggerFactory.Instance);
        _ = process.Start(() => edge.RunAsync(CancellationToken.None));
        Do(machine, process.Start(() => OpenAsync(silo)));
        for (var i = 0; i < Requests; i++)
        {
            var number = i;
            _ = process.Start(() => RelayAsync(edge, number));
        }

        while (_admitted < Requests)
        {
            machine.Step();
        }

        Assert.Equal((Requests, AdmitOutcome.Admitted), (edge.OpenHolds, _last));

        _ledger.IsAway = true;
        _answered.SetResult();
        Pass(machine, Absence / 4);
        var early = GC.GetTotalMemory(forceFullCollection: true);
        Pass(machine, Absence * 3 / 4);
        var late = GC.GetTotalMemory(forceFullCollection: true);
        Console.WriteLine($"{Requests} settlements wait: {early >> 20} MiB after {Absence / 4}, {late >> 20} MiB after {Absence}");
        Assert.Equal(Requests, edge.OpenHolds);
        Assert.InRange(late, 0, early + (early / 10));

        _ledger.IsAway = false;
        Pass(machine, TimeSpan.FromMinutes(1));
        Assert.Equal(0, edge.OpenHolds);
        Assert.Equal(Requests, _ledger.Accounts.Sum(static account => account.Usage.Count));
        Assert.Equal(Requests * Cost, Accounts * Money.NanosPerUsd - _ledger.Accounts.Sum(static account => account.Row.Balance));
    }

    private static string AccountId(int number) => $"account{number:00000}";

    private static async Task OpenAsync(SimulatedSilo silo)
    {
        for (var i = 0; i < Accounts; i++)
        {
            var grain = silo.Grain(AccountId(i));
            Assert.Equal(ChangeOutcome.Done, (await grain.CreateAsync(new CreateRequest("Customer", RateLimits.None))).Outcome);
            var key = new KeySettings { KeyId = KeyId, Hash = Customer.HashOf(KeyId), Name = "Key" };
            Assert.Equal(ChangeOutcome.Done, (await grain.SetKeyAsync(new SetKeyRequest(0, key))).Outcome);
            var paid = await grain.MoveAsync(new MoveRequest(0, EntryKind.Topup, "order", Money.NanosPerUsd));
            Assert.Equal(MoveOutcome.Moved, paid.Outcome);
        }
    }

    /// <summary>One request, whose answer ends while the database is away.</summary>
    private async Task RelayAsync(AccountClient edge, int number)
    {
        var account = edge.Find(AccountId(number % Accounts));
        var admission = await edge.AdmitAsync(
            account,
            new AdmitRequest
            {
                Epoch = account.Epoch,
                HoldId = $"r{number}",
                KeyId = KeyId,
                KeyHash = Customer.HashOf(KeyId),
                Model = "model",
                PriceId = "price",
                MostNanos = 10,
                LeastNanos = 10,
                EstimatedTokens = 1,
                ClientAddress = "10.0.0.1",
                Endpoint = "/v1/chat/completions",
            },
            new Owner());
        _admitted++;
        _last = admission.Answer.Outcome;
        await _answered.Task;
        await edge.SettleAsync(admission.Hold!, new RequestEnd(Cost, new Usage { [Unit.Output] = Cost }, RequestStatus.Completed, 1, 2, ClientGotOutput: true));
    }

    private static void Do(SimulatedMachine machine, Task task)
    {
        while (!task.IsCompleted)
        {
            machine.Step();
        }

        task.GetAwaiter().GetResult();
    }

    private void Pass(SimulatedMachine machine, TimeSpan time)
    {
        for (var end = _clock.Now + time; _clock.Now < end;)
        {
            machine.Step();
        }
    }

    private sealed class OwnGrains(SimulatedSilo silo) : IGrains
    {
        public bool IsUp => true;

        public bool AreRemote => false;

        public ICatalogGrain Catalog => throw new NotSupportedException();

        public IAccountGrain Account(string accountId) => silo.Grain(accountId);
    }

    private sealed class Owner : IHoldOwner
    {
        public void HoldLost()
        {
        }
    }
}
