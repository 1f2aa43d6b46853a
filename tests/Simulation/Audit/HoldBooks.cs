using OrleansGateway.Ledger;
using OrleansGateway.Tests.Simulation.Cluster;
using OrleansGateway.Tests.Simulation.Workload;

namespace OrleansGateway.Tests.Simulation.Audit;

/// <summary>What the auditor knows of one request's hold.</summary>
internal sealed class HoldBooks(ClientRequest request, SimulatedEdge edge)
{
    public ClientRequest Request => request;

    public bool IsEdgeDead => edge.Process.IsDead;

    public SimulatedEdge Edge => edge;

    /// <summary>The total that its edge may count on, nanos: the highest that an activation confirmed and none took back.</summary>
    public long Confirmed { get; set; }

    /// <summary>What of it the present activation has confirmed, nanos.</summary>
    public long Backed { get; set; }

    /// <summary>Until when the rest of it, which earlier activations had confirmed, may be presented to the present one.</summary>
    public TimeSpan RestUntil { get; set; }

    /// <summary>What an activation may have set aside for it without saying so, nanos.</summary>
    public long MayBeHeld { get; set; }

    /// <summary>The total that its edge has last named, nanos.</summary>
    public long Named { get; set; }

    /// <summary>The highest total that any activation ever confirmed, nanos.</summary>
    public long ConfirmedMost { get; set; }

    /// <summary>Until when no activation may end its lease; null before any answered for it.</summary>
    public TimeSpan? Deadline { get; set; }

    /// <summary>Whether nothing of it came in time, and the present activation has not taken it over all the same.</summary>
    public bool IsLate { get; set; }

    /// <summary>Whether one that came too late may have taken what it was promised.</summary>
    public bool IsDeprived { get; set; }

    /// <summary>Messages about it that came in time and are being handled.</summary>
    public List<PendingMessage> Here { get; } = [];

    /// <summary>Whether its edge has sent its settlement.</summary>
    public bool IsSettling { get; set; }

    public bool IsLetGo { get; set; }

    /// <summary>When its admission first came to a silo.</summary>
    public TimeSpan? AskedAt { get; set; }

    /// <summary>The epoch whose limits have counted it; 0 for none.</summary>
    public long CountedEpoch { get; set; }

    /// <summary>What the limits count until its settlement corrects them; 0 where another activation has counted.</summary>
    public long EstimatedTokens { get; set; }

    /// <summary>Epochs that have answered for it.</summary>
    public HashSet<long> Epochs { get; } = [];

    public LedgerEntry? Charge { get; set; }

    public TimeSpan? ChargedAt { get; set; }

    /// <summary>Paid back, nanos.</summary>
    public long Compensation { get; set; }
}
