using OrleansGateway.Grains.Contracts;
using OrleansGateway.SimulatedProvider;
using Xunit;

namespace OrleansGateway.Tests.Programs.Faults;

/// <summary>Money for exactly so many requests, and ten times as many at once.</summary>
internal static class AdmissionRace
{
    private static readonly ChatPlan Plan = new(IsStream: false, Tokens: 10, TokenRate: 0) { TokensMax = 20, Text = "Hello" };

    /// <summary>Runs races, each with an account of its own, and checks that each admitted exactly what was paid for.</summary>
    /// <param name="targets">Where clients reach gateways; the requests go to them in turn.</param>
    /// <param name="createAsync">Makes an account with this much money, nanos.</param>
    /// <returns>All that was sent.</returns>
    public static async Task<IReadOnlyCollection<Sent>> RunAsync(
        SimulatedProviderHost provider, Uri[] targets, Func<long, Task<Customer>> createAsync, int rounds)
    {
        using var client = new ChatClient();
        var bound = await BoundAsync(client, targets[0], await createAsync(1));
        var random = new Random(FaultPlan.Seed);
        var all = new List<Sent>();
        for (var round = 0; round < rounds; round++)
        {
            // What is left over is always too little for another one.
            var n = 1 + (5 * (round % 8));
            var customer = await createAsync((n * bound) + random.NextInt64(bound));
            var sent = await RaceAsync(provider, client, targets, customer, n);
            Assert.Equal(n, sent.Count(request => request.Fate == Fate.Completed));
            Assert.Equal(9 * n, sent.Count(request => request is { Fate: Fate.Refused, Status: 402, ErrorCode: "insufficient_quota" }));
            all.AddRange(sent);
        }

        return all;
    }

    private static async Task<Sent[]> RaceAsync(SimulatedProviderHost provider, ChatClient client, Uri[] targets, Customer customer, int n)
    {
        provider.Stall();
        var requests = Enumerable.Range(0, 10 * n).Select(request => client.SendAsync(targets[request % targets.Length], customer, Plan)).ToArray();
        await Load.UntilAsync(
            () => requests.Count(request => request.IsCompleted) + provider.Stats.Waiting >= requests.Length,
            "every request to be admitted or refused");
        Assert.Equal(n, provider.Stats.Waiting);
        provider.Release();
        return await Task.WhenAll(requests);
    }

    /// <summary>What is held for the plan, nanos: an account without money is told.</summary>
    private static async Task<long> BoundAsync(ChatClient client, Uri target, Customer poor)
    {
        var message = (await client.SendAsync(target, poor, Plan)).ErrorMessage!;
        var usd = message.Split('$')[1].Split([' ', ',']).First();
        Assert.True(Money.TryParseUsd(usd, out var nanos) && nanos > 0, message);
        return nanos;
    }
}
