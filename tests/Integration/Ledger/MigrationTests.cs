using Npgsql;
using OrleansGateway.Ledger.Postgres;
using OrleansGateway.Tests.Programs.Postgres;
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
        await LedgerMigrator.ApplyAsync(_dataSource, [new(1, 1, "one", "CREATE TABLE one (id int)")], Token);
        var changed = await Assert.ThrowsAsync<InvalidOperationException>(
            () => LedgerMigrator.ApplyAsync(_dataSource, [new(1, 1, "one", "CREATE TABLE one (id bigint)")], Token));
        Assert.Contains("one", changed.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Apply_FileThatFails_LeavesNothingOfItAndCanBeRepeated()
    {
        Migration good = new(1, 1, "one", "CREATE TABLE one (id int)");
        await Assert.ThrowsAsync<PostgresException>(() => LedgerMigrator.ApplyAsync(
            _dataSource, [good, new(1, 2, "two", "CREATE TABLE two (id int); SELECT 1 / 0")], Token));
        Assert.True(await ScalarAsync<bool>("SELECT to_regclass('one') IS NOT NULL AND to_regclass('two') IS NULL"));
        await LedgerMigrator.ApplyAsync(_dataSource, [good, new(1, 2, "two", "CREATE TABLE two (id int)")], Token);
        Assert.True(await ScalarAsync<bool>("SELECT to_regclass('two') IS NOT NULL"));
    }

    /// <summary>Charges of a day that is detached, but not counted yet, are counted by every column.</summary>
    [Fact]
    public async Task Units_BesideDaysOfUsage_AreColumnsOfEachDay()
    {
        await LedgerMigrator.ApplyAsync(_dataSource, [.. LedgerMigrator.Embedded().Where(static m => m.Name != "0009_units")], Token);
        await ExecuteAsync(
            """
            CREATE TABLE usage_20200101 (LIKE usage INCLUDING ALL);
            CREATE TABLE usage_20200102 PARTITION OF usage FOR VALUES FROM ('2020-01-02 00:00:00+00') TO ('2020-01-03 00:00:00+00')
            """);

        await LedgerMigrator.ApplyAsync(_dataSource, Token);

        Assert.Equal(
            "usage usage_20200101 usage_20200102 usage_day usage_default usage_hour",
            await ScalarAsync<string>(
                "SELECT string_agg(table_name, ' ' ORDER BY table_name) FROM information_schema.columns WHERE column_name = 'searches'"));
        Assert.Equal(0, await UsageTotals.AddAsync(_dataSource, [new(2020, 1, 1)], Token));
    }

    [Fact]
    public async Task Apply_DatabaseOneReleaseNewer_AppliesNothingAndRuns()
    {
        await LedgerMigrator.ApplyAsync(_dataSource, [new(1, 1, "one", "SELECT 1"), new(2, 2, "two", "SELECT 1")], Token);

        await LedgerMigrator.ApplyAsync(_dataSource, [new(1, 1, "one", "SELECT 1")], Token);

        Assert.Equal(2, await ScalarAsync<long>("SELECT count(*) FROM schema_migration"));
    }

    [Fact]
    public async Task Apply_DatabaseTwoReleasesNewer_SaysWhichAndChangesNothing()
    {
        await LedgerMigrator.ApplyAsync(_dataSource, [new(1, 1, "one", "SELECT 1"), new(3, 2, "two", "SELECT 1")], Token);

        var newer = await Assert.ThrowsAsync<SchemaTooNewException>(() => LedgerMigrator.ApplyAsync(
            _dataSource, [new(1, 1, "one", "SELECT 1"), new(1, 2, "other", "CREATE TABLE other (id int)")], Token));

        Assert.Contains("release 3 (two)", newer.Message, StringComparison.Ordinal);
        Assert.True(await ScalarAsync<bool>("SELECT to_regclass('other') IS NULL"));
    }

    [Fact]
    public async Task Apply_TableThatIsInUse_LetsOthersThroughAndIsDoneAfterwards()
    {
        await LedgerMigrator.ApplyAsync(_dataSource, [new(1, 1, "one", "CREATE TABLE one (id int)")], Token);
        await using var user = await _dataSource.OpenConnectionAsync(Token);
        await using var transaction = await user.BeginTransactionAsync(Token);
        await using (var use = new NpgsqlCommand("INSERT INTO one VALUES (0)", user))
        {
            await use.ExecuteNonQueryAsync(Token);
        }

        var applying = LedgerMigrator.ApplyAsync(
            _dataSource, [new(1, 1, "one", "CREATE TABLE one (id int)"), new(1, 2, "two", "ALTER TABLE one ADD COLUMN two int")], Token);
        for (var i = 1; i <= 50; i++)
        {
            // Behind one that waits for its lock, this would wait as long.
            await using var other = _dataSource.CreateCommand("INSERT INTO one VALUES (1)");
            await other.ExecuteNonQueryAsync(Token);
        }

        Assert.False(applying.IsCompleted);
        await transaction.CommitAsync(Token);
        await applying;
        Assert.Equal(51, await ScalarAsync<long>("SELECT count(*) FROM one WHERE two IS NULL"));
    }

    [Fact]
    public async Task Apply_ConcurrentFileByMany_IsAppliedOnceWithoutADeadlock()
    {
        const string Index = "-- concurrently\nDROP INDEX CONCURRENTLY IF EXISTS one_id;\nCREATE UNIQUE INDEX CONCURRENTLY one_id ON one (id);\n";
        Migration table = new(1, 1, "one", "CREATE TABLE one (id int); INSERT INTO one VALUES (1), (1)");
        Migration index = new(1, 2, "two", Index);
        var failed = await Assert.ThrowsAsync<PostgresException>(() => LedgerMigrator.ApplyAsync(_dataSource, [table, index], Token));
        Assert.Equal(PostgresErrorCodes.UniqueViolation, failed.SqlState);
        Assert.False(await ScalarAsync<bool>("SELECT indisvalid FROM pg_index WHERE indexrelid = 'one_id'::regclass"));
        await using (var mend = _dataSource.CreateCommand("DELETE FROM one WHERE ctid = '(0,1)'"))
        {
            await mend.ExecuteNonQueryAsync(Token);
        }

        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => LedgerMigrator.ApplyAsync(_dataSource, [table, index], Token)));

        Assert.True(await ScalarAsync<bool>("SELECT indisvalid FROM pg_index WHERE indexrelid = 'one_id'::regclass"));
        Assert.Equal(2, await ScalarAsync<long>("SELECT count(*) FROM schema_migration"));
        Assert.Equal("4s 10s", await ScalarAsync<string>("SELECT current_setting('lock_timeout') || ' ' || current_setting('statement_timeout')"));
    }

    [Fact]
    public async Task Bonus_OfAnEarlierRelease_IsWhatItsChargesHaveLeft()
    {
        await LedgerMigrator.ApplyAsync(_dataSource, [.. LedgerMigrator.Embedded().Where(static m => m.Release == 1)], Token);
        (string Account, (string Kind, long Amount)[] Rows, long Left)[] accounts =
        [
            ("spent", [("bonus", 100), ("topup", 500), ("charge", -150), ("bonus", 30), ("charge", -10)], 20),
            ("taken", [("bonus", 100), ("adjustment", -60)], 40),
            ("none", [("topup", 100), ("charge", -10)], 0),
        ];
        foreach (var (account, rows, _) in accounts)
        {
            var balance = rows.Sum(static row => row.Amount);
            await ExecuteAsync(
                $"INSERT INTO account (id, name, created_at, seq, balance) VALUES ('{account}', '', now(), {rows.Length}, {balance})");
            var after = 0L;
            for (var i = 0; i < rows.Length; i++)
            {
                after += rows[i].Amount;
                var closedBy = rows[i].Kind == "charge" ? "'settlement'" : "NULL";
                await ExecuteAsync(
                    $"INSERT INTO ledger (account_id, seq, kind, amount, balance_after, ref, closed_by, at) VALUES "
                    + $"('{account}', {i + 1}, '{rows[i].Kind}', {rows[i].Amount}, {after}, 'r{i}', {closedBy}, now())");
            }
        }

        await LedgerMigrator.ApplyAsync(_dataSource, Token);

        foreach (var (account, _, left) in accounts)
        {
            Assert.Equal(left, await ScalarAsync<long>($"SELECT bonus FROM account WHERE id = '{account}'"));
        }
    }

    [Fact]
    public async Task Sessions_OfTheLedger_WaitForTheDisk()
    {
        var careless = new NpgsqlConnectionStringBuilder(_connectionString) { Options = "-c synchronous_commit=off" };
        await using var dataSource = LedgerDataSource.Create(careless.ConnectionString);
        await using var command = dataSource.CreateCommand("SHOW synchronous_commit");
        Assert.Equal("on", await command.ExecuteScalarAsync(Token));
    }

    private async Task ExecuteAsync(string sql)
    {
        await using var command = _dataSource.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(Token);
    }

    private async Task<T> ScalarAsync<T>(string sql)
    {
        await using var command = _dataSource.CreateCommand(sql);
        return (T)(await command.ExecuteScalarAsync(Token))!;
    }
}
