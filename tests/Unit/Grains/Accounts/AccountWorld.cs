using Microsoft.Extensions.Logging;
using OrleansGateway.Grains.Accounts;
using OrleansGateway.Grains.Contracts;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Grains.Contracts.Pricing;
using OrleansGateway.Ledger;
using OrleansGateway.Tests.Shared;
using OrleansGateway.Tests.Shared.Ledger;
using Xunit;
using static OrleansGateway.Grains.Contracts.Pricing.Unit;

namespace OrleansGateway.Tests.Unit.Grains.Accounts;

/// <summary>
/// Real grains, engine and journal over a model of the database, on the test's thread and its clock. A seed chooses which
/// ready continuation runs next.
/// </summary>
internal sealed class AccountWorld : IDisposable
{
    public const string AccountId = "acct12345678";
    public const string KeyId = "key123456789";

    public static readonly Sha256Hash KeyHash = Sha256Hash.Of("key"u8);

    private readonly List<Silo> _silos = [];

    public AccountWorld(int seed = 1, Func<string, AccountOptions>? options = null, TaskScheduler? journalScheduler = null)
    {
        JournalScheduler = journalScheduler;
        Scheduler = new SeededScheduler(seed);
        Options = options ?? (static process => new AccountOptions { ProcessId = process });
        Logs = new LoggerFactory([Alarms]);
        Silo = AddSilo("p1");
    }

    public SeededScheduler Scheduler { get; }

    /// <summary>Where journals run, if not with everything else.</summary>
    public TaskScheduler? JournalScheduler { get; }

    public FakeTimeProvider Clock { get; } = new();

    public LedgerModel Ledger { get; } = new();

    public Func<string, AccountOptions> Options { get; }

    /// <summary>The first silo; twins are made by adding others.</summary>
    public Silo Silo { get; }

    public IAccountGrain Grain => Silo.Grain;

    public int NextSilo { get; set; }

    /// <summary>What silos tell at the level critical.</summary>
    public Alarms Alarms { get; } = new();

    public LoggerFactory Logs { get; }

    public LedgerModelAccount Rows => Ledger[AccountId];

    public AccountRow Row => Rows.Row;

    /// <summary>What the account's activation has in memory.</summary>
    public AccountView View => Run(() => Grain.ShowAsync())!;

    public Silo AddSilo(string process)
    {
        var silo = new Silo(this, process);
        _silos.Add(silo);
        return silo;
    }

    /// <summary>An account with money and a key, activated.</summary>
    public static AccountWorld With(
        long balance,
        SpendCaps? caps = null,
        RateLimits? keyLimits = null,
        RateLimits? limits = null,
        AccountOptions? options = null,
        TaskScheduler? journalScheduler = null)
    {
        var world = new AccountWorld(options: options is null ? null : _ => options, journalScheduler: journalScheduler);
        Assert.Equal(ChangeOutcome.Done, world.Run(() => world.Grain.CreateAsync(new CreateRequest("Test", limits ?? RateLimits.None))).Outcome);
        if (balance > 0)
        {
            Assert.Equal(MoveOutcome.Moved, world.Move(EntryKind.Topup, "first", balance).Outcome);
        }

        var key = Key with { Caps = caps ?? SpendCaps.None, Limits = keyLimits ?? RateLimits.None };
        Assert.Equal(ChangeOutcome.Done, world.SetKey(key).Outcome);
        return world;
    }

    public static KeySettings Key { get; } = new() { KeyId = KeyId, Hash = KeyHash, Name = "Key" };

    public static AdmitRequest Request(string hold, long most, long? least = null, long tokens = 0, long epoch = 0) => new()
    {
        Epoch = epoch,
        HoldId = hold,
        KeyId = KeyId,
        KeyHash = KeyHash,
        Model = "model",
        PriceId = "price",
        MostNanos = most,
        LeastNanos = least ?? most,
        EstimatedTokens = tokens,
        ClientAddress = "10.0.0.1",
        Endpoint = "/v1/chat/completions",
    };

