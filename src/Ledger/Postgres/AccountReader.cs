using System.Collections.Immutable;
using Npgsql;
using OrleansGateway.Grains.Contracts;
using OrleansGateway.Grains.Contracts.Accounts;

namespace OrleansGateway.Ledger.Postgres;

/// <summary>Turns rows into our records. Each method reads the columns of the statement beside it.</summary>
internal static class AccountReader
{
    public const string AccountSql =
        """
        SELECT id, name, status, requests_per_minute, tokens_per_minute, concurrency, epoch, version, seq, balance, reserved,
            quarantined, earlier_process, bonus
        FROM account WHERE id = $1
        """;

    public const string KeysSql = $"{KeyColumns} WHERE account_id = $1 ORDER BY id";

    public const string KeysPageSql = $"{KeyColumns} WHERE account_id = $1 AND id > $2 ORDER BY id LIMIT $3";

    private const string KeyColumns =
        """
        SELECT id, hash, name, status, expires_at, models, addresses, cap_total, cap_day, cap_week, cap_month,
            requests_per_minute, tokens_per_minute, concurrency, show_cost, spent_total, day, spent_day, week, spent_week,
            month, spent_month, used_at, used_from
        FROM api_key
        """;

    public static AccountRow Account(NpgsqlDataReader reader) => new()
    {
        AccountId = reader.GetString(0),
        Name = reader.GetString(1),
        Status = Names.AccountStatuses[reader.GetString(2)],
        Limits = Limits(reader, 3),
        Epoch = reader.GetInt64(6),
        Version = reader.GetInt64(7),
        Seq = reader.GetInt64(8),
        Balance = reader.GetInt64(9),
        Reserved = reader.GetInt64(10),
        Quarantined = reader.GetInt64(11),
        Bonus = reader.GetInt64(13),
    };

    public static string? EarlierProcess(NpgsqlDataReader reader) => reader.IsDBNull(12) ? null : reader.GetString(12);

    public static KeyRow Key(NpgsqlDataReader reader) => new(
        new KeySettings
        {
            KeyId = reader.GetString(0),
            Hash = Sha256Hash.FromBytes(reader.GetFieldValue<byte[]>(1)),
            Name = reader.GetString(2),
            Status = Names.KeyStatuses[reader.GetString(3)],
            ExpiresAt = reader.IsDBNull(4) ? null : reader.GetFieldValue<DateTimeOffset>(4),
            Models = ImmutableArray.Create(reader.GetFieldValue<string[]>(5)),
            Addresses = ImmutableArray.Create(reader.GetFieldValue<string[]>(6)),
            Caps = new SpendCaps(Optional(reader, 7), Optional(reader, 8), Optional(reader, 9), Optional(reader, 10)),
            Limits = Limits(reader, 11),
            ShowCost = reader.GetBoolean(14),
        },
        new KeySpend(
            reader.GetInt64(15),
            reader.GetFieldValue<DateOnly>(16),
            reader.GetInt64(17),
            reader.GetFieldValue<DateOnly>(18),
            reader.GetInt64(19),
            reader.GetFieldValue<DateOnly>(20),
            reader.GetInt64(21)));

    public static KeyListing KeyListing(NpgsqlDataReader reader)
    {
        var key = Key(reader);
        return new KeyListing(
            key.Settings,
            key.Spend,
            reader.IsDBNull(22) ? null : reader.GetFieldValue<DateTimeOffset>(22),
            reader.IsDBNull(23) ? null : reader.GetString(23));
    }

    /// <summary>Columns: seq, kind, amount, shortfall, balance_after, ref, closed_by, at.</summary>
    public static LedgerEntry Entry(NpgsqlDataReader reader) => new(
        reader.GetInt64(0),
        Names.Kinds[reader.GetString(1)],
        reader.GetInt64(2),
        reader.GetInt64(3),
        reader.GetInt64(4),
        reader.GetString(5),
        reader.IsDBNull(6) ? null : Names.Closers[reader.GetString(6)],
        reader.GetFieldValue<DateTimeOffset>(7));

    private static RateLimits Limits(NpgsqlDataReader reader, int first) =>
        new(Optional(reader, first), Optional(reader, first + 1), Optional(reader, first + 2));

    private static long? Optional(NpgsqlDataReader reader, int column) =>
        reader.IsDBNull(column) ? null : reader.GetInt64(column);
}
