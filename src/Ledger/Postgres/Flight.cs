using System.Collections.Immutable;
using System.Text;
using System.Text.Json;
using Npgsql;
using OrleansGateway.Grains.Contracts.Accounts;
using Batch = OrleansGateway.Ledger.Postgres.Column<OrleansGateway.Ledger.AccountBatch>;
using End = OrleansGateway.Ledger.Postgres.Column<OrleansGateway.Ledger.Postgres.Part<OrleansGateway.Ledger.IdempotencyEnd>>;
using Entry = OrleansGateway.Ledger.Postgres.Column<OrleansGateway.Ledger.Postgres.Part<OrleansGateway.Ledger.LedgerEntry>>;
using Key = OrleansGateway.Ledger.Postgres.Column<OrleansGateway.Ledger.Postgres.Part<OrleansGateway.Grains.Contracts.Accounts.KeySettings>>;
using Spend = OrleansGateway.Ledger.Postgres.Column<OrleansGateway.Ledger.Postgres.Part<OrleansGateway.Ledger.KeySpendWrite>>;
using Start = OrleansGateway.Ledger.Postgres.Column<OrleansGateway.Ledger.Postgres.Part<OrleansGateway.Ledger.IdempotencyRow>>;

namespace OrleansGateway.Ledger.Postgres;

/// <summary>The flight's one statement: its text, and its parameters for some batches.</summary>
/// <remarks>
/// Most flights carry charges alone. A small one costs PostgreSQL mainly the statement's set-up, so these have a statement without keys and
/// idempotency.
/// </remarks>
internal static class Flight
{
    private static readonly UTF8Encoding StrictUtf8 = new(false, throwOnInvalidBytes: true);

    private static readonly RowSet<AccountBatch> Batches = new(
        "m",
        Batch.Text("id", b => b.AccountId),
        Batch.Bigint("epoch", b => b.Epoch),
        Batch.Bigint("version", b => b.Version),
        Batch.Bigint("balance_after", b => b.BalanceAfter),
        Batch.Bigint("reserved_after", b => b.ReservedAfter),
        Batch.Bigint("quarantined_after", b => b.QuarantinedAfter),
        Batch.Bigint("bonus_after", b => b.BonusAfter),
        Batch.Bigint("balance_delta", b => b.BalanceDelta),
        Batch.Bigint("reserved_delta", b => b.ReservedDelta),
        Batch.Bigint("quarantined_delta", b => b.QuarantinedDelta),
        Batch.Bigint("bonus_delta", b => b.BonusDelta),
        Batch.Bigint("entries", b => b.Entries.Length),
        Batch.Bigint("last_seq", b => b.Entries.IsEmpty ? 0 : b.Entries[^1].Seq),
        Batch.Boolean("read_only", b => b.IsReadOnly),
        Batch.Text("status", b => b.Status is { } status ? Names.AccountStatuses[status] : null),
        Batch.Boolean("sets_limits", b => b.Limits is not null),
        Batch.OptionalBigint("requests_per_minute", b => b.Limits?.RequestsPerMinute),
        Batch.OptionalBigint("tokens_per_minute", b => b.Limits?.TokensPerMinute),
        Batch.OptionalBigint("concurrency", b => b.Limits?.Concurrency));

    private static readonly RowSet<Part<LedgerEntry>> Entries = new(
        "e",
        Entry.Bigint("n", p => p.N),
        Entry.Bigint("seq", p => p.Row.Seq),
        Entry.Text("kind", p => Names.Kinds[p.Row.Kind]),
        Entry.Bigint("amount", p => p.Row.Amount),
        Entry.Bigint("shortfall", p => p.Row.Shortfall),
        Entry.Bigint("balance_after", p => p.Row.BalanceAfter),
        Entry.Text("ref", p => p.Row.Ref),
        Entry.Text("closed_by", p => p.Row.ClosedBy is { } by ? Names.Closers[by] : null),
        Entry.Time("at", p => p.Row.At));

