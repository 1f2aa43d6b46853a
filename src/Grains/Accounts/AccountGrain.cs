using Microsoft.Extensions.Logging;
using Orleans;
using Orleans.Concurrency;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Grains.Contracts.Keys;
using OrleansGateway.Ledger;

namespace OrleansGateway.Grains.Accounts;

/// <summary>
/// One account's money, keys and limits, decided in memory and made durable in flights.
/// This file: activation, stepping down, deactivation. Beside it, by concern: Admission, Running (extend, renew, settle),
/// Administration, Flights, Leases.
/// </summary>
[Reentrant]
public sealed partial class AccountGrain : Grain, IAccountGrain
{
    private readonly ILedger _ledger;
    private readonly Journal _journal;
    private readonly IGatewayLock _lock;
    private readonly AccountOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger<AccountGrain> _log;
    private readonly string _activationId;
    private readonly long _startedAt;

    private readonly Dictionary<string, Key> _keys = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Hold> _holds = new(StringComparer.Ordinal);
    private readonly Turns _turns = new();
    private readonly ClosedHolds _closed;
    private readonly Limits _limits = new();

    private string _id = "";
    private AccountRow? _row;
    private Funds _funds;

    /// <summary>Until when it may act on its epoch without asking, on the activation's clock.</summary>
    private TimeSpan _authorityEnd;

    /// <summary>When what earlier activations had reserved becomes this one's; null if nothing is in quarantine.</summary>
    private TimeSpan? _quarantineEnd;

    /// <summary>Fenced, stale or broken: it answers nothing but that, and makes room for another activation.</summary>
    private bool _isOver;

    /// <summary>Made by the engine.</summary>
    public AccountGrain(
        ILedger ledger,
        Journal journal,
        IGatewayLock gatewayLock,
        AccountOptions options,
        RandomSource random,
        TimeProvider time,
        ILogger<AccountGrain> log)
    {
        _ledger = ledger;
        _journal = journal;
        _lock = gatewayLock;
        _options = options;
        _time = time;
        _log = log;
        _startedAt = time.GetTimestamp();
        _closed = new ClosedHolds(options.ClosedHoldMemory);
        Span<byte> activationId = stackalloc byte[16];
        random.Fill(activationId);
        _activationId = Convert.ToHexStringLower(activationId);
    }

    private TimeSpan Now => _time.GetElapsedTime(_startedAt);

    private bool HasAuthority => Now < _authorityEnd;

    private long Epoch => _row?.Epoch ?? 0;

    /// <inheritdoc/>
    public override async Task OnActivateAsync(CancellationToken cancellationToken)
    {
        _id = this.GetPrimaryKeyString();
        if (_lock.IsHeld)
        {
            await LoadAsync(cancellationToken);
        }
    }

