using System.Globalization;
using OrleansGateway.Tests.Programs.Postgres;
using OrleansGateway.Tests.Shared.Ledger;
using Xunit;

namespace OrleansGateway.Tests.Integration.Ledger.Model;

/// <summary>
/// The model of the database that simulations run on does what PostgreSQL does. <c>LEDGER_MODEL_SEED=n</c> runs one seed,
/// <c>LEDGER_MODEL_SEEDS=n</c> the first n.
/// </summary>
public sealed class LedgerModelTests(PostgresServer server) : IAsyncLifetime
{
    private const int SeedsDefault = 120;

    /// <summary>Within so many seeds a defect is noticed.</summary>
    private const int SeedsUntilNoticed = 40;

    private const int Steps = 40;

    private static readonly string[] Operations =
    [
        "create", "create again", "activate", "activate again", "activate nobody", "flight", "flight of several accounts",
        "an earlier flight again", "find entries", "find idempotency",
    ];

    private static readonly string[] Interleavings =
    [
        "held at its commit", "read beside one that is held", "read waits for one that is held", "answered beside one that is held",
        "blocked resend, first committed", "blocked resend, first cancelled", "blocked resend, first its backend ended",
        "blocked other, first committed", "blocked other, first cancelled", "blocked other, first its backend ended",
        "nothing blocked, first committed", "nothing blocked, first cancelled", "nothing blocked, first its backend ended",
    ];

    public static TheoryData<Defect> Defects => [.. Enum.GetValues<Defect>()];

    private string _connectionString = "";
    private TwoSessions _sessions = null!;

    public async ValueTask InitializeAsync()
    {
        _connectionString = await server.CreateDatabaseAsync("ledger", LedgerDatabase.MigrateAsync);
        _sessions = await TwoSessions.OpenAsync(_connectionString);
    }

    public async ValueTask DisposeAsync()
    {
        await _sessions.DisposeAsync();
        await server.DropDatabaseAsync(_connectionString);
    }

    [Fact]
    public async Task Sequences_OnModelAndPostgres_AreEqual()
    {
        var tally = new Tally();
        var only = Number("LEDGER_MODEL_SEED");
        int[] seeds = only is { } seed ? [seed] : [.. Enumerable.Range(1, Number("LEDGER_MODEL_SEEDS") ?? SeedsDefault)];
        List<string> disagreements = [];
        foreach (var each in seeds)
        {
            if (await DisagreementAsync(each, tally) is { } disagreement)
            {
                disagreements.Add(disagreement);
            }
        }

        Console.WriteLine($"Ledger model: {seeds.Length} sequences, {tally.Operations} operations\n{tally}");
        Assert.True(disagreements.Count == 0, string.Join("\n\n", disagreements));
        if (only is null)
        {
            string[] expected =
            [
                .. Operations, .. Interleavings, .. Tally.AllChanges, .. Flaws.All.Select(static f => Tally.Of(f, f.Expected)),
            ];
            var missed = expected.Where(what => tally[what] == 0).ToList();
            Assert.True(missed.Count == 0, "Never reached: " + string.Join("; ", missed));
        }
    }

    [Theory]
    [MemberData(nameof(Defects))]
    public async Task Sequences_DefectInTheModel_IsNoticed(Defect defect)
    {
        for (var seed = 1; seed <= SeedsUntilNoticed; seed++)
        {
            if (await DisagreementAsync(seed, new Tally(), defect) is not null)
            {
                return;
            }
        }

        Assert.Fail($"{defect} went unnoticed.");
    }

    [Theory]
    [InlineData("ALTER TABLE ledger DROP CONSTRAINT ledger_ref")]
    [InlineData("ALTER TABLE account DROP CONSTRAINT account_money")]
    [InlineData("ALTER TABLE idempotency DROP CONSTRAINT idempotency_hold")]
    public async Task Sequences_DefectInTheSchema_IsNoticed(string change)
    {
        await _sessions.ControlAsync(change);
        for (var seed = 1; seed <= SeedsUntilNoticed; seed++)
        {
            if (await DisagreementAsync(seed, new Tally()) is not null)
            {
                return;
            }
        }

        Assert.Fail("It went unnoticed.");
    }

    private async Task<string?> DisagreementAsync(int seed, Tally tally, Defect? defect = null)
    {
        await _sessions.ClearAsync();
        var model = new LedgerModel();
        try
        {
            await new Sequence(seed, _sessions, model, defect is { } wrong ? new WrongLedger(model, wrong) : model, tally).RunAsync(Steps);
            return null;
        }
        catch (DisagreementException e)
        {
            return e.Message;
        }
    }

    private static int? Number(string variable) =>
        int.TryParse(Environment.GetEnvironmentVariable(variable), CultureInfo.InvariantCulture, out var number) ? number : null;
}
