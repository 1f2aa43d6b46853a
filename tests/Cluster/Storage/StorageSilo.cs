using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Npgsql;
using Orleans;
using Orleans.Storage;
using Orleans.TestingHost;
using OrleansGateway.Grains.Accounts;
using OrleansGateway.Grains.Contracts;
using OrleansGateway.Ledger.Postgres;
using OrleansGateway.Silo.Storage;
using OrleansGateway.Tests.Programs.Postgres;
using Xunit;

namespace OrleansGateway.Tests.Cluster.Storage;

/// <summary>A silo with the product's storage, reminders and upkeep, in a migrated database.</summary>
public sealed class StorageSilo(PostgresServer server) : IAsyncLifetime
{
    private string _connectionString = "";
    private InProcessTestCluster _cluster = null!;

    /// <summary>Sessions like the gateway's own.</summary>
    public NpgsqlDataSource DataSource { get; private set; } = null!;

    public IGrainFactory Grains => Services.GetRequiredService<IGrainFactory>();

    public IGrainStorage Storage => Services.GetRequiredKeyedService<IGrainStorage>(StateStorage.Name);

    public IReminderTable Reminders => Services.GetRequiredService<IReminderTable>();

    private IServiceProvider Services => _cluster.GetSiloServiceProvider();

    public async ValueTask InitializeAsync()
    {
        _connectionString = await server.CreateDatabaseAsync();
        DataSource = LedgerDataSource.Create(_connectionString);
        await LedgerMigrator.ApplyAsync(DataSource, CancellationToken.None);

        var builder = new InProcessTestClusterBuilder(1) { Options = { ServiceId = StateStorage.ServiceId } };
        builder.ConfigureHost(host => host.Logging.SetMinimumLevel(LogLevel.None));
        builder.ConfigureSilo((_, silo) =>
        {
            silo.Services.AddSingleton(DataSource);
            silo.Services.AddSingleton(new AccountOptions { ProcessId = "silo" });
            silo.Services.AddSingleton<LedgerUpkeep>();
            silo.AddGrainStorage();
        });
        _cluster = builder.Build();
        await _cluster.DeployAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await _cluster.DisposeAsync();
        await DataSource.DisposeAsync();
        await server.DropDatabaseAsync(_connectionString);
    }

    public async Task<T> ScalarAsync<T>(string sql)
    {
        await using var command = DataSource.CreateCommand(sql);
        return (T)(await command.ExecuteScalarAsync(TestContext.Current.CancellationToken))!;
    }
}