    private static readonly RowSet<Part<KeySettings>> Keys = new(
        "k",
        Key.Bigint("n", p => p.N),
        Key.Text("id", p => p.Row.KeyId),
        Key.Bytes("hash", p => p.Row.Hash.ToBytes()),
        Key.Text("name", p => p.Row.Name),
        Key.Text("status", p => Names.KeyStatuses[p.Row.Status]),
        Key.OptionalTime("expires_at", p => p.Row.ExpiresAt),
        Key.Text("models", p => Json(p.Row.Models)),
        Key.Text("addresses", p => Json(p.Row.Addresses)),
        Key.OptionalBigint("cap_total", p => p.Row.Caps.TotalNanos),
        Key.OptionalBigint("cap_day", p => p.Row.Caps.DayNanos),
        Key.OptionalBigint("cap_week", p => p.Row.Caps.WeekNanos),
        Key.OptionalBigint("cap_month", p => p.Row.Caps.MonthNanos),
        Key.OptionalBigint("requests_per_minute", p => p.Row.Limits.RequestsPerMinute),
        Key.OptionalBigint("tokens_per_minute", p => p.Row.Limits.TokensPerMinute),
        Key.OptionalBigint("concurrency", p => p.Row.Limits.Concurrency),
        Key.Boolean("show_cost", p => p.Row.ShowCost));

    private static readonly RowSet<Part<KeySpendWrite>> Spends = new(
        "s",
        Spend.Bigint("n", p => p.N),
        Spend.Text("id", p => p.Row.KeyId),
        Spend.Bigint("spent_total", p => p.Row.Spend.TotalNanos),
        Spend.Date("day", p => p.Row.Spend.Day),
        Spend.Bigint("spent_day", p => p.Row.Spend.DayNanos),
        Spend.Date("week", p => p.Row.Spend.Week),
        Spend.Bigint("spent_week", p => p.Row.Spend.WeekNanos),
        Spend.Date("month", p => p.Row.Spend.Month),
        Spend.Bigint("spent_month", p => p.Row.Spend.MonthNanos),
        Spend.Time("used_at", p => p.Row.UsedAt),
        Spend.Text("used_from", p => p.Row.UsedFrom));

    private static readonly RowSet<Part<IdempotencyRow>> Starts = new(
        "i",
        Start.Bigint("n", p => p.N),
        Start.Text("key", p => p.Row.Key),
        Start.Bytes("body_hash", p => p.Row.BodyHash.ToBytes()),
        Start.Text("hold_id", p => p.Row.HoldId),
        Start.Text("state", p => Names.IdempotencyStates[p.Row.State]),
        Start.Bigint("charge", p => p.Row.Charge),
        Start.Time("at", p => p.Row.At));

    private static readonly RowSet<Part<IdempotencyEnd>> Ends = new(
        "x",
        End.Bigint("n", p => p.N),
        End.Text("hold_id", p => p.Row.HoldId),
        End.Text("state", p => Names.IdempotencyStates[p.Row.State]),
        End.Bigint("charge", p => p.Row.Charge));

    /// <summary>A statement changes a row once.</summary>
    private const string SetKeysAreBelow = "AND NOT EXISTS (SELECT FROM k WHERE k.n = s.n AND k.id = s.id)";

