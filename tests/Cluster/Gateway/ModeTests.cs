using OrleansGateway.Tests.Cluster.Running;
using Xunit;

namespace OrleansGateway.Tests.Cluster.Gateway;

/// <summary>An installation goes from one machine to a cluster and back: on the same database, with the states of its grains.</summary>
public sealed class ModeTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Installation_ThatBecomesAClusterAndOneMachineAgain_KeepsItsGrainState()
    {
        await using var cluster = await ClusterFixture.StartAsync(silos: 0, edges: 0);
        var silo = cluster.AddSilo();
        await using var single = ClusterFixture.CreateSingle(silo);
        await single.StartAsync();
        await single.Process.LineAsync("Catalog version 1 is published");
        silo.Start();
        await silo.UnreadyAsync("database lock");

        await ChangeCatalogAsync("simulated", "of a cluster");
        await single.Process.LineAsync("Catalog version 2 is published");
        await single.StopAsync();
        await silo.ReadyAsync();
        await ChangeCatalogAsync("of a cluster", "of one machine");
        await silo.Process.LineAsync("Catalog version 3 is published");

        single.Start();
        await single.UnreadyAsync("database lock");
        await silo.StopAsync();
        await single.ReadyAsync();
        await ChangeCatalogAsync("of one machine", "of one machine still");
        await single.Process.LineAsync("Catalog version 4 is published");

        async Task ChangeCatalogAsync(string from, string to)
        {
            var catalog = await File.ReadAllTextAsync(cluster.CatalogPath, Cancellation);
            await File.WriteAllTextAsync(
                cluster.CatalogPath, catalog.Replace($"\"owned_by\": \"{from}\"", $"\"owned_by\": \"{to}\"", StringComparison.Ordinal), Cancellation);
        }
    }
}
