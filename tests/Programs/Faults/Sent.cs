namespace OrleansGateway.Tests.Programs.Faults;

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
    /// <summary>The simulated provider's longest words have so many quarters of a token, their space included.</summary>
    private const int QuartersOfAWordMost = 14;

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

    /// <summary>What was asked for.</summary>
    public required ChatPlan Plan { get; init; }

    /// <summary>The prompt.</summary>
    public required string Text { get; init; }

    /// <summary>The text that came of a stream.</summary>
    public string Seen { get; init; } = "";

    /// <summary>How many events all clients had seen when it was sent, and when it ended.</summary>
    public long From { get; init; }

    public long To { get; init; }

    /// <summary>When it was sent, and when the answer's headers came: <see cref="System.Diagnostics.Stopwatch"/> ticks.</summary>
    public long SentAt { get; init; }

    public long AnsweredAt { get; init; }

    /// <summary>What the usage costs, nanos: the catalog of the fixture asks 0.15 and 0.60 USD for a million tokens.</summary>
    public long Cost => (Input * 150) + (Output * 600);

    /// <summary>
    /// The input tokens that a request is charged for where its provider did not report: four for its one message, and those of its texts,
    /// which are the prompt, its role, and the names in what only the simulated provider knows.
    /// </summary>
    public long InputEstimate => Tokens(Quarters($"{Text}user") + Quarters("tokenstoken_rate")) + 4;

    /// <summary>The fewest tokens of output that a request can be charged for of which this came, where its provider did not report.</summary>
    public long OutputLeast => Tokens(Quarters(Seen));

    /// <summary>The most: the client does not know the words that were still to come.</summary>
    public long OutputMost => Tokens(Quarters(Seen) + ((Plan.Tokens - Seen.Count(letter => letter == ' ')) * QuartersOfAWordMost));

    public override string ToString() =>
        $"{RequestId ?? "request without id"} of {Customer.Account}: {Fate} {Status} {ErrorCode}, {Input} + {Output} tokens";

    private static long Tokens(long quarters) => (quarters + 3) / 4;

    /// <summary>A token for four ASCII characters, for a CJK one and for one beyond the basic plane, and for two others.</summary>
    private static long Quarters(string text) => text.EnumerateRunes().Sum(
        static rune => rune.IsAscii ? 1L : !rune.IsBmp || rune.Value is >= 0x2E80 and <= 0x9FFF ? 4 : 2);
}

/// <summary>A payment that the gateway has acknowledged.</summary>
internal sealed record Order(string Account, string Ref, long Nanos);
