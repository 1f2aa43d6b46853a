using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Npgsql;
using OrleansGateway.Tests.Integration.Gateway;
using OrleansGateway.Tests.Programs.Faults;
using OrleansGateway.Tests.Programs.Gateway;
using OrleansGateway.Tests.Programs.Postgres;
using Xunit;

namespace OrleansGateway.Tests.Integration.Faults;

/// <summary>Two gateways on one database, while clients speak to both.</summary>
[Collection(FaultsCollection.Name)]
public sealed class TakeoverTests(PostgresServer server)
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task SecondGateway_WhenTheFirstIsKilledOrStops_TakesOverWithItsBooks()
    {
        await using var run = await FaultRun.StartAsync(server, "takeover after SIGKILL and SIGTERM");
        run.IsAnyLost = true;
        var first = (run.Gateway.Process, run.Gateway.Url, Operator: run.Gateway.Operator.Address);
        for (var round = 0; round < FaultPlan.Rounds(2); round++)
        {
            var signal = round % 2 == 0 ? GatewayProcess.SigKill : GatewayProcess.SigTerm;
            var second = await run.StartSecondAsync();
            Assert.Contains("database lock", await UnreadyAsync(second.Url), StringComparison.Ordinal);
            run.Speak(first, second);
            await run.Load.SeenAsync(sent => sent is { Status: 503, HasRetryAfter: true }, "the waiting gateway to send clients away");
            await run.Load.EventsAsync(run.Random.Next(100, 2000));

            first.Process.Signal(signal);
            await second.Process.LineAsync(GatewayFixture.IsServing);
            Assert.Equal(signal == GatewayProcess.SigTerm ? 0 : 128 + signal, await first.Process.EndAsync());
            run.Speak(second);
            Assert.Equal("", await UnreadyAsync(second.Url));
            first = second;
        }

        await run.FinishAsync(first.Process, FaultPlan.Rounds(2) * FaultPlan.Clients, Fate.Cut, Fate.Unanswered);
    }

    [Fact]
    public async Task FirstGateway_WhoseLockSecondTakes_IsFencedAndEndsWithAnError()
    {
        await using var run = await FaultRun.StartAsync(server, "twins");
        run.IsAnyLost = true;
        var first = (run.Gateway.Process, run.Gateway.Url, Operator: run.Gateway.Operator.Address);
        for (var round = 0; round < FaultPlan.Rounds(1); round++)
        {
            var second = await run.StartSecondAsync();
            run.Speak(first, second);
            await run.Load.EventsAsync(run.Random.Next(100, 2000));

            do
            {
                await StealLockAsync(run.Gateway.ConnectionString, first.Url, second.Url);
                await Load.UntilAsync(
                    async _ => (await UnreadyAsync(first.Url)).Length == 0 || (await UnreadyAsync(second.Url)).Length == 0,
                    "one of the gateways to have the lock");
            }
            while ((await UnreadyAsync(second.Url)).Length > 0);

            await second.Process.LineAsync(GatewayFixture.IsServing);
            await first.Process.LineAsync("The database lock is lost");
            await first.Process.LineAsync("is fenced by");
            await Load.UntilAsync(async _ => await IsUnreadyOrGoneAsync(first.Url), "the first to say that it is not ready, or to be gone");
            Assert.Equal(1, await first.Process.EndAsync());
            run.Speak(second);
            first = second;
        }

        await run.FinishAsync(first.Process, FaultPlan.Rounds(1) * FaultPlan.Clients, Fate.Cut, Fate.Unanswered);
    }

    /// <summary>
    /// Waits for the lock, ends the backend that holds it, and so has it for a moment. The gateway whose backend it was asks for it again at
    /// once, so that otherwise no other would ever get it; after this, whoever asks first does.
    /// </summary>
    private static async Task StealLockAsync(string connectionString, params Uri[] gateways)
    {
        await using var thief = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(connectionString) { Pooling = false }.ConnectionString);
        await thief.OpenAsync(Cancellation);
        await using var take = new NpgsqlCommand("SELECT pg_advisory_lock(1869021187)", thief);
        var taking = take.ExecuteNonQueryAsync(Cancellation);
        await using var source = NpgsqlDataSource.Create(connectionString);
        await using var end = source.CreateCommand(
            """
            SELECT count(pg_terminate_backend(holder.pid))
            FROM pg_locks waiting JOIN pg_locks holder USING (locktype, database, classid, objid)
            WHERE locktype = 'advisory' AND objid = 1869021187 AND holder.granted AND NOT waiting.granted
                AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
            """);
        await Load.UntilAsync(
            async _ =>
            {
                await end.ExecuteNonQueryAsync(Cancellation);
                return taking.IsCompleted;
            },
            "the thief to have the lock");
        await taking;
        foreach (var gateway in gateways)
        {
            // Until it has noticed, it would still call itself ready.
            await Load.UntilAsync(async _ => (await UnreadyAsync(gateway)).Length > 0, "each gateway to notice");
        }
    }

    /// <summary>One that ends by itself does not wait until it has been asked.</summary>
    private static async Task<bool> IsUnreadyOrGoneAsync(Uri url)
    {
        try
        {
            return (await UnreadyAsync(url)).Contains("database lock", StringComparison.Ordinal);
        }
        catch (HttpRequestException)
        {
            return true;
        }
    }

    /// <returns>Why a gateway is not ready; nothing if it is.</returns>
    private static async Task<string> UnreadyAsync(Uri url)
    {
        using var client = new HttpClient();
        using var answer = await client.GetAsync(new Uri(url, "health/ready"), Cancellation);
        return answer.StatusCode == HttpStatusCode.ServiceUnavailable
            ? (await answer.Content.ReadFromJsonAsync<JsonNode>(Cancellation))!["reasons"]!.ToJsonString()
            : "";
    }
}
