namespace OrleansGateway.Grains.Contracts.Accounts;

/// <summary>The account protocol's numbers that several parts of the gateway go by.</summary>
public static class AccountProtocol
{
    /// <summary>The most characters of an account's or a key's name.</summary>
    public const int NameLengthMax = 200;

    /// <summary>The most characters of a model's name, in the catalog and in what a key lists.</summary>
    public const int ModelNameLengthMax = 128;

    /// <summary>The most characters of what a movement refers to, a hold's id included.</summary>
    public const int RefLengthMax = 128;

    /// <summary>The most models, and the most addresses, that a key lists.</summary>
    public const int ListLengthMax = 1_000;

    /// <summary>The highest limit of a rate or of concurrency, above any real one and below what a bucket can count; the lowest is 1.</summary>
    public const long LimitMax = 1_000_000_000;

    /// <summary>The most characters of an Idempotency-Key.</summary>
    public const int IdempotencyKeyLengthMax = 255;

    /// <summary>How long an Idempotency-Key, and an answer kept for it, is remembered.</summary>
    public static TimeSpan IdempotencyAgeMax { get; } = TimeSpan.FromHours(24);

    /// <summary>How long after an activation what it found reserved stays unspendable: a lease, a renewal interval and a margin.</summary>
    public static TimeSpan Quarantine { get; } = TimeSpan.FromSeconds(25);
}
