using Npgsql;

namespace OrleansGateway.Ledger.Postgres;

/// <summary>How much an announcement matters.</summary>
public enum AnnouncementLevel
{
    Notice,
    Warning,
    Urgent,
}

/// <summary>What site and console tell everybody.</summary>
public sealed record Announcement
{
    /// <summary>12 letters and digits.</summary>
    public required string AnnouncementId { get; init; }

    public required AnnouncementLevel Level { get; init; }

    public required DateTimeOffset From { get; init; }

    /// <summary>When it ends; null: when it is withdrawn.</summary>
    public DateTimeOffset? To { get; init; }

    public required string English { get; init; }
    public required string Chinese { get; init; }
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>Null unless it is withdrawn.</summary>
    public DateTimeOffset? WithdrawnAt { get; init; }
}

/// <summary>The announcements' rows.</summary>
/// <param name="dataSource">From <see cref="LedgerDataSource.Create"/>.</param>
public sealed class Announcements(NpgsqlDataSource dataSource)
{
    /// <summary>More at once would be no announcements any more.</summary>
    private const int ShownMax = 5;

    private const string Columns = "number, id, level, starts_at, ends_at, english, chinese, created_at, withdrawn_at";

    /// <summary>Adds one; of one that is there nothing is changed.</summary>
    public async Task AddAsync(Announcement announcement, CancellationToken cancellationToken)
    {
        await using var command = dataSource.CreateCommand(
            """
            INSERT INTO announcement (id, level, starts_at, ends_at, english, chinese, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)
            ON CONFLICT (id) DO NOTHING
            """);
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = announcement.AnnouncementId });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = LevelName(announcement.Level) });
        command.Parameters.Add(new NpgsqlParameter<DateTime> { TypedValue = announcement.From.UtcDateTime });
        command.Parameters.Add(new NpgsqlParameter<DateTime?> { TypedValue = announcement.To?.UtcDateTime });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = announcement.English });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = announcement.Chinese });
        command.Parameters.Add(new NpgsqlParameter<DateTime> { TypedValue = announcement.CreatedAt.UtcDateTime });
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>One; null if there is none.</summary>
    public async Task<Announcement?> FindAsync(string id, CancellationToken cancellationToken)
    {
        await using var command = dataSource.CreateCommand($"SELECT {Columns} FROM announcement WHERE id = $1");
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = id });
        return (await ReadAsync(command, cancellationToken)).Select(static row => row.Announcement).SingleOrDefault();
    }

    /// <summary>Withdraws one; the time of one that is withdrawn stays.</summary>
    public async Task WithdrawAsync(string id, DateTimeOffset now, CancellationToken cancellationToken)
    {
        await using var command = dataSource.CreateCommand("UPDATE announcement SET withdrawn_at = $2 WHERE id = $1 AND withdrawn_at IS NULL");
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = id });
        command.Parameters.Add(new NpgsqlParameter<DateTime> { TypedValue = now.UtcDateTime });
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>Those to be shown at a time, what matters most first.</summary>
    public async Task<IReadOnlyList<Announcement>> InForceAsync(DateTimeOffset at, CancellationToken cancellationToken)
    {
        await using var command = dataSource.CreateCommand(
            $"""
            SELECT {Columns} FROM announcement
            WHERE withdrawn_at IS NULL AND starts_at <= $1 AND (ends_at IS NULL OR ends_at > $1)
            ORDER BY array_position(ARRAY['urgent', 'warning', 'notice'], level), number DESC LIMIT {ShownMax}
            """);
        command.Parameters.Add(new NpgsqlParameter<DateTime> { TypedValue = at.UtcDateTime });
        return [.. (await ReadAsync(command, cancellationToken)).Select(static row => row.Announcement)];
    }

    /// <summary>All of them, newest first.</summary>
    /// <param name="before">The number of the last one of the page before; null for the first page.</param>
    /// <param name="limit">At most so many.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public async Task<IReadOnlyList<(long Number, Announcement Announcement)>> ListAsync(long? before, int limit, CancellationToken cancellationToken)
    {
        await using var command = dataSource.CreateCommand($"SELECT {Columns} FROM announcement WHERE number < $1 ORDER BY number DESC LIMIT $2");
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = before ?? long.MaxValue });
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = limit });
        return await ReadAsync(command, cancellationToken);
    }

    private static async Task<List<(long Number, Announcement Announcement)>> ReadAsync(NpgsqlCommand command, CancellationToken cancellationToken)
    {
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var rows = new List<(long, Announcement)>();
        while (await reader.ReadAsync(cancellationToken))
        {
            rows.Add((reader.GetInt64(0), new Announcement
            {
                AnnouncementId = reader.GetString(1),
                Level = Enum.Parse<AnnouncementLevel>(reader.GetString(2), ignoreCase: true),
                From = reader.GetFieldValue<DateTimeOffset>(3),
                To = reader.IsDBNull(4) ? null : reader.GetFieldValue<DateTimeOffset>(4),
                English = reader.GetString(5),
                Chinese = reader.GetString(6),
                CreatedAt = reader.GetFieldValue<DateTimeOffset>(7),
                WithdrawnAt = reader.IsDBNull(8) ? null : reader.GetFieldValue<DateTimeOffset>(8),
            }));
        }

        return rows;
    }

    private static string LevelName(AnnouncementLevel level) => level switch
    {
        AnnouncementLevel.Notice => "notice",
        AnnouncementLevel.Warning => "warning",
        AnnouncementLevel.Urgent => "urgent",
        _ => throw new ArgumentOutOfRangeException(nameof(level)),
    };
}
