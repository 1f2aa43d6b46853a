using OrleansGateway.Grains.Contracts.Accounts;

namespace OrleansGateway.Edge.Accounting;

/// <summary>An account as this edge knows it: the way to its grain and the highest epoch that an answer carried.</summary>
internal sealed class Account
{
    private readonly GrainCalls _calls;
    private readonly Batcher<AdmitRequest, AdmitAnswer?>? _admissions;
    private readonly Batcher<SettleRequest, SettleAnswer>? _settlements;
    private long _epoch;

    /// <param name="isRemote">Whether this process has no accounts of its own, so that every message goes to another.</param>
    public Account(string id, IAccountGrain grain, GrainCalls calls, bool isRemote)
    {
        (Id, Grain, _calls) = (id, grain, calls);
        if (isRemote)
        {
            var options = calls.Options;
            _admissions = new(options.CallsMax, options.ItemsMax, Stamp, requests =>
                calls.AskAsync(this, requests, static (grain, requests) => grain.AdmitManyAsync(requests), "Admit", id));
            _settlements = new(options.CallsMax, options.ItemsMax, Stamp, requests =>
                calls.AskAsync(this, requests, static (grain, requests) => grain.SettleManyAsync(requests), "Settle", id));
        }
    }

    public string Id { get; }

    public IAccountGrain Grain { get; }

    /// <summary>Asks for a hold; null if no answer came.</summary>
    /// <param name="isRepeat">A repeat goes alone: what kept the answer away may be another message of the same call.</param>
    public async Task<AdmitAnswer?> AdmitAsync(AdmitRequest request, bool isRepeat)
    {
        // With an idempotency key it always has to wait for the ledger.
        var batcher = isRepeat || request.IdempotencyKey is not null ? null : _admissions;
        var (isAnswered, answer) = batcher is null ? (true, null) : await batcher.AskAsync(request);
        if (isAnswered && answer is null)
        {
            answer = await _calls.AskAsync(this, Stamp(request), static (grain, request) => grain.AdmitAsync(request), "Admit", request.HoldId);
        }

        Saw(answer?.Epoch ?? 0);
        return answer;
    }

    /// <summary>Settles a hold; null if no answer came.</summary>
    /// <inheritdoc cref="AdmitAsync" path="/param"/>
    public async Task<SettleAnswer?> SettleAsync(SettleRequest request, bool isRepeat)
    {
        var answer = isRepeat || _settlements is null
            ? await _calls.AskAsync(this, Stamp(request), static (grain, request) => grain.SettleAsync(request), "Settle", request.Ticket.HoldId)
            : (await _settlements.AskAsync(request)).Answer;
        Saw(answer?.Epoch ?? 0);
        return answer;
    }

    /// <summary>The highest epoch seen; 0 for none.</summary>
    public long Epoch => Volatile.Read(ref _epoch);

    /// <summary>Takes note of an answer's epoch.</summary>
    public void Saw(long epoch)
    {
        for (var seen = Epoch; epoch > seen;)
        {
            var found = Interlocked.CompareExchange(ref _epoch, epoch, seen);
            if (found == seen)
            {
                return;
            }

            seen = found;
        }
    }

    private AdmitRequest Stamp(AdmitRequest request) => request.Epoch == Epoch ? request : request with { Epoch = Epoch };

    private SettleRequest Stamp(SettleRequest request) => request.Epoch == Epoch ? request : request with { Epoch = Epoch };
}
