using OrleansGateway.Grains.Contracts.Accounts;

namespace OrleansGateway.Edge.Accounting;

/// <summary>An account as this edge knows it: the way to its grain and the highest epoch that an answer carried.</summary>
internal sealed class Account
{
    private readonly GrainCalls _calls;
    private readonly Lane<AdmitRequest, AdmitAnswer?>? _admissions;
    private readonly Lane<SettleRequest, SettleAnswer>? _settlements;
    private long _epoch;

    /// <param name="isRemote">Whether it runs in another process.</param>
    public Account(string id, IAccountGrain grain, GrainCalls calls, bool isRemote)
    {
        (Id, Grain, _calls) = (id, grain, calls);
        if (isRemote)
        {
            _admissions = new(calls.Options.CallsMax, calls.Options.ItemsMax, requests =>
                calls.AskAsync(this, requests, static (grain, requests) => grain.AdmitManyAsync(requests), "Admit", id));
            _settlements = new(calls.Options.CallsMax, calls.Options.ItemsMax, requests =>
                calls.AskAsync(this, requests, static (grain, requests) => grain.SettleManyAsync(requests), "Settle", id));
        }
    }

    public string Id { get; }

    public IAccountGrain Grain { get; }

    /// <summary>Asks for a hold; null if no answer came.</summary>
    public async Task<AdmitAnswer?> AdmitAsync(AdmitRequest request)
    {
        // What has to wait for the ledger is answered here alone, and what went unanswered is asked again alone.
        var answer = (_admissions is null ? null : await _admissions.AskAsync(request))
            ?? await _calls.AskAsync(this, request, static (grain, request) => grain.AdmitAsync(request), "Admit", request.HoldId);
        Saw(answer?.Epoch ?? 0);
        return answer;
    }

    /// <summary>Settles a hold; null if no answer came.</summary>
    public async Task<SettleAnswer?> SettleAsync(SettleRequest request)
    {
        var answer = _settlements is null
            ? await _calls.AskAsync(this, request, static (grain, request) => grain.SettleAsync(request), "Settle", request.Ticket.HoldId)
            : await _settlements.AskAsync(request);
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
}