    private const string KeysAndIdempotency =
        """
        , keyed AS (
            INSERT INTO api_key AS t (account_id, id, hash, name, status, expires_at, models, addresses, cap_total, cap_day,
                cap_week, cap_month, requests_per_minute, tokens_per_minute, concurrency, show_cost, spent_total, day, spent_day,
                week, spent_week, month, spent_month, used_at, used_from)
            SELECT moved.id, k.id, k.hash, k.name, k.status, k.expires_at,
                ARRAY(SELECT jsonb_array_elements_text(k.models::jsonb)),
                ARRAY(SELECT jsonb_array_elements_text(k.addresses::jsonb)),
                k.cap_total, k.cap_day, k.cap_week, k.cap_month, k.requests_per_minute, k.tokens_per_minute, k.concurrency,
                k.show_cost, coalesce(s.spent_total, 0), coalesce(s.day, '-infinity'), coalesce(s.spent_day, 0),
                coalesce(s.week, '-infinity'), coalesce(s.spent_week, 0), coalesce(s.month, '-infinity'),
                coalesce(s.spent_month, 0), s.used_at, s.used_from
            FROM k JOIN moved ON moved.n = k.n LEFT JOIN s ON s.n = k.n AND s.id = k.id
            ON CONFLICT (account_id, id) DO UPDATE SET
                name = excluded.name, status = excluded.status, expires_at = excluded.expires_at, models = excluded.models,
                addresses = excluded.addresses, cap_total = excluded.cap_total, cap_day = excluded.cap_day,
                cap_week = excluded.cap_week, cap_month = excluded.cap_month,
                requests_per_minute = excluded.requests_per_minute, tokens_per_minute = excluded.tokens_per_minute,
                concurrency = excluded.concurrency, show_cost = excluded.show_cost,
                (spent_total, day, spent_day, week, spent_week, month, spent_month, used_at, used_from) = (SELECT
                    CASE WHEN unspent THEN t.spent_total ELSE excluded.spent_total END,
                    CASE WHEN unspent THEN t.day ELSE excluded.day END,
                    CASE WHEN unspent THEN t.spent_day ELSE excluded.spent_day END,
                    CASE WHEN unspent THEN t.week ELSE excluded.week END,
                    CASE WHEN unspent THEN t.spent_week ELSE excluded.spent_week END,
                    CASE WHEN unspent THEN t.month ELSE excluded.month END,
                    CASE WHEN unspent THEN t.spent_month ELSE excluded.spent_month END,
                    coalesce(excluded.used_at, t.used_at), coalesce(excluded.used_from, t.used_from)
                    FROM (VALUES (excluded.used_at IS NULL)) AS v(unspent)))
        , started AS (
            INSERT INTO idempotency (account_id, key, body_hash, hold_id, state, charge, at)
            SELECT moved.id, i.key, i.body_hash, i.hold_id, coalesce(x.state, i.state), coalesce(x.charge, i.charge), i.at
            FROM i JOIN moved ON moved.n = i.n LEFT JOIN x ON x.n = i.n AND x.hold_id = i.hold_id
            ON CONFLICT (account_id, key) DO UPDATE SET body_hash = excluded.body_hash, hold_id = excluded.hold_id,
                state = excluded.state, charge = excluded.charge, at = excluded.at)
        , ended AS (
            UPDATE idempotency t SET state = x.state, charge = x.charge
            FROM x JOIN moved ON moved.n = x.n
            WHERE t.account_id = moved.id AND t.hold_id = x.hold_id
                AND NOT EXISTS (SELECT FROM i WHERE i.n = x.n AND i.key = t.key)) -- replaced above
        """;

    private static readonly string Sql = Text(isPlain: false);

    private static readonly string PlainSql = Text(isPlain: true);

