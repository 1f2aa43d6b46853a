using System.Collections.Immutable;
using Microsoft.Extensions.Logging.Abstractions;
using OrleansGateway.Edge;
using OrleansGateway.Edge.Accounting;
using OrleansGateway.Grains.Contracts;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Grains.Contracts.Catalog;
using OrleansGateway.Grains.Contracts.Pricing;
using OrleansGateway.Tests.Shared;
using Xunit;
using static OrleansGateway.Grains.Contracts.Pricing.Unit;

namespace OrleansGateway.Tests.Unit.Edge.Accounting;

/// <summary>The edge's accounting on the test's thread and clock, against accounts that answer by script.</summary>
internal sealed class EdgeWorld : IGrains, IHoldOwner
{
    private static readonly Price NanoPerToken = new("price", new Rates { [Output] = PriceArithmetic.UnitsPerRate }, []);

    private readonly SeededScheduler _scheduler = new(1);

    /// <param name="areRemote">Whether the accounts run in other processes.</param>
    public EdgeWorld(AccountingOptions? options = null, bool areRemote = false)
    {
        AreRemote = areRemote;
        Client = new AccountClient(this, Clock, options ?? new AccountingOptions(), NullLoggerFactory.Instance);
        Start(() => Client.RunAsync(CancellationToken.None));
    }

    public FakeTimeProvider Clock { get; } = new();

    public AccountClient Client { get; }

    public Dictionary<string, ScriptedAccount> Accounts { get; } = [];

    public ScriptedAccount Account => this["acct"];

    /// <summary>How often a hold was reported lost.</summary>
    public int Lost { get; private set; }

    public ScriptedAccount this[string id] => Accounts.TryGetValue(id, out var account) ? account : Accounts[id] = new ScriptedAccount(Clock);

    public bool IsUp => true;

    public bool AreRemote { get; }

    ICatalogGrain IGrains.Catalog => throw new NotSupportedException();

    IAccountGrain IGrains.Account(string accountId) => this[accountId];

    public void HoldLost() => Lost++;

    /// <summary>Begins something on the world's scheduler.</summary>
    public Task<T> Start<T>(Func<Task<T>> work)
    {
        var task = Task.Factory.StartNew(work, CancellationToken.None, TaskCreationOptions.None, _scheduler).Unwrap();
        RunUntilIdle();
        return task;
    }

    /// <summary>Lets time pass, a step of 100 ms at a time.</summary>
    public void Pass(double seconds)
    {
        for (var i = 0; i < Math.Round(seconds * 10); i++)
        {
            Clock.Advance(TimeSpan.FromMilliseconds(100));
            RunUntilIdle();
        }
    }

    public Admission Admit(string hold, long most = 1000, long? least = null, string account = "acct", string? idempotencyKey = null) =>
        Done(Start(() => AdmitAsync(hold, most, least, account, idempotencyKey)));

    public Task<Admission> AdmitAsync(string hold, long most = 1000, long? least = null, string account = "acct", string? idempotencyKey = null)
    {
        var known = Client.Find(account);
        return Client.AdmitAsync(
            known,
            new AdmitRequest
            {
                Epoch = known.Epoch,
                HoldId = hold,
                KeyId = "key",
                KeyHash = Sha256Hash.Of("key"u8),
                Model = "model",
                PriceId = "price",
                MostNanos = most,
                LeastNanos = least ?? most,
                EstimatedTokens = 10,
                ClientAddress = "10.0.0.1",
                Endpoint = "/v1/chat/completions",
                IdempotencyKey = idempotencyKey,
            },
            this).AsTask();
    }

    public HoldState Report(HoldSession hold, long cost)
    {
        var state = HoldState.Lost;
        Done(Start(() =>
        {
            state = hold.Report(cost, NanoPerToken, new Usage { [Output] = cost });
            return Task.FromResult(true);
        }));
        return state;
    }

    public Task<Settled> Settle(HoldSession hold, long cost, bool clientGotOutput = false) =>
        Start(() => Client.SettleAsync(hold, new RequestEnd(cost, default, RequestStatus.Completed, 1, 2, clientGotOutput)));

    /// <summary>A change that what waits may go on with.</summary>
    public void Do(Action change)
    {
        change();
        RunUntilIdle();
    }

    public static T Done<T>(Task<T> task)
    {
        Assert.True(task.IsCompleted, "It has not ended.");
        return task.GetAwaiter().GetResult();
    }

    private void RunUntilIdle()
    {
        // Awaits prefer a synchronization context, such as the test framework's, to the scheduler.
        var context = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(null);
        try
        {
            _scheduler.RunUntilIdle();
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(context);
        }

        Assert.False(_scheduler.Escaped, "A continuation left the scheduler.");
    }

