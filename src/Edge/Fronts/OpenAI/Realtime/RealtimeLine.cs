using OrleansGateway.Edge.Accounting;
using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Grains.Contracts.Catalog;
using OrleansGateway.Grains.Contracts.Keys;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Metering;

namespace OrleansGateway.Edge.Fronts.OpenAI.Realtime;

/// <summary>How much a call that has not begun can take.</summary>
/// <param name="InputTokens">The most input.</param>
/// <param name="OutputTokens">The most output.</param>
/// <param name="EstimatedInputTokens">What its input likely is.</param>
/// <param name="Seconds">The most sound that is transcribed.</param>
internal readonly record struct RealtimeNeed(long InputTokens, long OutputTokens, long EstimatedInputTokens, long Seconds = 0);

/// <summary>
/// The calls of one model within a session: those for which money is held and that may begin, and those that run. Each is settled exactly once.
/// Used by one at a time.
/// </summary>
internal sealed class RealtimeLine(RealtimeServices services, Caller caller, Model model, ChargedBy chargedBy, IHoldOwner owner)
{
    private readonly Account _account = services.Accounts.Find(caller.Key.AccountId);
    private readonly RealtimeFacts _facts = new(model.Id, chargedBy);
    private readonly List<RealtimeCall> _ready = [];
    private readonly List<RealtimeCall> _running = [];

    public Model Model => model;

    public int Running => _running.Count;

    public IEnumerable<RealtimeCall> All => _running;

    /// <summary>The channel that serves the session; usage rows carry it.</summary>
    public string Channel { get; set; } = "";

    /// <summary>Sees that so many calls may begin, each with money held for what it needs at first.</summary>
    /// <returns>Why not; null when they may.</returns>
    public async ValueTask<ApiError?> EnsureAsync(int count, RealtimeNeed need)
    {
        while (_ready.Count < count)
        {
            if (await AdmitAsync(need) is { } refused)
            {
                return refused;
            }
        }

        foreach (var call in _ready)
        {
            if (await call.Hold.CoverAsync(CoverOf(call.Bound, need, outputTokens: 0), call.Bound.Price, default) != HoldState.Covered)
            {
                return OutOfFunds;
            }
        }

        return null;
    }

    /// <summary>Begins a call that money is held for; null where there is none.</summary>
    public RealtimeCall? Begin(string id, RealtimeNeed need, in TokenUsage estimatedInput)
    {
        if (_ready.Count == 0)
        {
            return null;
        }

        var call = _ready[0];
        _ready.RemoveAt(0);
        _running.Add(call);
        call.Begin(id, need.InputTokens, Math.Min(need.OutputTokens, call.Bound.OutputTokensMax), estimatedInput);
        call.Hold.ServedBy(Channel, 0);
        return call;
    }

    public RealtimeCall? Find(ReadOnlySpan<byte> id)
    {
        foreach (var call in _running)
        {
            if (call.Is(id))
            {
                return call;
            }
        }

        return null;
    }

    /// <summary>Reports how far a call has come, and makes sure that what is held covers the most that it can cost so far.</summary>
    public ValueTask<HoldState> CoverAsync(RealtimeCall call) => call.Hold.CoverAsync(
        CoverOf(call.Bound, new RealtimeNeed(call.InputTokensMax, call.OutputTokensMax, EstimatedInputTokens: 0), call.MostOutputTokens),
        call.Bound.Price,
        call.Estimated.ToUsage(searchesMax: 0));

    /// <summary>Settles a call that is over.</summary>
    /// <param name="used">What it used; null for nothing.</param>
    public async Task<Settled> SettleAsync(RealtimeCall call, TokenUsage? used, RequestStatus status)
    {
        _running.Remove(call);
        var usage = used?.ToUsage(searchesMax: 0) ?? default;
        var (cost, _) = call.Bound.Charge(usage, tier: null);

        // An estimate is never charged above what is held.
        cost = usage.IsEstimated ? Math.Min(cost, call.Hold.TotalNanos) : cost;
        return await services.Accounts.SettleAsync(
            call.Hold, new RequestEnd(cost, usage, status, call.FirstByteMs, call.ElapsedMs, call.ClientGotOutput));
    }

    /// <summary>Lets go of the calls that have not begun, but for so many.</summary>
    public async Task ReleaseAsync(int keep = 0)
    {
        while (_ready.Count > keep)
        {
            var call = _ready[^1];
            _ready.RemoveAt(_ready.Count - 1);
            await services.Accounts.SettleAsync(call.Hold, new RequestEnd(0, default, RequestStatus.Stopped, -1, call.ElapsedMs, ClientGotOutput: false));
        }
    }

    public static ApiError OutOfFunds { get; } = new(
        ErrorKind.OutOfFunds, "The account's free balance does not cover the conversation any more. Top up, or wait for running requests to end.");

    private async ValueTask<ApiError?> AdmitAsync(RealtimeNeed need)
    {
        if (services.Catalog.Current?.PriceFor(model, services.Time.GetUtcNow()) is not { } price)
        {
            return Refusals.ModelNotFound(model.Id);
        }

        var bound = CostBound.Of(_facts, model, price, services.Options.FirstSliceTokens);
        bound = bound with { LeastNanos = Math.Min(bound.MostNanos, CoverOf(bound, need, outputTokens: 0)) };
        var admission = await services.Accounts.AdmitAsync(
            _account,
            new AdmitRequest
            {
                Epoch = _account.Epoch,
                HoldId = Ids.NewRequestId(services.Random),
                KeyId = caller.Key.KeyId,
                KeyHash = caller.Key.SecretHash,
                Model = model.Id,
                PriceId = price.Id,
                MostNanos = bound.MostNanos,
                LeastNanos = bound.LeastNanos,
                EstimatedTokens = Math.Min(need.EstimatedInputTokens, model.ContextWindow) + Math.Min(need.OutputTokens, services.Options.FirstSliceTokens),
                ClientAddress = caller.Address,
                Endpoint = RealtimeEndpoint.Path,
            },
            owner);
        if (admission.Hold is not { } hold)
        {
            return admission.Answer.Outcome == AdmitOutcome.Unavailable && services.Accounts.IsStopping
                ? Refusals.Stopping
                : Refusals.Of(admission.Answer, bound);
        }

        hold.ServedBy(Channel, 0);
        _ready.Add(new RealtimeCall(bound, hold, services.Time));
        return null;
    }

    /// <summary>The most that a call can cost by the time that a slice of output more has come.</summary>
    private long CoverOf(CostBound bound, RealtimeNeed need, long outputTokens) => bound.CoverFor(
        need.InputTokens,
        model.ThinksUnseen ? need.OutputTokens : Math.Min(outputTokens + services.Options.FirstSliceTokens, need.OutputTokens),
        need.Seconds);
}