    public static Ticket Ticket(string hold, long total, long ageMs = 1000) => new()
    {
        HoldId = hold,
        KeyId = KeyId,
        PriceId = "price",
        TotalNanos = total,
        AgeMs = ageMs,
        Model = "model",
        Channel = "channel",
        Endpoint = "/v1/chat/completions",
        ClientAddress = "10.0.0.1",
        ExtraAttempts = 2,
    };

    public static SettleRequest Settlement(
        string hold, long total, long cost, long epoch = 0, RequestStatus status = RequestStatus.Completed, long tokens = 0) => new()
        {
            Epoch = epoch,
            Ticket = Ticket(hold, total),
            CostNanos = cost,
            Usage = new Usage { [Input] = tokens },
            Status = status,
            FirstByteMs = 10,
            DurationMs = 20,
        };

    public static RenewRequest Renewal(string hold, long total, long progress = 0, long epoch = 0, long ageMs = 1000) =>
        new(epoch, [new RenewItem(Ticket(hold, total, ageMs), progress, new Usage { [Output] = progress })]);

    public AdmitAnswer Admit(string hold, long most, long? least = null, long tokens = 0) =>
        Run(() => Grain.AdmitAsync(Request(hold, most, least, tokens)));

    public ExtendAnswer Extend(string hold, long total, long newTotal) =>
        Run(() => Grain.ExtendAsync(new ExtendRequest(0, Ticket(hold, total), newTotal)));

    public RenewedHold Renew(string hold, long total, long progress = 0, long ageMs = 1000) =>
        Run(() => Grain.RenewAsync(Renewal(hold, total, progress, ageMs: ageMs))).Holds.Single();

    public SettleAnswer Settle(
        string hold, long total, long cost, RequestStatus status = RequestStatus.Completed, long tokens = 0) =>
        Run(() => Grain.SettleAsync(Settlement(hold, total, cost, status: status, tokens: tokens)));

    public MoveAnswer Move(EntryKind kind, string reference, long amount) =>
        Run(() => Grain.MoveAsync(new MoveRequest(0, kind, reference, amount)));

    public ChangeAnswer SetKey(KeySettings settings) => Run(() => Grain.SetKeyAsync(new SetKeyRequest(0, settings)));

    public ChangeAnswer SetStatus(AccountStatus? status, RateLimits? limits = null) =>
        Run(() => Grain.SetStatusAsync(new SetStatusRequest(0, status, limits)));

    public LedgerEntry Charge(string hold) => Rows.Find(new EntryRef(EntryKind.Charge, hold))!;

    /// <summary>Starts a call and runs what can run; it may still wait.</summary>
    public Call<T> Start<T>(Func<Task<T>> call)
    {
        var task = Task.Factory.StartNew(call, CancellationToken.None, TaskCreationOptions.None, Scheduler).Unwrap();
        RunUntilIdle();
        return new Call<T>(task);
    }

    public Call<AdmitAnswer> StartAdmit(string hold, long most, long? least = null, long tokens = 0) =>
        Start(() => Grain.AdmitAsync(Request(hold, most, least, tokens)));

    public Call<ExtendAnswer> StartExtend(string hold, long total, long newTotal) =>
        Start(() => Grain.ExtendAsync(new ExtendRequest(0, Ticket(hold, total), newTotal)));

    public Call<RenewAnswer> StartRenew(string hold, long total, long progress = 0) =>
        Start(() => Grain.RenewAsync(Renewal(hold, total, progress)));

    public Call<SettleAnswer> StartSettle(string hold, long total, long cost) =>
        Start(() => Grain.SettleAsync(Settlement(hold, total, cost)));

    public Call<MoveAnswer> StartMove(EntryKind kind, string reference, long amount) =>
        Start(() => Grain.MoveAsync(new MoveRequest(0, kind, reference, amount)));

