using Npgsql;
using OrleansGateway.Ledger.Postgres;
using OrleansGateway.Tests.Programs.Postgres;
using Xunit;

namespace OrleansGateway.Tests.Integration.Ledger;

/// <summary>A migrated database of a test class.</summary>
public sealed class LedgerDatabase(PostgresServer server) : IAsyncLifetime
{
    public string ConnectionString { get; private set; } = "";

    /// <summary>Sessions like the gateway's own.</summary>
    public NpgsqlDataSource DataSource { get; private set; } = null!;

    /// <summary>Those that its money has for itself.</summary>
    public NpgsqlDataSource Money { get; private set; } = null!;

    public PostgresLedger Ledger { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        ConnectionString = await server.CreateDatabaseAsync("ledger", MigrateAsync);
        DataSource = LedgerDataSource.Create(ConnectionString);
        Money = LedgerDataSource.CreateForMoney(ConnectionString);
        Ledger = new PostgresLedger(Money, DataSource, TimeProvider.System);
    }

    public async ValueTask DisposeAsync()
    {
        await Money.DisposeAsync();
        await DataSource.DisposeAsync();
        await server.DropDatabaseAsync(ConnectionString);
    }

    public async Task ExecuteAsync(string sql)
    {
        await using var command = DataSource.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }

    public async Task<T> ScalarAsync<T>(string sql)
    {
        await using var command = DataSource.CreateCommand(sql);
        return (T)(await command.ExecuteScalarAsync())!;
    }

    internal static async Task MigrateAsync(string connectionString)
    {
        await using var dataSource = LedgerDataSource.Create(connectionString);
        await LedgerMigrator.ApplyAsync(dataSource, CancellationToken.None);
    }
}
