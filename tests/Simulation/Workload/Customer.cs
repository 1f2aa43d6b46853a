using OrleansGateway.Grains.Contracts;
using OrleansGateway.Grains.Contracts.Accounts;

namespace OrleansGateway.Tests.Simulation.Workload;

internal enum CustomerKind
{
    /// <summary>Most requests are its own.</summary>
    Hot,
    Rich,
    /// <summary>Spends its last cent, and pays a little now and then.</summary>
    Poor,
    /// <summary>Its keys have limits and caps.</summary>
    Limited,
}

/// <summary>An account with its keys, and how it behaves.</summary>
internal sealed class Customer(int number, Random random)
{
    public string Id { get; } = $"account{number:00000}";

    public CustomerKind Kind { get; } = (CustomerKind)(number % 4);

    public int Weight => Kind == CustomerKind.Hot ? 5 : 2;

    /// <summary>What it has at first, nanos.</summary>
    public long FirstPayment { get; } = (CustomerKind)(number % 4) switch
    {
        CustomerKind.Poor => random.Next(0, 300),
        CustomerKind.Rich => random.Next(20_000, 1_000_000),
        _ => random.Next(200, 6_000),
    };

    public string[] KeyIds { get; } = [.. Enumerable.Range(0, 2).Select(key => $"key{number:0000}{key:00000}")];

    public static Sha256Hash HashOf(string keyId) => Sha256Hash.Of(System.Text.Encoding.ASCII.GetBytes(keyId));

    /// <summary>A key as it is at first, or after its owner changed it.</summary>
    public KeySettings Settings(string keyId)
    {
        var isLimited = Kind == CustomerKind.Limited;
        return new KeySettings
        {
            KeyId = keyId,
            Hash = HashOf(keyId),
            Name = "Key",
            Caps = isLimited && random.Next(2) == 0
                ? new SpendCaps(Cap(100, 3000), Cap(50, 1000), Cap(50, 2000), Cap(50, 3000))
                : SpendCaps.None,
            Limits = isLimited ? new RateLimits(random.Next(5, 60), random.Next(1000, 20_000), random.Next(1, 6)) : RateLimits.None,
        };
    }

    private long? Cap(int from, int to) => random.Next(2) == 0 ? random.Next(from, to) : null;

    public long NextPayment() => Kind == CustomerKind.Rich ? random.Next(1, 100_000) : random.Next(1, 1500);
}
