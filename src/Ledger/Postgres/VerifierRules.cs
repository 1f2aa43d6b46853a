using System.Collections.Immutable;

namespace OrleansGateway.Ledger.Postgres;

/// <summary>The rules as statements that find what breaks them: account id and detail, a row a breach.</summary>
internal static class VerifierRules
{
    /// <summary>Columns as <see cref="VerifyReport"/> is filled from them. $1: the latest activation whose quarantine is over.</summary>
    public const string Sums =
        """
        SELECT a.*, l.*, (SELECT count(*) FROM usage), (SELECT count(*) FROM api_key), (SELECT count(*) FROM idempotency),
            (SELECT purged_before FROM usage_purge)
        FROM (SELECT count(*), coalesce(sum(balance), 0), coalesce(sum(reserved), 0), coalesce(sum(quarantined), 0),
                coalesce(sum(quarantined) FILTER (WHERE activated_at < $1), 0) FROM account) a,
            (SELECT count(*), coalesce(-sum(amount) FILTER (WHERE kind = 'charge'), 0), coalesce(sum(shortfall), 0) FROM ledger) l
        """;

    private static readonly string TotalKey = UsageColumns.Each(UsageColumns.GroupedBy);

    /// <summary>Days whose usage is still there.</summary>
    private const string KeptDays =
        "(SELECT d.* FROM usage_day d LEFT JOIN usage_purge p ON true WHERE p.purged_before IS NULL OR d.day >= p.purged_before::date) k";

