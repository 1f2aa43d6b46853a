using Microsoft.Extensions.Logging;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Grains.Contracts.Keys;

namespace OrleansGateway.Edge.Accounting;

/// <summary>An admission's answer and, when it was admitted, the hold, which must then be settled whatever happens.</summary>
internal readonly record struct Admission(AdmitAnswer Answer, HoldSession? Hold);

/// <summary>The edge's side of the account protocol: admits requests, keeps their holds and settles them.</summary>
internal sealed partial class AccountClient
{
    private readonly ILogger<AccountClient> _logger;
    private readonly GrainCalls _calls;
    private readonly Accounts _accounts;
    private readonly Renewals _renewals;
    private readonly OpenHolds _openHolds;
    private readonly Settlements _settlements;
    private readonly IGrains _grains;

    public AccountClient(IGrains grains, TimeProvider time, AccountingOptions options, ILoggerFactory loggers)
    {
        _grains = grains;
        _logger = loggers.CreateLogger<AccountClient>();
        _calls = new GrainCalls(time, options, _logger);
        _accounts = new Accounts(grains, _calls);
        _renewals = new Renewals(_calls);
        _openHolds = new OpenHolds(options.OpenHoldsMax);
        _settlements = new Settlements(_calls, _renewals, _openHolds, loggers.CreateLogger<Settlements>());
    }

    /// <summary>Holds that are open or waiting for their settlement.</summary>
    public int OpenHolds => _openHolds.Count;

    /// <summary>Whether nothing more is admitted because the gateway stops.</summary>
    public bool IsStopping => _openHolds.IsStopping;

    public Account Find(string accountId) => _accounts.Get(accountId);

    /// <summary>
    /// Asks for a hold. Repeated while the grain gives no answer that counts; then <see cref="AdmitOutcome.Unavailable"/>.
    /// A hold whose answer never came is let go by the grain, since it is never renewed.
    /// </summary>
    public async ValueTask<Admission> AdmitAsync(Account account, AdmitRequest request, IHoldOwner owner)
    {
        if (!IsReachable || !_openHolds.TryEnter())
        {
            return new Admission(Unavailable(account), null);
        }

        var startedAt = _calls.Time.GetTimestamp();
        var answer = await _calls.RepeatAsync(
            repeats => account.AdmitAsync(request, isRepeat: repeats > 0),
            static answer => answer.Outcome != AdmitOutcome.Retry,
            () => MayAskAgain(startedAt));
        if (answer is not { IsAdmitted: true })
        {
            _openHolds.Leave();
            return new Admission(answer ?? Unavailable(account), null);
        }

        var hold = new HoldSession(account, request, answer.TotalNanos, startedAt, owner, _calls, _renewals);
        _renewals.Add(hold);
        return new Admission(answer, hold);
    }

    /// <summary>Asks whether a key is in force. Repeated as an admission is; then <see cref="AdmitOutcome.Unavailable"/>.</summary>
    /// <param name="isRequest">Whether that counts as a request by the key's limits, and its standing is told.</param>
    public async ValueTask<KeyAnswer> FindKeyAsync(ApiKey key, string clientAddress, bool isRequest = false)
    {
        if (!IsReachable)
        {
            return new KeyAnswer { Outcome = AdmitOutcome.Unavailable, Epoch = 0 };
        }

        var account = Find(key.AccountId);
        var startedAt = _calls.Time.GetTimestamp();
        var answer = await _calls.RepeatAsync(
            _ => FindKeyOnceAsync(account, key, clientAddress, isRequest),
            static answer => answer.Outcome != AdmitOutcome.Retry,
            () => MayAskAgain(startedAt));
        return answer ?? new KeyAnswer { Outcome = AdmitOutcome.Unavailable, Epoch = account.Epoch };
    }

    /// <inheritdoc cref="Settlements.SettleAsync"/>
    public Task<Settled> SettleAsync(HoldSession hold, RequestEnd end) => _settlements.SettleAsync(hold, end);

    /// <summary>Renews holds until it is cancelled. Started once, on the scheduler that is to run it.</summary>
    public Task RunAsync(CancellationToken cancellationToken) => _renewals.RunAsync(cancellationToken);

    /// <summary>Admits nothing more and waits for what is open.</summary>
    /// <returns>Whether all of it is settled.</returns>
    public async Task<bool> StopAsync(TimeSpan wait)
    {
        try
        {
            await _openHolds.StopAsync().WaitAsync(wait, _calls.Time);
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
    }

    /// <summary>Logs what is not settled when the process ends: nobody settles it any more.</summary>
    public void LogUnsettled()
    {
        foreach (var (holdId, costNanos) in _openHolds.Unsettled())
        {
            LogUnsettled(_logger, holdId, costNanos);
        }
    }

    private async Task<KeyAnswer?> FindKeyOnceAsync(Account account, ApiKey key, string clientAddress, bool isRequest)
    {
        var request = new FindKeyRequest
        {
            Epoch = account.Epoch,
            KeyId = key.KeyId,
            KeyHash = key.SecretHash,
            ClientAddress = clientAddress,
            IsRequest = isRequest,
        };
        var answer = await _calls.AskAsync(account, request, static (grain, request) => grain.FindKeyAsync(request), "Look", key.KeyId);
        account.Saw(answer?.Epoch ?? 0);
        return answer;
    }

    private bool IsReachable => _grains.IsUp;

    private bool MayAskAgain(long startedAt) => IsReachable && _calls.Time.GetElapsedTime(startedAt) < _calls.Options.AdmitLimit;

    private AdmitAnswer Unavailable(Account account) => new()
    {
        Outcome = AdmitOutcome.Unavailable,
        Epoch = account.Epoch,
        RetryAfterMs = (long)_calls.Options.AttemptTimeout.TotalMilliseconds,
    };

    [LoggerMessage(1020, LogLevel.Error, "Stopped before {HoldId} over {Nanos} nanos was settled")]
    private static partial void LogUnsettled(ILogger logger, string holdId, long nanos);
}