    /// <summary>
    /// Answers the places, from 1, of the batches that it applied. Rows are locked in the order of their ids, or flights
    /// would deadlock; after a wait the lock's own look at the row, and the UPDATE's, compare what is there by then.
    /// </summary>
    private static string Text(bool isPlain) => Inputs(isPlain) +
        $$"""
        , mine AS (
            SELECT m.*, m.ordinal AS n, a.balance, a.reserved, a.quarantined, a.bonus
            FROM account a JOIN m ON m.id = a.id
            WHERE a.epoch = m.epoch AND a.version = m.version
            ORDER BY a.id FOR NO KEY UPDATE OF a)
        , moved AS (
            UPDATE account a SET
                version = a.version + 1,
                seq = CASE WHEN m.entries = 0 THEN a.seq WHEN a.seq + m.entries = m.last_seq THEN m.last_seq
                    ELSE account_disagrees(a.id, 'seq') END,
                balance = CASE WHEN a.balance + m.balance_delta = m.balance_after THEN m.balance_after
                    ELSE account_disagrees(a.id, 'balance') END,
                reserved = CASE WHEN a.reserved + m.reserved_delta = m.reserved_after THEN m.reserved_after
                    ELSE account_disagrees(a.id, 'reserved') END,
                quarantined = CASE WHEN a.quarantined + m.quarantined_delta = m.quarantined_after THEN m.quarantined_after
                    ELSE account_disagrees(a.id, 'quarantined') END,
                bonus = CASE WHEN a.bonus + m.bonus_delta = m.bonus_after THEN m.bonus_after
                    ELSE account_disagrees(a.id, 'bonus') END,
                status = coalesce(m.status, a.status),
                requests_per_minute = CASE WHEN m.sets_limits THEN m.requests_per_minute ELSE a.requests_per_minute END,
                tokens_per_minute = CASE WHEN m.sets_limits THEN m.tokens_per_minute ELSE a.tokens_per_minute END,
                concurrency = CASE WHEN m.sets_limits THEN m.concurrency ELSE a.concurrency END
            FROM mine m
            WHERE a.id = m.id AND a.epoch = m.epoch AND a.version = m.version AND NOT m.read_only
            RETURNING m.n, a.id)
        , entered AS (
            INSERT INTO ledger (account_id, {{Entries.Inserted().Columns}})
            SELECT moved.id, {{Entries.Inserted().Values}} FROM e JOIN moved ON moved.n = e.n)
        , used AS (
            INSERT INTO usage (account_id, {{UsageColumns.Sent.Inserted().Columns}})
            SELECT moved.id, {{UsageColumns.Sent.Inserted().Values}} FROM u JOIN moved ON moved.n = u.n)
        , spent AS (
            UPDATE api_key t SET
                spent_total = s.spent_total, day = s.day, spent_day = s.spent_day, week = s.week, spent_week = s.spent_week,
                month = s.month, spent_month = s.spent_month, used_at = s.used_at, used_from = s.used_from
            FROM s JOIN moved ON moved.n = s.n
            WHERE t.account_id = moved.id AND t.id = s.id {{(isPlain ? "" : SetKeysAreBelow)}})
        {{(isPlain ? "" : KeysAndIdempotency)}}
        SELECT n FROM moved
        UNION ALL
        SELECT n FROM mine WHERE read_only AND CASE
            WHEN (balance, reserved, quarantined, bonus) = (balance_after, reserved_after, quarantined_after, bonus_after) THEN true
            ELSE account_disagrees(id, 'money') IS NULL END
        """;

    private static string Inputs(bool isPlain)
    {
        var parameters = 0;
        var inputs = new List<string>
        {
            Batches.Sql(ref parameters),
            Entries.Sql(ref parameters),
            UsageColumns.Sent.Sql(ref parameters),
            Spends.Sql(ref parameters),
        };
        if (!isPlain)
        {
            inputs.AddRange([Keys.Sql(ref parameters), Starts.Sql(ref parameters), Ends.Sql(ref parameters)]);
        }

        return "WITH " + string.Join(", ", inputs);
    }

    /// <summary>The statement for some batches, with its parameters.</summary>
    public static NpgsqlCommand CommandFor(NpgsqlConnection connection, ImmutableArray<AccountBatch> batches)
    {
        var isPlain = batches.All(static b => b.Keys.IsEmpty && b.IdempotencyStarts.IsEmpty && b.IdempotencyEnds.IsEmpty);
        var command = new NpgsqlCommand(isPlain ? PlainSql : Sql, connection);
        var parameters = command.Parameters;
        Batches.Bind(parameters, [.. batches]);
        Entries.Bind(parameters, Flatten(batches, static b => b.Entries));
        UsageColumns.Sent.Bind(parameters, Flatten(batches, static b => b.Usage));
        Spends.Bind(parameters, Flatten(batches, static b => b.KeySpends));
        if (!isPlain)
        {
            Keys.Bind(parameters, Flatten(batches, static b => Latest(b.Keys)));
            Starts.Bind(parameters, Flatten(batches, static b => b.IdempotencyStarts));
            Ends.Bind(parameters, Flatten(batches, static b => b.IdempotencyEnds));
        }

        return command;
    }

