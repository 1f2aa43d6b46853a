namespace OrleansGateway.Tests.Integration.Faults;

/// <summary>An account with a key, as its holder knows it.</summary>
/// <param name="Weight">How often it is chosen, against the others.</param>
/// <param name="IsRich">Whether its money lasts for the whole test.</param>
internal sealed record Customer(string Account, string Key, int Weight, bool IsRich = false);

/// <summary>What a client saw of its request.</summary>
internal enum Fate
{
    /// <summary>The whole answer: a complete body, or a stream's finish reason and <c>[DONE]</c>.</summary>
    Completed,

    /// <summary>An error in place of an answer.</summary>
    Refused,

    /// <summary>An answer that began and did not end, because of the gateway or because the client left.</summary>
    Cut,

    /// <summary>Nothing at all: it was sent, and the connection ended without an answer.</summary>
    Unanswered,

    /// <summary>There was no connection to send it on.</summary>
    NotSent,
}

/// <summary>One request and what its client saw. Nothing in here comes from the gateway's books.</summary>
internal sealed record Sent(Customer Customer, Fate Fate)
{
    /// <summary>The gateway's id of it; null if no headers came.</summary>
    public string? RequestId { get; init; }

    public int Status { get; init; }

    public string? ErrorCode { get; init; }

    public string? ErrorMessage { get; init; }

    public bool HasRetryAfter { get; init; }

    /// <summary>Whether the client left by itself.</summary>
    public bool HasLeft { get; init; }

    /// <summary>The usage that the client was told, tokens.</summary>
    public long Input { get; init; }

    public long Output { get; init; }

    /// <summary>How many events all clients had seen when it was sent, and when it ended.</summary>
    public long From { get; init; }

    public long To { get; init; }

    /// <summary>When it was sent, and when the answer's headers came: <see cref="System.Diagnostics.Stopwatch"/> ticks.</summary>
    public long SentAt { get; init; }

    public long AnsweredAt { get; init; }

    /// <summary>What the usage costs, nanos: the catalog of the fixture asks 0.15 and 0.60 USD for a million tokens.</summary>
    public long Cost => (Input * 150) + (Output * 600);

    public override string ToString() =>
        $"{RequestId ?? "request without id"} of {Customer.Account}: {Fate} {Status} {ErrorCode}, {Input} + {Output} tokens";
}

/// <summary>A payment that the gateway has acknowledged.</summary>
internal sealed record Order(string Account, string Ref, long Nanos);
