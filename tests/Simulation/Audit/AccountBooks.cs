using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Tests.Shared.Ledger;
using OrleansGateway.Tests.Simulation.Machine;

namespace OrleansGateway.Tests.Simulation.Audit;

/// <summary>What the auditor knows of one account.</summary>
internal sealed class AccountBooks(LedgerModelAccount rows)
{
    public LedgerModelAccount Rows => rows;

    /// <summary>How many of the ledger's rows have been audited, and their sum.</summary>
    public int EntriesSeen { get; set; }

    public Int128 Sum { get; set; }

    /// <summary>What of the sum came as bonus: charges take it first, all else that takes money takes it last.</summary>
    public Int128 Bonus { get; set; }

    public long Epoch { get; set; }

    public TimeSpan ActivatedAt { get; set; }

    /// <summary>The process whose activation raised the present epoch.</summary>
    public SimulatedProcess? Owner { get; set; }

    /// <summary>Whether that was a gateway that had lost the lock to another, and did not know it.</summary>
    public bool IsUsurped { get; set; }

    /// <summary>As of the last statement, nanos.</summary>
    public long Quarantined { get; set; }

    public bool IsQuarantined => Quarantined > 0;

    /// <summary>The epoch in whose quarantine something came too late and may have taken what others were promised; 0 for none.</summary>
    public long IntrudedEpoch { get; set; }

    /// <summary>As of the last statement, nanos.</summary>
    public long Reserved { get; set; }

    /// <summary>Holds without a row that some activation has answered for.</summary>
    public Dictionary<string, HoldBooks> Open { get; } = new(StringComparer.Ordinal);

    /// <summary>Those of them that the present epoch has answered for.</summary>
    public Dictionary<string, HoldBooks> Held { get; } = new(StringComparer.Ordinal);

    /// <summary>By key id.</summary>
    public Dictionary<string, KeyBooks> Keys { get; } = new(StringComparer.Ordinal);

    /// <summary>What was admitted under the account's own limits.</summary>
    public AdmittedRates Rates { get; } = new();

    /// <summary>Messages that a silo has and has not answered.</summary>
    public List<PendingMessage> Pending { get; } = [];

    /// <summary>
    /// The least that this message could have been given, nanos: what is neither spent nor in quarantine, less all that the present
    /// activation holds or may be about to hold for others.
    /// </summary>
    public long SpareFor(PendingMessage message)
    {
        var spare = (Int128)rows.Row.Balance - rows.Row.Quarantined;
        foreach (var hold in Held.Values)
        {
            spare -= Math.Max(hold.Backed, hold.MayBeHeld);
        }

        foreach (var other in Pending)
        {
            if (other != message && !other.Silo.IsDead)
            {
                foreach (var (holdId, total) in other.Totals)
                {
                    spare -= Math.Max(0, total - (Held.TryGetValue(holdId, out var held) ? held.Backed : 0));
                }
            }
        }

        // What came as bonus is not sent back.
        spare -= message.Message is MoveRequest { Kind: EntryKind.Refund } ? Bonus : 0;
        return (long)Int128.Max(spare, long.MinValue);
    }

    /// <summary>Something has changed: who waits may have had less for a moment.</summary>
    public void Watch()
    {
        foreach (var message in Pending)
        {
            if (message.WantsMoney)
            {
                message.LeastSpare = Math.Min(message.LeastSpare, SpareFor(message));
            }
        }
    }
}
