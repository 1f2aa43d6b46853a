using OrleansGateway.Ledger;
using OrleansGateway.Tests.Simulation.Cluster;
using OrleansGateway.Tests.Simulation.Workload;

namespace OrleansGateway.Tests.Simulation.Audit;

/// <summary>What the auditor knows of one request's hold.</summary>
internal sealed class HoldBooks(ClientRequest request, SimulatedEdge edge)
{
    public ClientRequest Request => request;

    public bool IsEdgeDead => edge.Process.IsDead;

    /// <summary>The total that an activation last confirmed, nanos.</summary>
    public long Confirmed { get; set; }

    /// <summary>What an activation may have set aside for it without saying so, nanos.</summary>
    public long MayBeHeld { get; set; }

    /// <summary>The highest total that its edge has named, nanos.</summary>
    public long TicketTotal { get; set; }

    /// <summary>Until when no activation may end its lease; null before any answered for it.</summary>
    public TimeSpan? Deadline { get; set; }

    /// <summary>Whether nothing of it came to the newest activation in time.</summary>
    public bool IsLate { get; set; }

    /// <summary>Whether its edge has sent its settlement.</summary>
    public bool IsSettling { get; set; }

    public bool IsLetGo { get; set; }

    /// <summary>Epochs that have answered for it.</summary>
    public HashSet<long> Epochs { get; } = [];

    public LedgerEntry? Charge { get; set; }

    public TimeSpan? ChargedAt { get; set; }

    /// <summary>Paid back, nanos.</summary>
    public long Compensation { get; set; }
}
