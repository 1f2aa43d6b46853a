using OrleansGateway.Grains.Contracts;
using OrleansGateway.Tests.Integration.Gateway;
using OrleansGateway.Tests.Integration.Postgres;
using Xunit;

namespace OrleansGateway.Tests.Integration.Faults;

/// <summary>Money for exactly so many requests, and ten times as many at once.</summary>
[Collection(FaultsCollection.Name)]
public sealed class AdmissionRaceTests(PostgresServer server)
{
    private static readonly ChatPlan Plan = new(IsStream: false, Tokens: 10, TokenRate: 0) { TokensMax = 20, Text = "Hello" };

    [Fact]
    public async Task Admission_OfTenTimesWhatTheMoneyCovers_AdmitsExactlyThat()
    {
        await using var gateway = await GatewayFixture.StartAsync(server);
        using var client = new ChatClient();
        var bound = await BoundAsync(gateway, client);
        var random = new Random(FaultRun.Seed);
        var all = new List<Sent>();
        for (var round = 0; round < FaultRun.Rounds(12); round++)
        {
            // What is left over is always too little for another one.
            var n = 1 + (5 * (round % 8));
            var customer = await CustomerAsync(gateway, (n * bound) + random.NextInt64(bound));
            var sent = await RaceAsync(gateway, client, customer, n);
            Assert.Equal(n, sent.Count(request => request.Fate == Fate.Completed));
            Assert.Equal(9 * n, sent.Count(request => request is { Fate: Fate.Refused, Status: 429, ErrorCode: "insufficient_quota" }));
            all.AddRange(sent);
        }

        gateway.Process.Signal(GatewayProcess.SigTerm);
        Assert.Equal(0, await gateway.Process.EndAsync());
        var books = await Books.AuditAsync(gateway.DataSource, all, []);
        Console.WriteLine($"n of 10 n: {books}");
        Assert.True(books.Problems.Count == 0, string.Join('\n', books.Problems));
        await gateway.VerifyAsync();
    }

    private static async Task<Sent[]> RaceAsync(GatewayFixture gateway, ChatClient client, Customer customer, int n)
    {
        gateway.Provider.Stall();
        var requests = Enumerable.Range(0, 10 * n).Select(_ => client.SendAsync(gateway.Url, customer, Plan)).ToArray();
        await Load.UntilAsync(
            () => requests.Count(request => request.IsCompleted) + gateway.Provider.Stats.Waiting >= requests.Length,
            "every request to be admitted or refused");
        Assert.Equal(n, gateway.Provider.Stats.Waiting);
        gateway.Provider.Release();
        return await Task.WhenAll(requests);
    }

    /// <summary>What is held for the plan, nanos: an account without money is told.</summary>
    private static async Task<long> BoundAsync(GatewayFixture gateway, ChatClient client)
    {
        var message = (await client.SendAsync(gateway.Url, await CustomerAsync(gateway, 1), Plan)).ErrorMessage!;
        var usd = message.Split('$')[1].Split([' ', ',']).First();
        Assert.True(Money.TryParseUsd(usd, out var nanos) && nanos > 0, message);
        return nanos;
    }

    private static async Task<Customer> CustomerAsync(GatewayFixture gateway, long nanos)
    {
        var account = await gateway.CreateAccountAsync(Money.FormatUsd(nanos));
        return new Customer(account, await gateway.CreateKeyAsync(account), 1);
    }
}