    private void Start(Func<Task> work) => _ = Start(async () =>
    {
        await work();
        return true;
    });
}

/// <summary>Answers as the test says; by default everything is granted. A null answer never comes.</summary>
internal sealed class ScriptedAccount(TimeProvider clock) : IAccountGrain
{
    private readonly long _startedAt = clock.GetTimestamp();

    public long Epoch { get; set; } = 1;

    /// <summary>Every message with the second it came in.</summary>
    public List<(double At, object Message)> Messages { get; } = [];

    public Func<AdmitRequest, AdmitAnswer?>? OnAdmit { get; set; }

    public Func<ExtendRequest, ExtendAnswer?>? OnExtend { get; set; }

    public Func<RenewItem, RenewedHold?>? OnRenew { get; set; }

    public Func<SettleRequest, SettleAnswer?>? OnSettle { get; set; }

    /// <summary>What a call with several admissions waits for before it is answered.</summary>
    public Task AdmitManyGate { get; set; } = Task.CompletedTask;

    /// <summary>What a call with several settlements waits for before it is answered.</summary>
    public Task SettleManyGate { get; set; } = Task.CompletedTask;

    /// <summary>Answers an admission among several; by default everything is granted. Null: it has to be asked for alone.</summary>
    public Func<AdmitRequest, AdmitAnswer?>? OnAdmitMany { get; set; }

    public IEnumerable<T> All<T>() => Messages.Select(message => message.Message).OfType<T>();

    public double[] Times<T>() => [.. Messages.Where(message => message.Message is T).Select(message => message.At)];

    public Task<AdmitAnswer> AdmitAsync(AdmitRequest request) => Answer(request, OnAdmit is null ? Grant(request) : OnAdmit(request));

    public async Task<ImmutableArray<AdmitAnswer?>> AdmitManyAsync(ImmutableArray<AdmitRequest> requests)
    {
        Add(requests);
        await AdmitManyGate;
        return ImmutableArray.CreateRange(requests, request => OnAdmitMany is null ? Grant(request) : OnAdmitMany(request));
    }

    public Func<FindKeyRequest, KeyAnswer?>? OnFindKey { get; set; }

    public Task<KeyAnswer> FindKeyAsync(FindKeyRequest request) => Answer(request, OnFindKey is null
        ? new KeyAnswer { Outcome = AdmitOutcome.Admitted, Epoch = Epoch }
        : OnFindKey(request));

    public Task<ExtendAnswer> ExtendAsync(ExtendRequest request) => Answer(request, OnExtend is null
        ? new ExtendAnswer(ExtendOutcome.Extended, Epoch, request.NewTotalNanos)
        : OnExtend(request));

    public Task<RenewAnswer> RenewAsync(RenewRequest request)
    {
        var holds = request.Items.Select(item => OnRenew is null
            ? new RenewedHold(item.Ticket.HoldId, RenewOutcome.Held, item.Ticket.TotalNanos)
            : OnRenew(item)).ToImmutableArray();
        return Answer(request, holds.Any(hold => hold is null) ? null : new RenewAnswer(Epoch, [.. holds.Select(hold => hold!.Value)]));
    }

    public Task<SettleAnswer> SettleAsync(SettleRequest request) => Answer(request, OnSettle is null ? Commit(request) : OnSettle(request));

    public async Task<ImmutableArray<SettleAnswer>> SettleManyAsync(ImmutableArray<SettleRequest> requests)
    {
        Add(requests);
        await SettleManyGate;
        return ImmutableArray.CreateRange(requests, Commit);
    }

    public Task<MoveAnswer> MoveAsync(MoveRequest request) => Answer(request, new MoveAnswer(MoveOutcome.Moved, Epoch, 0, 0, false));

    public Task<ChangeAnswer> CreateAsync(CreateRequest request) => throw new NotSupportedException();

    public Task<ChangeAnswer> SetKeyAsync(SetKeyRequest request) => throw new NotSupportedException();

    public Task<ChangeAnswer> SetStatusAsync(SetStatusRequest request) => throw new NotSupportedException();

    public Task<AccountView?> ShowAsync() => throw new NotSupportedException();

    private AdmitAnswer Grant(AdmitRequest request) =>
        new() { Outcome = AdmitOutcome.Admitted, Epoch = Epoch, TotalNanos = request.LeastNanos };

    private SettleAnswer Commit(SettleRequest request) => new(SettleOutcome.Committed, Epoch, request.CostNanos, 0);

    private void Add(object message) => Messages.Add((Math.Round(clock.GetElapsedTime(_startedAt).TotalSeconds, 1), message));

    private Task<T> Answer<T>(object message, T? answer)
        where T : class
    {
        Add(message);
        return answer is null ? new TaskCompletionSource<T>().Task : Task.FromResult(answer);
    }
}
