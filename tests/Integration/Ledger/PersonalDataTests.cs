using OrleansGateway.Ledger.Postgres;
using Xunit;

namespace OrleansGateway.Tests.Integration.Ledger;

/// <summary>What names a person goes out of the audit; what names others stays.</summary>
public sealed class PersonalDataTests(LedgerDatabase database) : IClassFixture<LedgerDatabase>
{
    private const string Person = "00000000000000000000000000000001";

    [Fact]
    public async Task Blank_OfAPerson_TakesTheirAddressesAndNamesOutOfIntentsRetriesAndOutcomes()
    {
        // More than are done at once; a subject that begins alike is another account's.
        await AddAsync(2_500, "person", Person, "Account00001/Key000000001");
        await AddAsync(1, "person", Person, "person/x");
        await AddAsync(1, "operator", "root", "Account00001");
        await AddAsync(1, "operator", "root", $"person/{Person}");
        await AddAsync(1, "operator", "root", "Account000012");
        await AddAsync(1, "person", "other", "Account00002/Key000000001");

        await new PersonalData(database.DataSource).BlankAsync("Account00001", Person, TestContext.Current.CancellationToken);

        Assert.Equal(2_501L, await CountAsync("phase = 'intent' AND address = '-'"));
        Assert.Equal(2_501L, await CountAsync("phase = 'retry' AND address = '-'"));
        Assert.Equal(2L, await CountAsync("phase = 'intent' AND request->>'name' = 'Ada'"));
        Assert.Equal(2L, await CountAsync("phase = 'outcome' AND after->>'name' = 'Ada'"));
        Assert.Equal(4L, await CountAsync("phase = 'retry' AND address = '192.0.2.1'"));
    }

    private Task<long> CountAsync(string which) => database.ScalarAsync<long>($"SELECT count(*) FROM audit WHERE {which}");

    private Task AddAsync(int count, string actorKind, string actorId, string subject) => database.ExecuteAsync(
        $$"""
        WITH asked AS (
            INSERT INTO audit (at, phase, address, actor_kind, actor_id, request_id, action, subject, request)
            SELECT now(), 'intent', '192.0.2.1', '{{actorKind}}', '{{actorId}}', '{{subject}}' || n, 'test', '{{subject}}', '{"name": "Ada"}'
            FROM generate_series(1, {{count}}) n RETURNING id),
        again AS (INSERT INTO audit (at, phase, address, intent_id) SELECT now(), 'retry', '192.0.2.1', id FROM asked)
        INSERT INTO audit (at, phase, intent_id, outcome, after) SELECT now(), 'outcome', id, 'done', '{"name": "Ada"}' FROM asked
        """);
}
