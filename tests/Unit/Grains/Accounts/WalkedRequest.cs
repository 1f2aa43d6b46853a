using OrleansGateway.Grains.Contracts.Accounts;

namespace OrleansGateway.Tests.Unit.Grains.Accounts;

/// <summary>What one pretend edge knows of one of its requests.</summary>
internal sealed class WalkedRequest
{
    public required string Hold { get; init; }
    public required AdmitRequest Admission { get; init; }
    public required TimeSpan StartedAt { get; init; }

    public List<Call<AdmitAnswer>> Admits { get; } = [];
    public List<Call<ExtendAnswer>> Extends { get; } = [];
    public List<Call<SettleAnswer>> Settles { get; } = [];

    public bool IsAdmitted { get; set; }

    /// <summary>Refused, given up, or its edge died before it settled: it sends nothing any more.</summary>
    public bool IsAbandoned { get; set; }

    /// <summary>What the edge was told is held.</summary>
    public long Total { get; set; }

    public long Progress { get; set; }

    /// <summary>The highest progress that went out with a renewal; -1 if none did.</summary>
    public long Reported { get; set; } = -1;

    /// <summary>What it did cost; -1 while it runs.</summary>
    public long Cost { get; set; } = -1;

    public TimeSpan SettledAt { get; set; }

    public SettleOutcome? End { get; set; }

    public bool IsRunning => IsAdmitted && !IsAbandoned && Cost < 0;

    public bool IsSettling => IsAdmitted && !IsAbandoned && Cost >= 0 && End is null;

    public bool HasCallsOut =>
        Admits.Exists(static c => !c.IsOver) || Extends.Exists(static c => !c.IsOver) || Settles.Exists(static c => !c.IsOver);
}
