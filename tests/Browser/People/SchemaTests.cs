using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using OrleansGateway.Ledger.Postgres;
using OrleansGateway.Tests.Programs.Postgres;
using OrleansGateway.Web.Accounts;
using Xunit;

namespace OrleansGateway.Tests.Browser.People;

/// <summary>The tables of people are made by numbered SQL and read by a model: both say the same.</summary>
public sealed class SchemaTests(PostgresServer server)
{
    /// <summary>Columns, constraints and indexes of a schema, a line each.</summary>
    private const string Dump =
        """
        SELECT format('%s.%s %s%s%s', c.table_name, c.column_name, c.data_type, CASE c.is_nullable WHEN 'NO' THEN ' not null' END, ' ' || coalesce(c.character_maximum_length::text, '')
            || CASE c.is_identity WHEN 'YES' THEN ' identity' ELSE '' END)
        FROM information_schema.columns c WHERE c.table_schema = 'people' AND c.table_name = ANY ($1)
        UNION ALL
        SELECT format('%s: %s', t.relname, pg_get_constraintdef(k.oid)) FROM pg_constraint k JOIN pg_class t ON t.oid = k.conrelid
        WHERE k.connamespace = 'people'::regnamespace AND k.contype IN ('p', 'u', 'f') AND t.relname = ANY ($1)
        UNION ALL
        SELECT format('%s: %s', i.tablename, regexp_replace(i.indexdef, 'INDEX \S+ ON', 'INDEX ON')) FROM pg_indexes i
        WHERE i.schemaname = 'people' AND i.tablename = ANY ($1)
        ORDER BY 1
        """;

    [Fact]
    public async Task Tables_OfTheMigrations_AreThoseOfTheModel()
    {
        var cancellationToken = TestContext.Current.CancellationToken;
        var migrated = await server.CreateDatabaseAsync();
        var modelled = await server.CreateDatabaseAsync();
        await using (var source = LedgerDataSource.Create(migrated))
        {
            await LedgerMigrator.ApplyAsync(source, cancellationToken);
        }

        await using var context = new PeopleContext(new DbContextOptionsBuilder<PeopleContext>().UseNpgsql(modelled).UseSnakeCaseNamingConvention()
            .UseApplicationServiceProvider(new ServiceCollection().Configure<IdentityOptions>(identity => identity.Stores.SchemaVersion = IdentitySchemaVersions.Version3).BuildServiceProvider())
            .Options);
        await context.Database.ExecuteSqlRawAsync(context.Database.GenerateCreateScript(), cancellationToken);
        string[] tables = [.. context.Model.GetEntityTypes().Select(type => type.GetTableName()!).Distinct()];

        var expected = await DumpAsync(modelled, tables);
        Assert.NotEmpty(expected);
        Assert.Equal(expected, await DumpAsync(migrated, tables));
    }

    private static async Task<List<string>> DumpAsync(string connectionString, string[] tables)
    {
        await using var source = NpgsqlDataSource.Create(connectionString);
        await using var command = source.CreateCommand(Dump);
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = tables });
        await using var reader = await command.ExecuteReaderAsync(TestContext.Current.CancellationToken);
        var lines = new List<string>();
        while (await reader.ReadAsync(TestContext.Current.CancellationToken))
        {
            lines.Add(reader.GetString(0));
        }

        return lines;
    }
}
