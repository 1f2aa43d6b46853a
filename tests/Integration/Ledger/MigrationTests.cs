using Npgsql;
using OrleansGateway.Ledger.Postgres;
using OrleansGateway.Tests.Integration.Postgres;
using Xunit;

namespace OrleansGateway.Tests.Integration.Ledger;

public sealed class MigrationTests(PostgresServer server) : IAsyncLifetime
{
    private string _connectionString = "";
    private NpgsqlDataSource _dataSource = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _connectionString = await server.CreateDatabaseAsync();
        _dataSource = LedgerDataSource.Create(_connectionString);
    }

    public async ValueTask DisposeAsync()
    {
        await _dataSource.DisposeAsync();
        await server.DropDatabaseAsync(_connectionString);
    }

    [Fact]
    public async Task Apply_TwiceAndAtOnce_AppliesEachOnce()
    {
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => LedgerMigrator.ApplyAsync(_dataSource, Token)));
        await LedgerMigrator.ApplyAsync(_dataSource, Token);
        Assert.Equal(LedgerMigrator.Embedded().Count, await ScalarAsync<long>("SELECT count(*) FROM schema_migration"));
    }

    [Fact]
    public async Task Apply_FileThatChanged_Throws()
    {
        await LedgerMigrator.ApplyAsync(_dataSource, [new(1, "one", "CREATE TABLE one (id int)")], Token);
        var changed = await Assert.ThrowsAsync<InvalidOperationException>(
            () => LedgerMigrator.ApplyAsync(_dataSource, [new(1, "one", "CREATE TABLE one (id bigint)")], Token));
        Assert.Contains("one", changed.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Apply_FileThatFails_LeavesNothingOfItAndCanBeRepeated()
    {
        Migration good = new(1, "one", "CREATE TABLE one (id int)");
        await Assert.ThrowsAsync<PostgresException>(() => LedgerMigrator.ApplyAsync(
            _dataSource, [good, new(2, "two", "CREATE TABLE two (id int); SELECT 1 / 0")], Token));
        Assert.True(await ScalarAsync<bool>("SELECT to_regclass('one') IS NOT NULL AND to_regclass('two') IS NULL"));
        await LedgerMigrator.ApplyAsync(_dataSource, [good, new(2, "two", "CREATE TABLE two (id int)")], Token);
        Assert.True(await ScalarAsync<bool>("SELECT to_regclass('two') IS NOT NULL"));
    }

    [Fact]
    public async Task Apply_DatabaseOfANewerBuild_Throws()
    {
        await LedgerMigrator.ApplyAsync(_dataSource, [new(1, "one", "SELECT 1"), new(2, "two", "SELECT 1")], Token);
        await Assert.ThrowsAsync<InvalidOperationException>(
            () => LedgerMigrator.ApplyAsync(_dataSource, [new(1, "one", "SELECT 1")], Token));
    }

    [Fact]
    public async Task Sessions_OfTheLedger_WaitForTheDisk()
    {
        var careless = new NpgsqlConnectionStringBuilder(_connectionString) { Options = "-c synchronous_commit=off" };
        await using var dataSource = LedgerDataSource.Create(careless.ConnectionString);
        await using var command = dataSource.CreateCommand("SHOW synchronous_commit");
        Assert.Equal("on", await command.ExecuteScalarAsync(Token));
    }

    private async Task<T> ScalarAsync<T>(string sql)
    {
        await using var command = _dataSource.CreateCommand(sql);
        return (T)(await command.ExecuteScalarAsync(Token))!;
    }
}