    /// <inheritdoc/>
    public override async Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        _timer?.Dispose();
        try
        {
            if (!_isOver && _row is not null)
            {
                _isGivingBack = true;
                RequestFlight();
                await _flying.WaitAsync(cancellationToken);
            }
        }
        finally
        {
            AccountMetrics.Holds.Add(-_holds.Count);
            AccountMetrics.Reserve.Add(-_funds.Reserved);
        }
    }

    /// <summary>Raises the epoch and reads the account; what is not there, or not without the lock, is looked for again by the next message.</summary>
    private async Task LoadAsync(CancellationToken cancellationToken)
    {
        if (_row is not null)
        {
            return;
        }

        if (!_lock.IsHeld)
        {
            throw new AccountUnavailableException();
        }

        var sentAt = Now;
        var activated = await _ledger.ActivateAsync(_id, _activationId, _options.ProcessId, _time.GetUtcNow(), cancellationToken);
        if (activated is null || _row is not null)
        {
            return;
        }

        _row = activated.Account;
        _funds = new Funds { Balance = _row.Balance, Reserved = _row.Reserved, Quarantined = _row.Quarantined };
        _funds.Check();
        AccountMetrics.Reserve.Add(_funds.Reserved);
        _block = _row.Reserved;
        _authorityEnd = sentAt + _options.Lease;
        _limits.Set(_row.Limits, Now);
        foreach (var key in activated.Keys)
        {
            _keys.Add(key.Settings.KeyId, new Key(key, Now));
        }

        if (_funds.Quarantined > 0)
        {
            // Alone under the lock another process is a dead one; what this process left may have live edges, which will renew. An activation
            // that a dead process had sent can still run late, between two of ours: then both have a part.
            var isLeftByTheDead = _lock is { IsHeld: true, IsExclusive: true } && activated.EarlierProcess is { } process && process != _options.ProcessId;
            _quarantineEnd = isLeftByTheDead ? Now : Now + _options.Quarantine;
            KeepTicking();
            RequestFlight();
        }
    }

    /// <summary>Whether a message must go to another activation: this one is over, or the sender has seen a newer epoch.</summary>
    private bool IsStale(long epochSeen)
    {
        if (!_isOver && _row is not null && epochSeen > _row.Epoch)
        {
            LogStale(_id, _row.Epoch, epochSeen);
            StepDown();
        }

        return _isOver;
    }

    /// <summary>Handles a message after all earlier ones about the same hold, key or movement.</summary>
    private async Task<T> InTurnAsync<T>(string subject, Func<Task<T>> handle)
    {
        await _turns.EnterAsync(subject);
        try
        {
            return await handle();
        }
        catch (InvariantException bug)
        {
            Break(bug);
            throw;
        }
        finally
        {
            _turns.Leave(subject);
        }
    }

    /// <summary>A broken rule is a bug: nobody acts on this memory any more, and the next activation reads what is true.</summary>
    private void Break(InvariantException bug)
    {
        LogBroken(_id, Epoch, bug);
        StepDown();
    }

    private void StepDown()
    {
        if (_isOver)
        {
            return;
        }

        _isOver = true;
        foreach (var operation in _pending)
        {
            operation.Fail();
        }

        _pending.Clear();
        foreach (var waiter in _waiters)
        {
            waiter.GiveUp(isOver: true);
        }

        _waiters.Clear();
        DeactivateOnIdle();
    }

    [LoggerMessage(1, LogLevel.Warning, "Account {AccountId}: epoch {Epoch} is stale, an edge has seen {Seen}: steps down")]
    private partial void LogStale(string accountId, long epoch, long seen);

    [LoggerMessage(2, LogLevel.Warning, "Account {AccountId}: epoch {Epoch} is fenced by {Newer}: steps down")]
    private partial void LogFenced(string accountId, long epoch, long newer);

    [LoggerMessage(3, LogLevel.Critical, "Account {AccountId}: epoch {Epoch}: a flight ended as {Outcome}: steps down and is read anew")]
    private partial void LogFlightFailed(string accountId, long epoch, BatchOutcome outcome);

    [LoggerMessage(4, LogLevel.Critical, "Account {AccountId}: epoch {Epoch} broke a rule: steps down and is read anew")]
    private partial void LogBroken(string accountId, long epoch, Exception bug);

    [LoggerMessage(5, LogLevel.Error, "Account {AccountId}: hold {HoldId} cost {Shortfall} nanos more than there was money for")]
    private partial void LogShortfall(string accountId, string holdId, long shortfall);

    [LoggerMessage(6, LogLevel.Warning, "Account {AccountId}: hold {HoldId} was not renewed: charged {Charge} nanos at its progress")]
    private partial void LogClosedByLease(string accountId, string holdId, long charge);

    [LoggerMessage(7, LogLevel.Warning, "Account {AccountId}: the ledger did not say whether hold {HoldId} has its row")]
    private partial void LogLookFailed(string accountId, string holdId, Exception error);

    [LoggerMessage(8, LogLevel.Warning, "Account {AccountId}: the ledger did not say whether an idempotency key was used before")]
    private partial void LogIdempotencyUnread(string accountId, Exception error);

    [LoggerMessage(9, LogLevel.Information, "Account {AccountId}: epoch {Epoch}: hold {HoldId} was never renewed: let go")]
    private partial void LogLetGo(string accountId, long epoch, string holdId);
}

/// <summary>This process may not run accounts now: it does not hold the database's lock.</summary>
public sealed class AccountUnavailableException : Exception
{
    public AccountUnavailableException()
        : base("This process does not hold the database's lock")
    {
    }
}