    private static Part<T>[] Flatten<T>(ImmutableArray<AccountBatch> batches, Func<AccountBatch, ImmutableArray<T>> rows)
    {
        var count = 0;
        foreach (var batch in batches)
        {
            count += rows(batch).Length;
        }

        var parts = new Part<T>[count];
        var next = 0;
        for (var i = 0; i < batches.Length; i++)
        {
            foreach (var row in rows(batches[i]))
            {
                parts[next++] = new Part<T>(i + 1, row);
            }
        }

        return parts;
    }

    /// <summary>A key that was set twice in one flight: as it was last set, with the hash that it was created with.</summary>
    private static ImmutableArray<KeySettings> Latest(ImmutableArray<KeySettings> keys) =>
        keys.Length < 2
            ? keys
            : [.. keys.GroupBy(key => key.KeyId, StringComparer.Ordinal).Select(same => same.Last() with { Hash = same.First().Hash })];

    /// <summary>JSON would quietly replace what is not valid Unicode; a text of its own is refused then.</summary>
    private static string Json(ImmutableArray<string> texts)
    {
        foreach (var text in texts)
        {
            StrictUtf8.GetByteCount(text);
        }

        return JsonSerializer.Serialize(texts);
    }

    /// <summary>Refuses a batch whose rows do not add up to what it claims; the statement compares the claim with the row.</summary>
    /// <exception cref="LedgerDataException">It does not add up.</exception>
    public static void Check(AccountBatch batch)
    {
        if (batch.IsReadOnly
            && !(batch is { BalanceDelta: 0, ReservedDelta: 0, QuarantinedDelta: 0, BonusDelta: 0, Status: null, Limits: null }
                && batch.Entries.IsEmpty && batch.Usage.IsEmpty && batch.Keys.IsEmpty && batch.KeySpends.IsEmpty
                && batch.IdempotencyStarts.IsEmpty && batch.IdempotencyEnds.IsEmpty))
        {
            throw new LedgerDataException($"account {batch.AccountId}: a read-only batch changes something");
        }

        // One statement writes a row once.
        if (IsTwice(batch.KeySpends, static s => s.KeyId)
            || IsTwice(batch.IdempotencyStarts, static s => s.Key)
            || IsTwice(batch.IdempotencyEnds, static e => e.HoldId))
        {
            throw new LedgerDataException($"account {batch.AccountId}: a batch writes a row twice");
        }

        // The same 128-bit arithmetic for all: a sum that does not fit is one that differs.
        Int128 balance = (Int128)batch.BalanceAfter - batch.BalanceDelta;
        for (var i = 0; i < batch.Entries.Length; i++)
        {
            var entry = batch.Entries[i];
            balance += entry.Amount;
            if (entry.BalanceAfter != balance || entry.Seq != batch.Entries[0].Seq + i)
            {
                throw new LedgerDataException($"account {batch.AccountId}: ledger row {entry.Seq} does not follow from the one before");
            }
        }

        if (balance != batch.BalanceAfter)
        {
            throw new LedgerDataException($"account {batch.AccountId}: the batch's rows do not add up to its change of balance");
        }
    }

    private static bool IsTwice<T>(ImmutableArray<T> rows, Func<T, string> id) =>
        rows.Length > 1 && rows.DistinctBy(id, StringComparer.Ordinal).Count() < rows.Length;
}
