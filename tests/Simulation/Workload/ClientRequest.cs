using OrleansGateway.Edge.Accounting;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Grains.Contracts.Pricing;

namespace OrleansGateway.Tests.Simulation.Workload;

/// <summary>What became of a request, as its client saw it.</summary>
internal enum Fate
{
    Running,
    /// <summary>An error before anything was held.</summary>
    Refused,
    /// <summary>An error in place of an answer: its provider failed.</summary>
    Failed,
    Completed,
    /// <summary>Broke off, or an error because the gateway could not finish it.</summary>
    Cut,
    /// <summary>The client hung up.</summary>
    Left,
}

/// <summary>How a provider answers.</summary>
internal enum ProviderEnd
{
    Complete,
    FailsAtOnce,
    BreaksOff,
    /// <summary>Uses more than it was allowed.</summary>
    Exceeds,
}

/// <summary>One request of a client: what it will be, decided beforehand, and what its client has seen.</summary>
internal sealed class ClientRequest : IHoldOwner
{
    public required string Id { get; init; }
    public required string AccountId { get; init; }
    public required string KeyId { get; init; }

    /// <summary>Whether its key may be at a cap: then what it is refused need not be for money.</summary>
    public required bool MayBeCapped { get; init; }
    public required bool Streams { get; init; }
    public required ProviderEnd ProviderEnd { get; init; }
    public required int InputTokens { get; init; }
    public required int MaxTokens { get; init; }

    /// <summary>Tokens of each chunk, the answer's whole length.</summary>
    public required int[] Chunks { get; init; }
    public required TimeSpan ChunkTime { get; init; }

    /// <summary>After how many chunks its client hangs up; never, if it is beyond them.</summary>
    public required int LeavesAfter { get; init; }

    /// <summary>Whether the provider is let to finish for a client that is gone.</summary>
    public required bool Drains { get; init; }
    public string? IdempotencyKey { get; init; }

    public Fate Fate { get; private set; }

    /// <summary>Why it was refused.</summary>
    public AdmitOutcome Refusal { get; private set; }

    /// <summary>The price that was in force when it was admitted.</summary>
    public Price? Price { get; set; }

    /// <summary>Its full bound, nanos.</summary>
    public long MostNanos { get; set; }

    /// <summary>What its provider has charged for so far.</summary>
    public Usage Provided { get; set; }

    /// <summary>What the client was told that it used.</summary>
    public Usage Told { get; private set; }

    /// <summary>Whether what was completed is all that its provider had to say.</summary>
    public bool IsWhole { get; private set; }

    public bool GotOutput { get; set; }

    public bool IsHoldLost { get; private set; }

    public bool IsOver => Fate != Fate.Running;

    public void HoldLost() => IsHoldLost = true;

    public void Refuse(AdmitOutcome why)
    {
        Refusal = why;
        End(Fate.Refused);
    }

    /// <param name="isWhole">Whether its provider had finished; otherwise its money was at its end.</param>
    public void Complete(Usage told, bool isWhole)
    {
        (Told, IsWhole) = (told, isWhole);
        End(Fate.Completed);
    }

    /// <summary>The first end counts: a client sees no other.</summary>
    public void End(Fate fate) => Fate = IsOver ? Fate : fate;
}
