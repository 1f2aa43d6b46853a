using System.Globalization;
using OrleansGateway.Tests.Integration.Postgres;
using OrleansGateway.Tests.Shared.Ledger;
using Xunit;

namespace OrleansGateway.Tests.Integration.Ledger.Model;

/// <summary>
/// The model of the database that simulations run on does what PostgreSQL does. <c>LEDGER_MODEL_SEED=n</c> runs one seed;
/// <c>LEDGER_MODEL_SEEDS=n</c> runs the first n.
/// </summary>
public sealed class LedgerModelTests(PostgresServer server)
{
    private const int SeedsDefault = 100;
    private const int Steps = 40;

    [Fact]
    public async Task Sequences_OnModelAndPostgres_AreEqual()
    {
        var connectionString = await server.CreateDatabaseAsync("ledger", LedgerDatabase.MigrateAsync);
        await using var sessions = await TwoSessions.OpenAsync(connectionString);
        var tally = new Tally();
        List<string> disagreements = [];
        int? only = Number("LEDGER_MODEL_SEED");
        var seeds = only is { } seed ? [seed] : Enumerable.Range(1, Number("LEDGER_MODEL_SEEDS") ?? SeedsDefault).ToArray();
        foreach (var each in seeds)
        {
            await sessions.ClearAsync();
            var model = new LedgerModel();
            try
            {
                await new Sequence(each, sessions, model, model, tally).RunAsync(Steps);
            }
            catch (DisagreementException e)
            {
                disagreements.Add(e.Message);
            }
        }

        Console.WriteLine($"Ledger model: {seeds.Length} sequences, {tally.Operations} operations\n{tally}");
        Assert.True(disagreements.Count == 0, string.Join("\n\n", disagreements));
        TestContext.Current.TestOutputHelper?.WriteLine(tally.ToString());
    }

    private static int? Number(string variable) =>
        int.TryParse(Environment.GetEnvironmentVariable(variable), CultureInfo.InvariantCulture, out var number) ? number : null;
}
