using System.Collections.Immutable;
using Microsoft.Extensions.Logging;
using Orleans;
using Orleans.Concurrency;
using Orleans.Runtime;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Grains.Contracts.Keys;
using OrleansGateway.Ledger;

namespace OrleansGateway.Grains.Accounts;

/// <summary>
/// One account's money, keys and limits, decided in memory and made durable in batches. The grain itself is how messages come in:
/// it activates, refuses what is stale and keeps messages about one subject in order. What they do is beside it, by state:
/// <see cref="HoldBook"/>, <see cref="BatchLoop"/>, <see cref="ActivationClock"/>.
/// </summary>
[Reentrant]
public sealed class AccountGrain : IGrainBase, IAccountGrain
{
    private readonly ILedger _ledger;
    private readonly IDatabaseLock _lock;
    private readonly AccountOptions _options;
    private readonly string _id;
    private readonly string _activationId;

    private readonly Turns _turns = new();
    private readonly HoldBook _book;
    private readonly ActivationClock _clock;
    private readonly BatchLoop _loop;
    private readonly Admissions _admissions;
    private readonly RunningHolds _running;
    private readonly LeaseWatch _watch;
    private readonly Administration _administration;
    private IGrainTimer? _timer;

    /// <summary>Made by what runs the grain.</summary>
    public AccountGrain(
        IGrainContext context,
        ILedger ledger,
        Journal journal,
        IDatabaseLock databaseLock,
        AccountOptions options,
        RandomSource random,
        TimeProvider time,
        ILogger<AccountGrain> log)
    {
        GrainContext = context;
        _id = context.GrainId.Key.ToString()!;
        _ledger = ledger;
        _lock = databaseLock;
        _options = options;
        _activationId = NewActivationId(random);
        _book = new HoldBook(options.ClosedHoldMemory);
        _clock = new ActivationClock(time, databaseLock, options);
        _loop = new BatchLoop(_id, _book, _clock, journal, options, log, KeepTicking, this.DeactivateOnIdle);
        _admissions = new Admissions(_id, _book, _clock, _loop, _turns, ledger, databaseLock, options, log, KeepTicking);
        _running = new RunningHolds(
            _id,
            _book,
            _clock,
            _loop,
            new HoldGrowth(_book, _clock, _loop, options),
            new HoldLooks(_id, _book, _clock, _loop, ledger, log, KeepTicking),
            options,
            log,
            KeepTicking);
        _watch = new LeaseWatch(_id, _book, _clock, _loop, _running, _turns, log);
        _administration = new Administration(_id, _book, _clock, _loop, ledger, options, log);
    }

    /// <inheritdoc/>
    public IGrainContext GrainContext { get; }

    /// <inheritdoc/>
    public async Task OnActivateAsync(CancellationToken token)
    {
        if (_lock.IsHeld)
        {
            await LoadAsync(token);
        }
    }

    /// <inheritdoc/>
    public async Task OnDeactivateAsync(DeactivationReason reason, CancellationToken token)
    {
        _timer?.Dispose();
        try
        {
            if (!_loop.IsOver && _book.Row is not null)
            {
                await _loop.GiveBackAsync().WaitAsync(token);
            }
        }
        finally
        {
            _book.Retire();
        }
    }

    /// <inheritdoc/>
    public async Task<AdmitAnswer> AdmitAsync(AdmitRequest request)
    {
        _loop.StepDownIfStale(request.Epoch);
        if (_admissions.AdmitAtOnce(request) is { } answer)
        {
            return answer;
        }

        await LoadAsync(CancellationToken.None);
        return await InTurnAsync(request.HoldId, () => _admissions.AdmitAsync(request));
    }

    /// <inheritdoc/>
    public Task<ImmutableArray<AdmitAnswer?>> AdmitManyAsync(ImmutableArray<AdmitRequest> requests)
    {
        // If one of them shows that this activation is stale, it admits none.
        foreach (var request in requests)
        {
            _loop.StepDownIfStale(request.Epoch);
        }

        return Task.FromResult(ImmutableArray.CreateRange(requests, _admissions.AdmitAtOnce));
    }

    /// <inheritdoc/>
    public async Task<KeyAnswer> FindKeyAsync(FindKeyRequest request)
    {
        // Without the lock it is said at once, as to an admission.
        if (!_loop.StepDownIfStale(request.Epoch) && _lock.IsHeld)
        {
            await LoadAsync(CancellationToken.None);
        }

        return await _admissions.FindKeyAsync(request);
    }

    /// <inheritdoc/>
    public Task<ExtendAnswer> ExtendAsync(ExtendRequest request) => HandleAsync(
        request.Epoch,
        request.Ticket.HoldId,
        () => _running.ExtendAsync(request),
        () => _running.Extended(ExtendOutcome.Retry));

    /// <inheritdoc/>
    public async Task<RenewAnswer> RenewAsync(RenewRequest request)
    {
        RunningHolds.Check(request);
        if (!_loop.StepDownIfStale(request.Epoch))
        {
            await LoadAsync(CancellationToken.None);
        }

        var renewals = new Task<RenewedHold>[request.Items.Length];
        for (var i = 0; i < renewals.Length; i++)
        {
            var item = request.Items[i];
            renewals[i] = InTurnAsync(item.Ticket.HoldId, () => _running.RenewAsync(item));
        }

        return new RenewAnswer(_book.Epoch, ImmutableArray.Create(await Task.WhenAll(renewals)));
    }

