using System.Collections.Immutable;
using OrleansGateway.Edge.Accounting;
using OrleansGateway.Edge.Dialects;
using OrleansGateway.Edge.Fronts;
using OrleansGateway.Edge.Fronts.Translation;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Grains.Contracts.Catalog;
using OrleansGateway.Grains.Contracts.Keys;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Metering;

namespace OrleansGateway.Edge.Pipeline;

/// <summary>Who asks.</summary>
internal sealed record Caller(ApiKey Key, string Address);

/// <summary>What is asked of the account: a request that is read and bounded.</summary>
/// <param name="IdempotencyKey">Null when the client sent none.</param>
/// <param name="Endpoint">The path that it came to.</param>
/// <param name="Catalog">The one that it was read by.</param>
/// <param name="Translations">It in the protocols of those ways.</param>
/// <param name="Routes">The ways to the model that may take it.</param>
/// <param name="Secrets">What ids are signed with that go out.</param>
internal sealed record Order(
    Caller Caller,
    string? IdempotencyKey,
    string Endpoint,
    IExchange Exchange,
    Translations Translations,
    CatalogSnapshot Catalog,
    ImmutableArray<Route> Routes,
    CostBound Bound,
    SigningSecrets Secrets)
{
    public RequestFacts Facts => Exchange.Facts;
}

/// <summary>One admitted request: its hold, and what came of it so far.</summary>
internal sealed class Call(RunningRequest running, Order order, AdmitAnswer admitted, HoldSession hold)
{
    private long _attemptStartedAt;
    private int _extraAttempts;
    private IDialect? _dialect;
    private IUpstreamRequest? _request;
    private bool _isOwnProtocol;

    public RunningRequest Running => running;

    public Client Client => running.Client;

    public Order Order => order;

    public IExchange Exchange => order.Exchange;

    public RequestFacts Facts => order.Facts;

    /// <summary>Whether the last attempt's provider gets the request in its client's protocol.</summary>
    public bool IsOwnProtocol => _isOwnProtocol;

    public CostBound Bound => order.Bound;

    public AdmitAnswer Admitted => admitted;

    public HoldSession Hold => hold;

    /// <summary>The route of the last attempt; null before the first.</summary>
    public Route? Route { get; private set; }

    /// <summary>What the last attempt's provider speaks.</summary>
    public IDialect Dialect => _dialect ?? throw new InvalidOperationException("No attempt has begun.");

    /// <summary>The request as the last attempt's provider gets it.</summary>
    public IUpstreamRequest Request => _request ?? throw new InvalidOperationException("No attempt has begun.");

    /// <summary>The media type of the last attempt's answer, in lower case; null when it names none.</summary>
    public string? AnswerType { get; set; }

    /// <summary>From the arrival to the first of the answer's content, ms; -1 until it comes.</summary>
    public long FirstByteMs { get; private set; } = -1;

    /// <summary>What is charged, nanos; 0 until it is known.</summary>
    public long ChargedNanos { get; set; }

    /// <summary>What is charged for, tokens.</summary>
    public (long Input, long Output) ChargedTokens { get; set; }

    /// <summary>Whether the client has got any of the answer.</summary>
    public bool ClientGotOutput { get; set; }

    /// <summary>How long the attempt may still take to its first content, ms.</summary>
    public long FirstByteLeftMs =>
        Math.Max(0, Route!.Channel.Times.FirstByteMs - (long)running.Time.GetElapsedTime(_attemptStartedAt).TotalMilliseconds);

    /// <summary>What the client gets for the id of something that the last attempt's provider keeps.</summary>
    public string SealId(string id) => HeldId.Seal(id, order.Caller.Key.AccountId, Route!.Channel.Name, order.Secrets);

    /// <summary>Begins an attempt.</summary>
    /// <param name="isExtra">Whether the one before it may have generated something, so that the operator pays for one more than the client.</param>
    /// <returns>What ends it from outside.</returns>
    public CancellationToken BeginAttempt(Route route, IDialect dialect, bool isExtra)
    {
        Route = route;
        _dialect = dialect;
        _request = order.Translations.For(dialect, route.Channel);
        _isOwnProtocol = ReferenceEquals(_request, Exchange.Request);
        _attemptStartedAt = running.Time.GetTimestamp();
        _extraAttempts += isExtra ? 1 : 0;
        hold.ServedBy(route.Channel.Name, _extraAttempts);
        return running.BeginAttempt(route.Channel);
    }

    /// <summary>Gives the attempt's provider another request, which asks the same in the same protocol.</summary>
    public void SendInstead(IUpstreamRequest request) => _request = request;

    /// <summary>Begins to read the provider's stream.</summary>
    public StreamCodec OpenStream() => IsOwnProtocol
        ? Exchange.OpenStream(this)
        : new TranslatedStreamCodec(this, Dialect.OpenReader(), Exchange.OpenWriter(this));

    /// <summary>Begins to read the provider's whole answer.</summary>
    public IWholeCodec OpenWhole() => IsOwnProtocol
        ? Exchange.OpenWhole(this)
        : new TranslatedWholeCodec(this, Dialect.OpenReader(), Exchange.OpenWriter(this));

    /// <summary>Reports what has come so far, and makes sure that what is held covers the most that the request can cost if it ends there.</summary>
    /// <returns>Anything but <see cref="HoldState.Growing"/>.</returns>
    public ValueTask<HoldState> CoverAsync(in Metered metered)
    {
        var usage = metered.Usage.ToUsage(Bound);
        return hold.CoverAsync(Bound.CoverFor(Math.Min(usage.TotalOutput, Bound.TotalOutputTokensMax)), Bound.Price, usage);
    }

    /// <summary>The charge, nanos, where the key's owner wants it shown; else null.</summary>
    public long? ShownCost(long chargedNanos) => admitted.ShowCost ? chargedNanos : null;

    /// <summary>What the answer's end tells the client.</summary>
    public AnswerTotals Totals(AttemptOutcome outcome, in TokenUsage usage, long chargedNanos) =>
        new(usage, outcome != AttemptOutcome.Completed, outcome == AttemptOutcome.Exhausted, ShownCost(chargedNanos));

    /// <summary>Notes that content has come.</summary>
    public void GotByte()
    {
        if (FirstByteMs < 0)
        {
            FirstByteMs = running.ElapsedMs;
        }
    }
}
