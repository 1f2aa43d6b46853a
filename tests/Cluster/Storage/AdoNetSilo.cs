using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Npgsql;
using Orleans;
using Orleans.Hosting;
using Orleans.Storage;
using Orleans.TestingHost;
using OrleansGateway.Grains.Contracts;
using OrleansGateway.Ledger;
using OrleansGateway.Ledger.Postgres;
using OrleansGateway.Tests.Integration.Postgres;
using Xunit;

namespace OrleansGateway.Tests.Cluster.Storage;

/// <summary>A silo that stores its grains' states by Microsoft.Orleans.Persistence.AdoNet in a migrated database.</summary>
public sealed class AdoNetSilo(PostgresServer server) : IAsyncLifetime
{
    private string _connectionString = "";
    private InProcessTestCluster _cluster = null!;

    /// <summary>Sessions like the gateway's own.</summary>
    public NpgsqlDataSource DataSource { get; private set; } = null!;

    public IGrainFactory Grains => _cluster.GetSiloServiceProvider().GetRequiredService<IGrainFactory>();

    /// <summary>Orleans' own storage.</summary>
    public IGrainStorage AdoNet => _cluster.GetSiloServiceProvider().GetRequiredKeyedService<IGrainStorage>(StateStorage.Name);

    /// <summary>The embedded engine's.</summary>
    public IGrainStorage Embedded { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        _connectionString = await server.CreateDatabaseAsync();
        DataSource = LedgerDataSource.Create(_connectionString);
        await LedgerMigrator.ApplyAsync(DataSource, CancellationToken.None);
        Embedded = new PostgresGrainStorage(DataSource, new StateSerializer());

        var builder = new InProcessTestClusterBuilder(1) { Options = { ServiceId = StateStorage.ServiceId } };
        builder.ConfigureHost(host => host.Logging.SetMinimumLevel(LogLevel.None));
        builder.ConfigureSilo((_, silo) => silo.AddAdoNetGrainStorage(StateStorage.Name, options =>
        {
            options.Invariant = "Npgsql";
            options.DataSource = DataSource;
            options.GrainStorageSerializer = new StateSerializer();
        }));
        _cluster = builder.Build();
        await _cluster.DeployAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await _cluster.DisposeAsync();
        await DataSource.DisposeAsync();
        await server.DropDatabaseAsync(_connectionString);
    }
}