    public static readonly ImmutableArray<VerifierRule> All =
    [
        new("balance is the sum of the ledger",
            """
            SELECT a.id, format('balance %s, ledger %s', a.balance, coalesce(l.total, 0))
            FROM account a LEFT JOIN (SELECT account_id, sum(amount) AS total FROM ledger GROUP BY account_id) l ON l.account_id = a.id
            WHERE a.balance <> coalesce(l.total, 0)
            """),
        new("balance_after is the running sum",
            """
            SELECT account_id, format('seq %s: balance_after %s, sum %s', seq, balance_after, total)
            FROM (SELECT account_id, seq, balance_after,
                sum(amount) OVER (PARTITION BY account_id ORDER BY seq ROWS UNBOUNDED PRECEDING) AS total FROM ledger) l
            WHERE balance_after <> total
            """),
        new("seq has no gaps",
            """
            SELECT account_id, format('seq %s at place %s', seq, place)
            FROM (SELECT account_id, seq, row_number() OVER (PARTITION BY account_id ORDER BY seq) AS place FROM ledger) l
            WHERE seq <> place
            """),
        new("account.seq counts the ledger rows",
            """
            SELECT a.id, format('account.seq %s, rows %s', a.seq, coalesce(l.rows, 0))
            FROM account a LEFT JOIN (SELECT account_id, count(*) AS rows FROM ledger GROUP BY account_id) l ON l.account_id = a.id
            WHERE a.seq <> coalesce(l.rows, 0)
            """),
        new("amount has its kind's sign",
            """
            SELECT account_id, format('seq %s: %s of %s', seq, kind, amount) FROM ledger
            WHERE CASE kind WHEN 'charge' THEN amount > 0 WHEN 'topup' THEN amount <= 0 WHEN 'bonus' THEN amount <= 0
                WHEN 'compensation' THEN amount <= 0 WHEN 'refund' THEN amount >= 0 WHEN 'adjustment' THEN amount = 0
                WHEN 'chargeback' THEN amount > 0 OR amount >= shortfall ELSE true END
            """),
        new("only charges have what closed them, and only they and chargebacks a shortfall",
            """
            SELECT account_id, format('seq %s: %s, shortfall %s, closed by %s', seq, kind, shortfall, coalesce(closed_by, 'nothing'))
            FROM ledger
            WHERE CASE kind WHEN 'charge' THEN shortfall < 0 OR closed_by IS NULL OR closed_by NOT IN ('settlement', 'lease')
                WHEN 'chargeback' THEN shortfall < 0 OR closed_by IS NOT NULL ELSE shortfall <> 0 OR closed_by IS NOT NULL END
            """),
        new("bonus is a part of the balance that was given",
            """
            SELECT a.id, format('bonus %s, balance %s, given %s', a.bonus, a.balance, coalesce(l.given, 0))
            FROM account a LEFT JOIN (SELECT account_id, sum(amount) AS given FROM ledger WHERE kind = 'bonus' GROUP BY account_id) l
                ON l.account_id = a.id
            WHERE a.bonus < 0 OR a.bonus > a.balance OR a.bonus > coalesce(l.given, 0)
            """),
        new("kind and ref are unique",
            """
            SELECT account_id, format('%s %s: %s rows', kind, ref, count(*)) FROM ledger
            GROUP BY account_id, kind, ref HAVING count(*) > 1
            """),
        new("money is covered",
            """
            SELECT id, format('balance %s, reserved %s, quarantined %s', balance, reserved, quarantined) FROM account
            WHERE balance < 0 OR reserved < 0 OR quarantined < 0 OR reserved::numeric + quarantined > balance
            """),
        new("version is at least epoch",
            "SELECT id, format('version %s, epoch %s', version, epoch) FROM account WHERE version < epoch OR epoch < 0"),
        new("rows belong to an account",
            """
            SELECT account_id, format('%s rows of %s', count(*), source)
            FROM (SELECT account_id, 'ledger' AS source FROM ledger UNION ALL SELECT account_id, 'usage' FROM usage
                UNION ALL SELECT account_id, 'api_key' FROM api_key UNION ALL SELECT account_id, 'idempotency' FROM idempotency) r
            WHERE NOT EXISTS (SELECT FROM account a WHERE a.id = r.account_id)
            GROUP BY account_id, source
            """),
        new("a request has one usage row",
            """
            SELECT account_id, format('request %s: %s rows', request_id, count(*)) FROM usage
            GROUP BY account_id, request_id HAVING count(*) > 1
            """),
        new("usage has its charge",
            """
            SELECT u.account_id, format('request %s: usage %s, ledger %s', u.request_id, u.charge, coalesce((-l.amount)::text, 'nothing'))
            FROM usage u LEFT JOIN ledger l ON l.account_id = u.account_id AND l.ref = u.request_id AND l.kind = 'charge'
            WHERE l.amount IS NULL OR u.charge <> -l.amount
            """),
        // A request's usage may be of the day before its charge.
        new("a charge has its usage",
            """
            SELECT l.account_id, format('seq %s: request %s has no usage row', l.seq, l.ref)
            FROM ledger l LEFT JOIN usage_purge p ON true
            WHERE l.kind = 'charge' AND (p.purged_before IS NULL OR l.at >= p.purged_before + interval '1 day')
                AND NOT EXISTS (SELECT FROM usage u WHERE u.account_id = l.account_id AND u.request_id = l.ref)
            """),
        new("a key has spent its charges",
            """
            SELECT coalesce(k.account_id, u.account_id), format('key %s: spent %s, charges %s%s', coalesce(k.id, u.key_id),
                coalesce(k.spent_total::text, 'unknown'), coalesce(u.charged, 0), CASE WHEN c.complete THEN '' ELSE ' not yet removed' END)
            FROM api_key k
            FULL JOIN (SELECT account_id, key_id, sum(charge) AS charged FROM usage GROUP BY account_id, key_id) u
                ON u.account_id = k.account_id AND u.key_id = k.id
            LEFT JOIN account a ON a.id = coalesce(k.account_id, u.account_id)
            LEFT JOIN usage_purge p ON true,
            LATERAL (SELECT p.purged_before IS NULL OR a.created_at >= p.purged_before AS complete) c
            WHERE k.id IS NULL OR k.spent_total < coalesce(u.charged, 0)
                OR (k.spent_total <> coalesce(u.charged, 0) AND c.complete)
            """),
        new("a key's windows are within its total",
            """
            SELECT account_id, format('key %s: total %s, day %s, week %s, month %s', id, spent_total, spent_day, spent_week, spent_month)
            FROM api_key
            WHERE least(spent_day, spent_week, spent_month) < 0 OR greatest(spent_day, spent_week, spent_month) > spent_total
            """),
        // Both of the charges up to the mark: later ones are counted within the hour.
        new("daily totals are the charges",
            """
            SELECT coalesce(l.account_id, t.account_id), format('charges %s: %s, shortfall %s; totals %s: %s, shortfall %s',
                coalesce(l.requests, 0), coalesce(l.charge, 0), coalesce(l.shortfall, 0), coalesce(t.requests, 0), coalesce(t.charge, 0),
                coalesce(t.shortfall, 0))
            FROM (SELECT l.account_id, count(*) AS requests, -sum(l.amount) AS charge, sum(l.shortfall) AS shortfall
                FROM ledger l JOIN usage_mark m ON m.account_id = l.account_id AND l.seq <= m.seq WHERE l.kind = 'charge' GROUP BY l.account_id) l
            FULL JOIN (SELECT account_id, sum(requests) AS requests, sum(charge) AS charge, sum(shortfall) AS shortfall
                FROM usage_day GROUP BY account_id) t ON t.account_id = l.account_id
            WHERE (l.requests, l.charge, l.shortfall) IS DISTINCT FROM (t.requests, t.charge, t.shortfall)
            """),
        new("daily totals are the usage",
            $"""
            SELECT coalesce(u.account_id, d.account_id), format('%s, key %s, model %s, channel %s, price %s, %s: usage %s, totals %s',
                coalesce(u.day, d.day), coalesce(u.key_id, d.key_id), coalesce(u.model, d.model), coalesce(u.channel, d.channel),
                coalesce(u.price_id, d.price_id), coalesce(u.status, d.status), coalesce(u.sums, 'nothing'), coalesce(d.sums, 'nothing'))
            FROM (SELECT {TotalKey}, (at AT TIME ZONE 'UTC')::date AS day, {SumsOf("count(*)")}
                FROM usage JOIN (SELECT l.account_id, l.ref AS request_id FROM ledger l
                    JOIN usage_mark m ON m.account_id = l.account_id AND l.seq <= m.seq WHERE l.kind = 'charge') l USING (account_id, request_id)
                LEFT JOIN usage_purge p ON true
                WHERE p.purged_before IS NULL OR at >= p.purged_before
                GROUP BY {TotalKey}, (at AT TIME ZONE 'UTC')::date) u
            FULL JOIN (SELECT {TotalKey}, day, {SumsOf("sum(requests)")} FROM {KeptDays} GROUP BY {TotalKey}, day) d USING ({TotalKey}, day)
            WHERE u.sums IS DISTINCT FROM d.sums
            """),
        new("hourly totals are the daily ones",
            $"""
            SELECT coalesce(h.account_id, d.account_id), format('%s, key %s, model %s, channel %s, price %s, %s: hours %s, day %s',
                coalesce(h.day, d.day), coalesce(h.key_id, d.key_id), coalesce(h.model, d.model), coalesce(h.channel, d.channel),
                coalesce(h.price_id, d.price_id), coalesce(h.status, d.status), coalesce(h.sums, 'nothing'), coalesce(d.sums, 'nothing'))
            FROM (SELECT {TotalKey}, (hour AT TIME ZONE 'UTC')::date AS day, {SumsOf("sum(requests)", "sum(shortfall)")}
                FROM usage_hour LEFT JOIN usage_purge p ON true
                WHERE p.purged_before IS NULL OR hour >= p.purged_before
                GROUP BY {TotalKey}, (hour AT TIME ZONE 'UTC')::date) h
            FULL JOIN (SELECT {TotalKey}, day, {SumsOf("sum(requests)", "sum(shortfall)")} FROM {KeptDays} GROUP BY {TotalKey}, day) d
                USING ({TotalKey}, day)
            WHERE h.sums IS DISTINCT FROM d.sums
            """),
        new("an idempotency key stands as its hold does",
            """
            SELECT i.account_id, format('hold %s: %s with %s, ledger %s', i.hold_id, i.state, i.charge, coalesce((-l.amount)::text, 'nothing'))
            FROM idempotency i LEFT JOIN ledger l ON l.account_id = i.account_id AND l.ref = i.hold_id AND l.kind = 'charge'
            WHERE CASE i.state
                WHEN 'running' THEN l.amount IS NOT NULL OR i.charge <> 0
                WHEN 'completed' THEN l.amount IS NULL OR i.charge <> -l.amount
                ELSE i.charge <> -coalesce(l.amount, 0) END
            """),
    ];

    /// <summary>What is compared, as one text.</summary>
    private static string SumsOf(params string[] first) =>
        $"concat_ws(' ', {string.Join(", ", first)}, sum(charge), {UsageColumns.Each(UsageColumns.Counts, "sum({0})")}) AS sums";
}

/// <param name="Name">What must hold.</param>
/// <param name="Sql">Finds where it does not.</param>
internal sealed record VerifierRule(string Name, string Sql);
