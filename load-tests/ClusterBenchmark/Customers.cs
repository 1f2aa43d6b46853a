using Orleans;
using OrleansGateway.Grains.Contracts;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Grains.Contracts.Keys;

namespace OrleansGateway.ClusterBenchmark;

/// <summary>An account with money and a key.</summary>
internal sealed record Customer(string Account, string KeyId, Sha256Hash KeyHash);

/// <summary>Makes accounts for a run.</summary>
internal static class Customers
{
    private const int AtOnce = 64;

    public static async Task<Customer[]> CreateAsync(IGrainFactory grains, int count)
    {
        var customers = new Customer[count];
        await Parallel.ForAsync(0, count, new ParallelOptions { MaxDegreeOfParallelism = AtOnce }, async (i, _) =>
            customers[i] = await CreateAsync(grains));
        return customers;
    }

    private static async Task<Customer> CreateAsync(IGrainFactory grains)
    {
        var id = Ids.NewAccountId(RandomSource.Secure);
        var keyId = Ids.NewKeyId(RandomSource.Secure);
        var hash = Sha256Hash.Of("benchmark"u8);
        var account = grains.GetGrain<IAccountGrain>(id);
        await account.CreateAsync(new CreateRequest("benchmark", RateLimits.None));
        await account.MoveAsync(new MoveRequest(0, EntryKind.Topup, "benchmark", 1_000 * Money.NanosPerUsd));
        await account.SetKeyAsync(new SetKeyRequest(0, new KeySettings { KeyId = keyId, Hash = hash, Name = "benchmark" }));
        return new Customer(id, keyId, hash);
    }
}
