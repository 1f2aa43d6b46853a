using System.Globalization;
using OrleansGateway.Tests.Programs.Faults;
using OrleansGateway.Tests.Programs.Postgres;
using Xunit;

namespace OrleansGateway.Tests.Integration.Faults;

/// <summary>The connections between the gateway and those that it speaks to are slow, and break off, under load.</summary>
[Collection(FaultsCollection.Name)]
public sealed class NetworkTests(PostgresServer server)
{
    [Fact]
    public async Task Database_ConnectionsDelayedAndCut_DelaysSettlementsAndLosesNone()
    {
        var direct = await server.CreateDatabaseAsync();
        var through = direct;
        await using var proxy = FaultProxy.Before(ref through, FaultPlan.Seed);
        await using var run = await FaultRun.StartAsync(
            server, "database connections", direct, gateway => gateway.Settings["ConnectionStrings:Ledger"] = through);
        for (var round = 0; round < FaultPlan.Rounds(1); round++)
        {
            proxy.DelayMs = run.Random.Next(5, 50);
            await run.Load.CompletedAsync(100);

            // Commits whose answers are lost, and statements that come a second time while the first is still running.
            proxy.CutEvery = 10;
            await proxy.CutsAsync(40);
            proxy.CutEvery = 0;

            // There and back it is longer than a statement waits: every answer comes too late.
            proxy.DelayMs = 3000;
            await Task.Delay(TimeSpan.FromSeconds(4), TestContext.Current.CancellationToken);
            proxy.DelayMs = 0;

            proxy.IsRefusing = true;
            proxy.CutAll();
            await Task.Delay(TimeSpan.FromSeconds(2), TestContext.Current.CancellationToken);
            proxy.IsRefusing = false;
            await run.Load.CompletedAsync(100);
        }

        var lost = run.Gateway.Process.Output.Split("Ledger: no answer").Length - 1;
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"cut at {proxy.RequestsCut} statements and {proxy.AnswersCut} answers; {lost} answers of the ledger lost"));
        Assert.True(lost > 0, "No answer of the ledger was lost.");
        await run.FinishAsync(run.Gateway.Process);
    }

    [Fact]
    public async Task ClientsAndProvider_ConnectionsDelayedAndCut_ChargesWhatWasCompleted()
    {
        FaultProxy? provider = null;
        await using var run = await FaultRun.StartAsync(server, "clients' and provider's connections", configure: gateway =>
        {
            provider = FaultProxy.Before(gateway.Provider.BaseAddress, FaultPlan.Seed);
            gateway.Settings["SIMULATED_PROVIDER_URL"] = new Uri(provider.Address, "v1").AbsoluteUri;

            // The only channel does not rest after a failure.
            gateway.Settings["Edge:RestMs"] = "0";
        });
        await using var _ = provider;
        await using var clients = FaultProxy.Before(run.Gateway.Url, FaultPlan.Seed);
        run.ProviderFails = true;
        run.Load.Targets = [clients.Address];
        for (var round = 0; round < FaultPlan.Rounds(1); round++)
        {
            clients.DelayMs = run.Random.Next(1, 50);
            provider!.DelayMs = run.Random.Next(1, 50);
            await run.Load.CompletedAsync(100);

            // A request is one piece, and an answer that is streamed a dozen.
            clients.CutEvery = 40;
            await clients.CutsAsync(8);
            provider.CutEvery = 40;
            await Task.WhenAll(clients.CutsAsync(8), provider.CutsAsync(8));

            provider.CutAll();
            clients.CutAll();
            (clients.CutEvery, provider.CutEvery) = (0, 0);
            await run.Load.CompletedAsync(100);
        }

        await run.FinishAsync(
            run.Gateway.Process,
            clients.RequestsCut + clients.AnswersCut + (FaultPlan.Rounds(1) * FaultPlan.Clients),
            Fate.Cut,
            Fate.Unanswered);
    }
}
