using OrleansGateway.Grains.Contracts.Accounts;

namespace OrleansGateway.Edge.Accounting;

/// <summary>An account as this edge knows it: the way to its grain and the highest epoch that an answer carried.</summary>
internal sealed class Account(string id, IAccountGrain grain)
{
    private long _epoch;

    public string Id => id;

    public IAccountGrain Grain => grain;

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