    /// <summary>A call that is answered without time going by.</summary>
    public T Run<T>(Func<Task<T>> call) => Start(call).Answer;

    public void RunUntilIdle()
    {
        // Awaits prefer a synchronization context, such as the test framework's, to the scheduler.
        var context = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(null);
        try
        {
            Scheduler.RunUntilIdle();
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(context);
        }

        Assert.False(Scheduler.Escaped, "A continuation left the thread.");
    }

    /// <summary>Lets time go by, stopping at every timer to run what it started.</summary>
    public void Pass(TimeSpan time)
    {
        for (var left = time; left > TimeSpan.Zero;)
        {
            var step = Clock.NextDue is { } due && due < left ? due : left;
            Clock.Advance(step);
            RunUntilIdle();
            left -= step;
        }
    }

    /// <summary>Lets seconds go by.</summary>
    public void Pass(double seconds) => Pass(TimeSpan.FromSeconds(seconds));

    /// <summary>Holds back tries of a method, before they run or after, until the gate is opened.</summary>
    public Gate HoldBack(LedgerMethod method, bool afterwards = false) => new(Ledger, method, afterwards);

    /// <summary>Strikes the next try of a method.</summary>
    public void Strike(LedgerMethod method, LedgerFault fault)
    {
        var isDone = false;
        Ledger.Fault = call =>
        {
            if (isDone || call.Method != method)
            {
                return LedgerFault.None;
            }

            isDone = true;
            return fault;
        };
    }

    /// <summary>Has every try of a method meet a bug of ours.</summary>
    public void Break(LedgerMethod method) => Ledger.Before =
        call => call.Method == method ? Task.FromException(new KeyNotFoundException("a bug")) : Task.CompletedTask;

    /// <summary>Tries to commit so far.</summary>
    public int Commits => Ledger.Calls.Count(static c => c.Method == LedgerMethod.Commit);

    public void Dispose()
    {
        Ledger.Before = Ledger.After = static _ => Task.CompletedTask;
        Ledger.Fault = static _ => LedgerFault.None;
        Ledger.IsAway = false;
        foreach (var silo in _silos)
        {
            silo.Dispose();
        }

        Logs.Dispose();
        if (Ledger.Accounts.Any())
        {
            Rows.Verify();
        }
    }
}

/// <summary>A call to a grain that may still wait.</summary>
internal sealed class Call<T>(Task<T> task)
{
    /// <summary>Whether it is over, with an answer or an error.</summary>
    public bool IsOver => task.IsCompleted;

    public bool IsAnswered => task.IsCompletedSuccessfully;

    public Exception? Error => task.Exception?.InnerException;

    public T Answer
    {
        get
        {
            Assert.True(task.IsCompleted, "The call waits.");
            return task.GetAwaiter().GetResult();
        }
    }
}

/// <summary>Holds back tries of one of the ledger's methods.</summary>
internal sealed class Gate
{
    private readonly LedgerModel _ledger;
    private readonly TaskCompletionSource _open = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Gate(LedgerModel ledger, LedgerMethod method, bool afterwards)
    {
        _ledger = ledger;
        Func<LedgerCall, Task> hook = call => call.Method == method ? _open.Task : Task.CompletedTask;
        if (afterwards)
        {
            ledger.After = hook;
        }
        else
        {
            ledger.Before = hook;
        }
    }

    /// <summary>Lets what waits go on, and what comes pass.</summary>
    public void Open()
    {
        _ledger.Before = _ledger.After = static _ => Task.CompletedTask;
        _open.TrySetResult();
    }

    /// <summary>Breaks the connections that wait.</summary>
    public void Break()
    {
        _ledger.Before = _ledger.After = static _ => Task.CompletedTask;
        _open.TrySetException(new LedgerLostException("the connection broke"));
    }
}
