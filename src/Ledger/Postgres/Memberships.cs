using Npgsql;

namespace OrleansGateway.Ledger.Postgres;

/// <summary>
/// Which account a person belongs to. A person has one; an account may have several people, of which each is owner or member.
/// </summary>
/// <param name="dataSource">From <see cref="LedgerDataSource.Create"/>.</param>
public sealed class Memberships(NpgsqlDataSource dataSource)
{
    /// <summary>The account of a person; null if there is none.</summary>
    public async Task<string?> AccountOfAsync(Guid personId, CancellationToken cancellationToken)
    {
        await using var command = dataSource.CreateCommand("SELECT account_id FROM people.account_member WHERE person_id = $1");
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = personId });
        return await command.ExecuteScalarAsync(cancellationToken) as string;
    }

    /// <summary>Whether a person has an account and nobody else does.</summary>
    public async Task<bool> IsAloneAsync(Guid personId, CancellationToken cancellationToken)
    {
        await using var command = dataSource.CreateCommand(
            "SELECT count(*) = 1 FROM people.account_member WHERE account_id = (SELECT account_id FROM people.account_member WHERE person_id = $1)");
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = personId });
        return await command.ExecuteScalarAsync(cancellationToken) is true;
    }

    /// <summary>Makes a person who has no account the owner of one.</summary>
    /// <returns>The account that the person has then: the first one stays.</returns>
    public async Task<string> JoinAsync(Guid personId, string accountId, DateTimeOffset now, CancellationToken cancellationToken)
    {
        await using var command = dataSource.CreateCommand(
            """
            INSERT INTO people.account_member (person_id, account_id, role, since) VALUES ($1, $2, 'owner', $3)
            ON CONFLICT (person_id) DO UPDATE SET person_id = excluded.person_id
            RETURNING account_id
            """);
        Add(command, personId, accountId, now);
        return (string)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    /// <summary>Makes a person the owner of an account, whatever account they had.</summary>
    public async Task MoveAsync(Guid personId, string accountId, DateTimeOffset now, CancellationToken cancellationToken)
    {
        await using var command = dataSource.CreateCommand(MoveSql);
        Add(command, personId, accountId, now);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>The person with a confirmed address; null if there is none.</summary>
    public async Task<Guid?> PersonOfAsync(string email, CancellationToken cancellationToken)
    {
        await using var command = dataSource.CreateCommand("SELECT id FROM people.person WHERE normalized_email = upper($1) AND email_confirmed");
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = email });
        return await command.ExecuteScalarAsync(cancellationToken) as Guid?;
    }

    /// <summary>Keeps a link that makes whoever uses it first the owner of an account.</summary>
    /// <param name="hash">SHA-256 of the link's secret.</param>
    public async Task AddLinkAsync(byte[] hash, string accountId, DateTimeOffset now, DateTimeOffset expiresAt, CancellationToken cancellationToken)
    {
        await using var command = dataSource.CreateCommand(
            "INSERT INTO people.owner_link (hash, account_id, created_at, expires_at) VALUES ($1, $2, $3, $4)");
        command.Parameters.Add(new NpgsqlParameter<byte[]> { TypedValue = hash });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = accountId });
        command.Parameters.Add(new NpgsqlParameter<DateTime> { TypedValue = now.UtcDateTime });
        command.Parameters.Add(new NpgsqlParameter<DateTime> { TypedValue = expiresAt.UtcDateTime });
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>Uses a link up.</summary>
    /// <returns>The account; null where the link is unknown, too old, or somebody else's by now.</returns>
    public async Task<string?> UseLinkAsync(byte[] hash, Guid personId, DateTimeOffset now, CancellationToken cancellationToken)
    {
        await using var connection = await dataSource.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        await using var use = new NpgsqlCommand(
            """
            UPDATE people.owner_link SET used_at = $3, person_id = $2
            WHERE hash = $1 AND ((used_at IS NULL AND expires_at > $3) OR person_id = $2)
            RETURNING account_id
            """,
            connection,
            transaction);
        use.Parameters.Add(new NpgsqlParameter<byte[]> { TypedValue = hash });
        use.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = personId });
        use.Parameters.Add(new NpgsqlParameter<DateTime> { TypedValue = now.UtcDateTime });
        if (await use.ExecuteScalarAsync(cancellationToken) is not string accountId)
        {
            return null;
        }

        await using var move = new NpgsqlCommand(MoveSql, connection, transaction);
        Add(move, personId, accountId, now);
        await move.ExecuteNonQueryAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return accountId;
    }

    private const string MoveSql =
        """
        INSERT INTO people.account_member (person_id, account_id, role, since) VALUES ($1, $2, 'owner', $3)
        ON CONFLICT (person_id) DO UPDATE SET account_id = excluded.account_id, role = excluded.role, since = excluded.since
        """;

    private static void Add(NpgsqlCommand command, Guid personId, string accountId, DateTimeOffset now)
    {
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = personId });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = accountId });
        command.Parameters.Add(new NpgsqlParameter<DateTime> { TypedValue = now.UtcDateTime });
    }
}
