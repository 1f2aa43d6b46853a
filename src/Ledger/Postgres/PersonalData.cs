using Npgsql;

namespace OrleansGateway.Ledger.Postgres;

/// <summary>Takes what names a person out of an account's rows. Money, ids and times stay: the books add up as before.</summary>
/// <param name="dataSource">From <see cref="LedgerDataSource.Create"/>.</param>
public sealed class PersonalData(NpgsqlDataSource dataSource)
{
    /// <summary>What stands where an address stood and none may be missing.</summary>
    private const string Blank = "-";

    private const int RowsAtOnce = 2_000;

    /// <summary>
    /// Blanks the name of a closed account, those of its keys, their addresses, the addresses of its calls, and both in the audit.
    /// Harmless when it is done again, or by two at once.
    /// </summary>
    /// <param name="accountId">Null where the account stays, as it has other people: only the audit is blanked then.</param>
    /// <param name="personId">Whose addresses the audit has, 32 hexadecimal digits.</param>
    public async Task BlankAsync(string? accountId, string personId, CancellationToken cancellationToken)
    {
        await BlankAuditAsync(accountId ?? "-", personId, cancellationToken);
        if (accountId is null)
        {
            return;
        }

        await RunAsync("UPDATE account SET name = id WHERE id = $1 AND status = 'closed' AND name <> id", cancellationToken, accountId);
        await RunAsync(
            "UPDATE api_key SET name = id, used_from = NULL, addresses = '{}' WHERE account_id = $1 AND (name <> id OR used_from IS NOT NULL OR addresses <> '{}')",
            cancellationToken,
            accountId);
        await BlankCallsAsync(accountId, cancellationToken);
    }

    /// <summary>Blanks the addresses from which a person asked for changes, and what names them in those and in others' of the account.</summary>
    private async Task BlankAuditAsync(string accountId, string personId, CancellationToken cancellationToken)
    {
        // '0' is what follows '/'. Each branch, and each update, is one index' range.
        var asked = await IdsAsync(
            """
            SELECT id FROM audit WHERE phase = 'intent' AND subject = $1
            UNION SELECT id FROM audit WHERE phase = 'intent' AND subject >= $1 || '/' AND subject < $1 || '0'
            UNION SELECT id FROM audit WHERE phase = 'intent' AND subject = 'person/' || $2
            UNION SELECT id FROM audit WHERE phase = 'intent' AND actor_kind = 'person' AND actor_id = $2
            """,
            cancellationToken,
            accountId,
            personId);
        foreach (var few in asked.Chunk(RowsAtOnce))
        {
            await RunAsync(
                $"""
                UPDATE audit SET request = audit_blanked(request), before = audit_blanked(before),
                    address = CASE WHEN actor_kind = 'person' AND actor_id = $2 THEN '{Blank}' ELSE address END
                WHERE id = ANY ($1)
                """,
                cancellationToken,
                few,
                personId);
            await RunAsync(
                "UPDATE audit SET after = audit_blanked(after), failure = audit_blanked(failure) WHERE phase = 'outcome' AND intent_id = ANY ($1)",
                cancellationToken,
                few);
            await RunAsync(
                $"""
                UPDATE audit SET address = '{Blank}' FROM audit asked
                WHERE audit.phase = 'retry' AND audit.intent_id = asked.id AND asked.id = ANY ($1) AND asked.actor_kind = 'person' AND asked.actor_id = $2
                """,
                cancellationToken,
                few,
                personId);
        }
    }

    private async Task<IReadOnlyList<long>> IdsAsync(string sql, CancellationToken cancellationToken, params object[] parameters)
    {
        await using var command = Command(sql, parameters);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var ids = new List<long>();
        while (await reader.ReadAsync(cancellationToken))
        {
            ids.Add(reader.GetInt64(0));
        }

        return ids;
    }

    private async Task BlankCallsAsync(string accountId, CancellationToken cancellationToken)
    {
        // A few at a time, from one place on: each call is looked at once.
        var from = DateTime.MinValue;
        while (true)
        {
            await using var command = dataSource.CreateCommand(
                $"""
                WITH few AS (SELECT at FROM usage WHERE account_id = $1 AND at >= $2 ORDER BY at LIMIT {RowsAtOnce}),
                upto AS (SELECT max(at) AS at, count(*) AS rows FROM few),
                blanked AS (
                    UPDATE usage SET client_address = '{Blank}' FROM upto
                    WHERE account_id = $1 AND usage.at BETWEEN $2 AND upto.at AND client_address <> '{Blank}')
                SELECT at, rows FROM upto
                """);
            command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = accountId });
            command.Parameters.Add(new NpgsqlParameter<DateTime> { TypedValue = DateTime.SpecifyKind(from, DateTimeKind.Utc) });
            await using var reader = await command.ExecuteReaderAsync(cancellationToken);
            await reader.ReadAsync(cancellationToken);
            if (reader.GetInt64(1) < RowsAtOnce)
            {
                return;
            }

            // All rows of one instant are in the same step; a step of one instant alone ends the walk through it.
            var upTo = reader.GetDateTime(0);
            from = upTo > from ? upTo : upTo.AddTicks(TimeSpan.TicksPerMicrosecond);
        }
    }

    private async Task RunAsync(string sql, CancellationToken cancellationToken, params object[] parameters)
    {
        await using var command = Command(sql, parameters);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private NpgsqlCommand Command(string sql, object[] parameters)
    {
        var command = dataSource.CreateCommand(sql);
        foreach (var parameter in parameters)
        {
            command.Parameters.Add(new NpgsqlParameter { Value = parameter });
        }

        return command;
    }
}