    /// <inheritdoc/>
    public async Task<SettleAnswer> SettleAsync(SettleRequest request)
    {
        if (_loop.StepDownIfStale(request.Epoch))
        {
            return _running.Settled(null);
        }

        RunningHolds.Check(request);
        await LoadAsync(CancellationToken.None);
        return await (_running.FindSettling(request) ?? InTurnAsync(request.Ticket.HoldId, () => _running.SettleAsync(request)));
    }

    /// <inheritdoc/>
    public async Task<ImmutableArray<SettleAnswer>> SettleManyAsync(ImmutableArray<SettleRequest> requests) =>
        ImmutableArray.Create(await Task.WhenAll(requests.Select(SettleAsync)));

    /// <inheritdoc/>
    public Task<ChangeAnswer> CreateAsync(CreateRequest request) =>
        _administration.CreateAsync(request, () => LoadAsync(CancellationToken.None));

    /// <inheritdoc/>
    public Task<MoveAnswer> MoveAsync(MoveRequest request) => HandleAsync(
        request.Epoch,
        $"{request.Kind}/{request.Ref}",
        () => _administration.MoveAsync(request),
        () => _administration.Moved(MoveOutcome.Retry));

    /// <inheritdoc/>
    public Task<ChangeAnswer> SetKeyAsync(SetKeyRequest request) => HandleAsync(
        request.Epoch,
        $"key/{request.Settings.KeyId}",
        () => _administration.SetKeyAsync(request.Settings),
        () => _administration.Changed(ChangeOutcome.Retry));

    /// <inheritdoc/>
    public Task<ChangeAnswer> SetStatusAsync(SetStatusRequest request) => HandleAsync(
        request.Epoch,
        "status",
        () => _administration.SetStatusAsync(request),
        () => _administration.Changed(ChangeOutcome.Retry));

    /// <inheritdoc/>
    public async Task<AccountView?> ShowAsync()
    {
        await LoadAsync(CancellationToken.None);
        return _administration.Show();
    }

    private static string NewActivationId(RandomSource random)
    {
        Span<byte> id = stackalloc byte[16];
        random.Fill(id);
        return Convert.ToHexStringLower(id);
    }

    /// <summary>Raises the epoch and reads the account; what is not there, or not without the lock, is looked for again by the next message.</summary>
    private async Task LoadAsync(CancellationToken cancellationToken)
    {
        if (_book.Row is not null)
        {
            return;
        }

        if (!_lock.IsHeld)
        {
            throw new AccountUnavailableException();
        }

        var (sentAt, before) = (_clock.Timestamp, _clock.Sending());
        var activated = await _ledger.ActivateAsync(_id, _activationId, _options.ProcessId, before.Utc, cancellationToken);
        if (activated is null || _book.Row is not null)
        {
            return;
        }

        _book.Load(activated, _clock.Now);
        _clock.Confirm(sentAt, before);
        if (activated.Account.Quarantined > 0)
        {
            // Alone under the lock another process is a dead one; what this process left may have live edges, which will renew. An activation
            // that a dead process had sent can still run late, between two of ours: then both have a part.
            var isLeftByTheDead = _lock is { IsHeld: true, IsExclusive: true }
                && activated.EarlierProcess is { } process && process != _options.ProcessId;
            _clock.StartQuarantine(isLeftByTheDead);
            KeepTicking();
            _loop.Send();
        }
    }

    /// <summary>Handles a message that needs the account, in its subject's turn; a stale activation asks for another try.</summary>
    private async Task<T> HandleAsync<T>(long epochSeen, string subject, Func<Task<T>> handle, Func<T> retry)
    {
        if (_loop.StepDownIfStale(epochSeen))
        {
            return retry();
        }

        await LoadAsync(CancellationToken.None);
        return await InTurnAsync(subject, handle);
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
            _loop.Break(bug);
            throw;
        }
        finally
        {
            _turns.Leave(subject);
        }
    }

    /// <summary>Ticks while there is anything whose time can come.</summary>
    private void KeepTicking() => _timer ??= this.RegisterGrainTimer(
        static (grain, cancellationToken) => grain.TickAsync(cancellationToken),
        this,
        new GrainTimerCreationOptions(_options.Tick, _options.Tick) { Interleave = true, KeepAlive = true });

    private Task TickAsync(CancellationToken cancellationToken)
    {
        // A tick that was queued when the timer was disposed does nothing.
        if (!cancellationToken.IsCancellationRequested)
        {
            _watch.Tick();
            if (!_watch.IsNeeded)
            {
                _timer?.Dispose();
                _timer = null;
            }
        }

        return Task.CompletedTask;
    }
}

/// <summary>This process may not run accounts now: it does not hold the database's lock.</summary>
public sealed class AccountUnavailableException : Exception
{
    public AccountUnavailableException()
        : base("This process does not hold the database's lock")
    {
    }
}
