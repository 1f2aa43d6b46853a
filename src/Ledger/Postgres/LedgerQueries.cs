using System.Data;
using System.Runtime.CompilerServices;
using Dapper;
using Npgsql;
using NpgsqlTypes;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Grains.Contracts.Pricing;

namespace OrleansGateway.Ledger.Postgres;

/// <summary>What operators and customers read of the ledger. Lists come in pages: the next begins after the last one's last row.</summary>
/// <param name="dataSource">From <see cref="LedgerDataSource.Create"/>.</param>
/// <param name="patience">How long a report waits for others to end; null waits for as long as it takes.</param>
/// <param name="longest">How long sums over usage may take, whole seconds; null for as long as any report.</param>
public sealed class LedgerQueries(NpgsqlDataSource dataSource, TimeSpan? patience = null, TimeSpan? longest = null) : IDisposable
{
    /// <summary>The most rows of a page.</summary>
    public const int MaxPage = 1000;

    /// <summary>How long a report may take, seconds: as long it keeps old rows of all tables from being cleaned up.</summary>
    private const int ReportSeconds = 600;

    private const string AccountColumns =
        """
        id AS account_id, name, status, requests_per_minute, tokens_per_minute, concurrency, epoch, seq, balance, reserved,
        quarantined, created_at, activated_at
        """;

    private const string LedgerColumns = "seq, at, kind, amount, shortfall, balance_after, ref, closed_by";

    private const string AuditColumns =
        """
        id, at, address, actor_kind, actor_id, request_id, action, subject, request::text AS request, before::text AS before,
        after::text AS after, outcome, ended_at, retries
        """;

    /// <summary>Since when there are rows of usage.</summary>
    private const string Kept = "coalesce((SELECT purged_before FROM usage_purge), '-infinity')";

    private static readonly string TotalColumns = UsageColumns.Each([.. UsageColumns.GroupedBy, "charge", .. UsageColumns.Counts]);

    /// <summary>Those that take long leave sessions to the others of the pool.</summary>
    private readonly SemaphoreSlim _reports = new(LedgerDataSource.MaxReports);

    private readonly int _sumSeconds = (int)(longest?.TotalSeconds ?? ReportSeconds);

    static LedgerQueries()
    {
        DefaultTypeMap.MatchNamesWithUnderscores = true;
        SqlMapper.AddTypeHandler(new UsageArray());
    }

    /// <summary>Accounts by id.</summary>
    /// <param name="status">Only these; null for all.</param>
    /// <param name="text">A part of the name or the id, whatever its case; null for all.</param>
    /// <param name="afterId">The last id of the page before; null for the first page.</param>
    /// <param name="limit">At most <see cref="MaxPage"/>.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public Task<IReadOnlyList<AccountListing>> AccountsAsync(
        AccountStatus? status, string? text, string? afterId, int limit, CancellationToken cancellationToken)
    {
        var where = new Conditions();
        where.Add(status is { } only ? Names.AccountStatuses[only] : null, "status = {0}");
        where.Add(text, "(strpos(lower(name), lower({0})) > 0 OR strpos(lower(id), lower({0})) > 0)");
        where.Add(afterId, "id > {0}");
        return PageAsync<AccountListing>($"SELECT {AccountColumns} FROM account {where.Sql} ORDER BY id", where, limit, cancellationToken);
    }

    /// <summary>One account as its row stands; null if there is none.</summary>
    public async Task<AccountListing?> AccountAsync(string accountId, CancellationToken cancellationToken)
    {
        var where = new Conditions();
        where.Add(accountId, "id = {0}");
        return (await PageAsync<AccountListing>($"SELECT {AccountColumns} FROM account {where.Sql}", where, 1, cancellationToken))
            .SingleOrDefault();
    }

    /// <summary>Keys of an account by id, revoked ones too.</summary>
    /// <param name="accountId">The account.</param>
    /// <param name="afterId">The last id of the page before; null for the first page.</param>
    /// <param name="limit">At most <see cref="MaxPage"/>.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public async Task<IReadOnlyList<KeyListing>> KeysAsync(string accountId, string? afterId, int limit, CancellationToken cancellationToken)
    {
        Check(limit);
        await using var command = dataSource.CreateCommand(AccountReader.KeysPageSql);
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = accountId });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = afterId ?? "" });
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = limit });
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var keys = new List<KeyListing>();
        while (await reader.ReadAsync(cancellationToken))
        {
            keys.Add(AccountReader.KeyListing(reader));
        }

        return keys;
    }

    /// <summary>An account's ledger rows, newest first.</summary>
    /// <param name="accountId">The account.</param>
    /// <param name="from">Not before; null for all.</param>
    /// <param name="to">Before; null for all.</param>
    /// <param name="beforeSeq">The last seq of the page before; null for the first page.</param>
    /// <param name="limit">At most <see cref="MaxPage"/>.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public Task<IReadOnlyList<LedgerListing>> LedgerAsync(
        string accountId, DateTimeOffset? from, DateTimeOffset? to, long? beforeSeq, int limit, CancellationToken cancellationToken)
    {
        var where = Conditions.Of(accountId, from, to);
        where.Add(beforeSeq, "seq < {0}");
        return PageAsync<LedgerListing>($"SELECT {LedgerColumns} FROM ledger {where.Sql} ORDER BY seq DESC", where, limit, cancellationToken);
    }

    /// <summary>All of an account's ledger rows in a time, oldest first, as they come.</summary>
    /// <param name="accountId">The account.</param>
    /// <param name="from">Not before; null for all.</param>
    /// <param name="to">Before; null for all.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public IAsyncEnumerable<LedgerListing> ExportLedgerAsync(
        string accountId, DateTimeOffset? from, DateTimeOffset? to, CancellationToken cancellationToken)
    {
        var where = Conditions.Of(accountId, from, to);
        return ExportAsync<LedgerListing>($"SELECT {LedgerColumns} FROM ledger {where.Sql} ORDER BY seq", where, cancellationToken);
    }

    /// <summary>Usage rows, newest first.</summary>
    /// <param name="filter">Which.</param>
    /// <param name="before">The last row of the page before; null for the first page.</param>
    /// <param name="limit">At most <see cref="MaxPage"/>.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public Task<IReadOnlyList<UsageListing>> UsageAsync(
        UsageFilter filter, UsagePlace? before, int limit, CancellationToken cancellationToken)
    {
        var where = Conditions.Of(filter);
        where.AddRequest(filter);
        where.Add(before?.At.UtcDateTime, "at <= {0}");
        where.Add(before?.RequestId, "(at, request_id) < (@" + where.Last + ", {0})");
        return PageAsync<UsageListing>(
            $"SELECT {UsageColumns.Listed} FROM usage {where.Sql} ORDER BY at DESC, request_id DESC", where, limit, cancellationToken);
    }

    /// <summary>All usage rows of a filter, oldest first, as they come.</summary>
    public IAsyncEnumerable<UsageListing> ExportUsageAsync(UsageFilter filter, CancellationToken cancellationToken)
    {
        var where = Conditions.Of(filter);
        where.AddRequest(filter);
        return ExportAsync<UsageListing>($"SELECT {UsageColumns.Listed} FROM usage {where.Sql} ORDER BY at, request_id", where, cancellationToken);
    }

    /// <summary>Sums over the usage of a filter, a row a group, by group. A day whose rows are gone counts whole, as if at its beginning.</summary>
    public Task<IReadOnlyList<UsageTotal>> UsageTotalsAsync(UsageFilter filter, UsageGroups groups, CancellationToken cancellationToken) =>
        UsageTotalsAsync(
            filter with { From = null, To = null },
            [filter.From ?? DateTimeOffset.MinValue, filter.To ?? DateTimeOffset.MaxValue],
            groups,
            cancellationToken);

    /// <summary>
    /// The same for spans of time one after another, a row a group of each that has one, by span. Whole days (UTC's) and hours come from their
    /// totals, what is not in those yet from the ledger, and what begins or ends within an hour from usage itself: the sums are those of the rows.
    /// </summary>
    /// <param name="filter">Which usage; its own times count for nothing.</param>
    /// <param name="bounds">Ascending: a span ends where the next begins.</param>
    /// <param name="groups">What to sum by.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <exception cref="TimeoutException">They took longer than they may, or as many reports ran as may.</exception>
    public async Task<IReadOnlyList<UsageTotal>> UsageTotalsAsync(
        UsageFilter filter, IReadOnlyList<DateTimeOffset> bounds, UsageGroups groups, CancellationToken cancellationToken)
    {
        (UsageGroups Group, string Column)[] all =
        [
            (UsageGroups.Day, "(at AT TIME ZONE 'UTC')::date AS day"), (UsageGroups.Account, "account_id"), (UsageGroups.Key, "key_id"),
            (UsageGroups.Model, "model"), (UsageGroups.Channel, "channel"), (UsageGroups.Status, "status"),
        ];
        IReadOnlyList<string> columns = [.. bounds.Count > 2 ? ["span"] : Array.Empty<string>(), .. all.Where(one => groups.HasFlag(one.Group)).Select(one => one.Column)];
        var places = string.Join(", ", Enumerable.Range(1, columns.Count));
        var where = Conditions.Of(filter with { From = null, To = null });
        var spans = new Spans(bounds);
        spans.AddTo(where.Parameters);
        where.Parameters.Add("account", filter.AccountId);

        // Left out where no span has such a part: planning it, for each day's partition, takes longer than all the rest.
        var parts = !spans.HasParts ? "" :
            $"""
            UNION ALL
            SELECT span, at, 1, 0, {TotalColumns}
            FROM part CROSS JOIN LATERAL (SELECT * FROM usage WHERE at >= since AND at < upto AND at >= {Kept} {Of("account_id")} OFFSET 0) u
            UNION ALL
            SELECT span, l.at, 0, l.shortfall, {UsageColumns.Each(UsageColumns.GroupedBy, "u.{0}")}, 0, {UsageColumns.Each(UsageColumns.Counts.Select(_ => "0"))}
            FROM part JOIN ledger l ON l.at >= since AND l.at < upto
            JOIN usage u ON u.account_id = l.account_id AND u.at = l.at AND u.request_id = l.ref
            WHERE l.kind = 'charge' AND l.shortfall > 0 AND l.at >= {Kept} {Of("l.account_id")}
            """;

        // Span by span, by the index: OFFSET 0 keeps the planner, which does not know how few there are, from reading all usage instead.
        var sql =
            $"""
            WITH full_span AS MATERIALIZED (SELECT * FROM unnest(@span, @spanFrom, @spanTo) AS t (span, since, upto))
            , whole AS MATERIALIZED (SELECT * FROM unnest(@whole, @wholeFrom, @wholeTo) AS t (span, since, upto))
            , days AS MATERIALIZED (SELECT * FROM unnest(@days, @daysFrom, @daysTo) AS t (span, since, upto))
            , hours AS MATERIALIZED (SELECT * FROM unnest(@hours, @hoursFrom, @hoursTo) AS t (span, since, upto))
            , part AS MATERIALIZED (SELECT * FROM unnest(@part, @partFrom, @partTo) AS t (span, since, upto))
            , charged AS MATERIALIZED (
                SELECT l.account_id, l.ref, l.at, -l.amount AS charge, l.shortfall
                FROM account a LEFT JOIN usage_mark m ON m.account_id = a.id
                JOIN ledger l ON l.account_id = a.id AND l.seq > coalesce(m.seq, 0)
                WHERE a.seq > coalesce(m.seq, 0) AND l.kind = 'charge' {Of("a.id")})
            {UsageTotals.RequestsSql(UsageTotals.SourceSql("usage"))}
            SELECT {string.Concat(columns.Select(column => column + ", "))} {Sum("requests")} AS requests,
                coalesce(sum(requests) FILTER (WHERE status = 'completed'), 0)::bigint AS completed,
                ARRAY[{string.Join(", ", UsageColumns.Counts.Select(Sum))}] AS usage,
                {Sum("charge")} AS charge, {Sum("shortfall")} AS shortfall
            FROM (
                SELECT span, day::timestamptz AS at, requests, shortfall, {TotalColumns}
                FROM days CROSS JOIN LATERAL (
                    SELECT * FROM usage_day WHERE day >= since::date AND day < upto::date AND day >= {Kept}::date {Of("account_id")} OFFSET 0) d
                UNION ALL
                SELECT span, hour, requests, shortfall, {TotalColumns}
                FROM hours CROSS JOIN LATERAL (SELECT * FROM usage_hour WHERE hour >= since AND hour < upto AND hour >= {Kept} {Of("account_id")} OFFSET 0) h
                UNION ALL
                SELECT span, at, 1, shortfall, {TotalColumns} FROM whole JOIN request ON at >= since AND at < upto WHERE at >= {Kept}
                {parts}
                UNION ALL
                SELECT span, day::timestamptz, requests, shortfall, {TotalColumns}
                FROM full_span JOIN usage_day ON day::timestamptz >= since AND day::timestamptz < upto
                WHERE day < (SELECT purged_before::date FROM usage_purge) {Of("account_id")}) t
            {where.Sql} {(columns.Count == 0 ? "" : $"GROUP BY {places} ORDER BY {places}")}
            """;
        using var place = await TakePlaceAsync(cancellationToken);
        await using var connection = await dataSource.OpenConnectionAsync(cancellationToken);
        await using var transaction = await BeginReportAsync(connection, _sumSeconds, cancellationToken);
        var command = new CommandDefinition(sql, where.Parameters, transaction, _sumSeconds, cancellationToken: cancellationToken);
        try
        {
            return (await connection.QueryAsync<UsageTotal>(command)).AsList();
        }
        catch (NpgsqlException exception) when (exception is PostgresException { SqlState: PostgresErrorCodes.QueryCanceled } or { InnerException: TimeoutException })
        {
            throw new TimeoutException("The sums took longer than they may.", exception);
        }

        string Of(string column) => filter.AccountId is null ? "" : $"AND {column} = @account";
    }

    /// <summary>Changes that were asked for, newest first.</summary>
    /// <param name="filter">Which.</param>
    /// <param name="beforeId">The last id of the page before; null for the first page.</param>
    /// <param name="limit">At most <see cref="MaxPage"/>.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public Task<IReadOnlyList<AuditListing>> AuditAsync(AuditFilter filter, long? beforeId, int limit, CancellationToken cancellationToken)
    {
        var where = new Conditions();
        where.Add(filter.Subject, "(subject = {0} OR starts_with(subject, {0} || '/'))");
        where.Add(filter.ActorId, "actor_id = {0}");
        where.Add(filter.RequestId, "request_id = {0}");
        where.Add(filter.From?.UtcDateTime, "at >= {0}");
        where.Add(filter.To?.UtcDateTime, "at < {0}");
        where.Add(filter.UnknownOnly ? true : null, "(outcome IS NULL) = {0}");
        where.Add(beforeId, "id < {0}");
        return PageAsync<AuditListing>($"SELECT {AuditColumns} FROM audited_change {where.Sql} ORDER BY id DESC", where, limit, cancellationToken);
    }

    /// <inheritdoc cref="Verifier.RunAsync"/>
    public async Task<VerifyReport> VerifyAsync(DateTimeOffset now, CancellationToken cancellationToken)
    {
        using var place = await TakePlaceAsync(cancellationToken);
        return await Verifier.RunAsync(dataSource, now, cancellationToken);
    }

    /// <inheritdoc/>
    public void Dispose() => _reports.Dispose();

    private async IAsyncEnumerable<T> ExportAsync<T>(string sql, Conditions where, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var place = await TakePlaceAsync(cancellationToken);
        await using var connection = await dataSource.OpenConnectionAsync(cancellationToken);
        await using var transaction = await BeginReportAsync(connection, ReportSeconds, cancellationToken);
        await foreach (var row in connection.QueryUnbufferedAsync<T>(sql, where.Parameters, transaction, ReportSeconds).WithCancellation(cancellationToken))
        {
            yield return row;
        }
    }

    private async Task<Place> TakePlaceAsync(CancellationToken cancellationToken)
    {
        return await _reports.WaitAsync(patience ?? Timeout.InfiniteTimeSpan, cancellationToken)
            ? new Place(_reports)
            : throw new TimeoutException("As many reports run as may, and none has ended for a while.");
    }

    private static async Task<NpgsqlTransaction> BeginReportAsync(NpgsqlConnection connection, int seconds, CancellationToken cancellationToken)
    {
        var transaction = await connection.BeginTransactionAsync(cancellationToken);
        await connection.ExecuteAsync(new CommandDefinition(
            $"SET TRANSACTION READ ONLY; SET LOCAL statement_timeout = '{seconds}s'",
            transaction: transaction,
            cancellationToken: cancellationToken));
        return transaction;
    }

    private async Task<IReadOnlyList<T>> PageAsync<T>(string sql, Conditions where, int limit, CancellationToken cancellationToken)
    {
        Check(limit);
        await using var connection = await dataSource.OpenConnectionAsync(cancellationToken);
        var command = new CommandDefinition($"{sql} LIMIT {limit}", where.Parameters, cancellationToken: cancellationToken);
        return (await connection.QueryAsync<T>(command)).AsList();
    }

    /// <summary>A sum that does not fit is the greatest number.</summary>
    private static string Sum(string column) => $"least(coalesce(sum({column}), 0), {long.MaxValue})::bigint";

    private static void Check(int limit)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(limit, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(limit, MaxPage);
    }

    private sealed class Place(SemaphoreSlim reports) : IDisposable
    {
        public void Dispose() => reports.Release();
    }

    /// <summary>Only what is asked for comes into the statement, so that it is planned for that.</summary>
    private sealed class Conditions
    {
        private readonly List<string> _conditions = [];

        public DynamicParameters Parameters { get; } = new();

        public string Sql => _conditions.Count == 0 ? "" : "WHERE " + string.Join(" AND ", _conditions);

        /// <summary>The name of the latest parameter.</summary>
        public string Last => $"p{_conditions.Count}";

        /// <summary>One request, whose charge's row in the ledger knows when it was: no other day is looked at.</summary>
        public void AddRequest(UsageFilter filter)
        {
            Add(filter.RequestId, "request_id = {0}");
            if (filter is { RequestId: not null, AccountId: not null })
            {
                Parameters.Add("account", filter.AccountId);
                _conditions.Add($"at = (SELECT at FROM ledger WHERE account_id = @account AND kind = 'charge' AND ref = @{Last})");
            }
        }

        /// <param name="value">Null adds nothing.</param>
        /// <param name="condition">With <c>{0}</c> in the value's place.</param>
        public void Add(object? value, string condition)
        {
            if (value is null)
            {
                return;
            }

            var name = $"p{_conditions.Count + 1}";
            Parameters.Add(name, value is DateTime ? new Typed(value, NpgsqlDbType.TimestampTz) : value);
            _conditions.Add(condition.Replace("{0}", "@" + name, StringComparison.Ordinal));
        }

        public static Conditions Of(string accountId, DateTimeOffset? from, DateTimeOffset? to)
        {
            var where = new Conditions();
            where.Add(accountId, "account_id = {0}");
            where.Add(from?.UtcDateTime, "at >= {0}");
            where.Add(to?.UtcDateTime, "at < {0}");
            return where;
        }

        public static Conditions Of(UsageFilter filter)
        {
            var where = new Conditions();
            where.Add(filter.AccountId, "account_id = {0}");
            where.Add(filter.KeyId, "key_id = {0}");
            where.Add(filter.Model, "model = {0}");
            where.Add(filter.Channel, "channel = {0}");
            where.Add(filter.Status is { } status ? Names.RequestStatuses[status] : null, "status = {0}");
            if (filter.Status is not (null or RequestStatus.Completed))
            {
                // Said as the index of the few has it: a plan that is made once does not know which status is asked for.
                where._conditions.Add($"status <> '{Names.RequestStatuses[RequestStatus.Completed]}'");
            }

            where.Add(filter.From?.UtcDateTime, "at >= {0}");
            where.Add(filter.To?.UtcDateTime, "at < {0}");
            return where;
        }
    }

    /// <summary>Usage as one array: a number for each unit, and perhaps one that says whether it is estimated.</summary>
    private sealed class UsageArray : SqlMapper.TypeHandler<Usage>
    {
        public override Usage Parse(object value)
        {
            var numbers = (long[])value;
            return new Usage(unit => numbers[(int)unit]) { IsEstimated = numbers.Length > Units.Count && numbers[Units.Count] != 0 };
        }

        public override void SetValue(IDbDataParameter parameter, Usage value) => throw new NotSupportedException();
    }

    /// <summary>Spans of time, each cut at the first and the last full hour, and the first and the last full day, in it.</summary>
    private sealed class Spans
    {
        private readonly List<(int Span, DateTime From, DateTime To)> _all = [];
        private readonly List<(int Span, DateTime From, DateTime To)> _whole = [];
        private readonly List<(int Span, DateTime From, DateTime To)> _days = [];
        private readonly List<(int Span, DateTime From, DateTime To)> _hours = [];
        private readonly List<(int Span, DateTime From, DateTime To)> _parts = [];

        public Spans(IReadOnlyList<DateTimeOffset> bounds)
        {
            for (var i = 0; i + 1 < bounds.Count; i++)
            {
                var (from, to) = (bounds[i].UtcDateTime, bounds[i + 1].UtcDateTime);
                var (first, last) = Full(from, to, TimeSpan.TicksPerHour);
                _all.Add((i, from, to));
                if (first >= last)
                {
                    _parts.Add((i, from, to));
                    continue;
                }

                _whole.Add((i, first, last));
                Cut(_parts, i, (from, first), (last, to));
                var (firstDay, lastDay) = Full(first, last, TimeSpan.TicksPerDay);
                if (firstDay >= lastDay)
                {
                    _hours.Add((i, first, last));
                    continue;
                }

                _days.Add((i, firstDay, lastDay));
                Cut(_hours, i, (first, firstDay), (lastDay, last));
            }
        }

        /// <summary>Whether one of them begins or ends within an hour.</summary>
        public bool HasParts => _parts.Count > 0;

        public void AddTo(DynamicParameters parameters)
        {
            Add("span", _all);
            Add("whole", _whole);
            Add("days", _days);
            Add("hours", _hours);
            Add("part", _parts);

            void Add(string name, List<(int Span, DateTime From, DateTime To)> spans)
            {
                parameters.Add(name, new Typed(spans.Select(static one => one.Span).ToArray(), NpgsqlDbType.Array | NpgsqlDbType.Integer));
                parameters.Add(name + "From", new Typed(spans.Select(static one => one.From).ToArray(), NpgsqlDbType.Array | NpgsqlDbType.TimestampTz));
                parameters.Add(name + "To", new Typed(spans.Select(static one => one.To).ToArray(), NpgsqlDbType.Array | NpgsqlDbType.TimestampTz));
            }
        }

        /// <summary>The first and the last full unit of time between two times; the end of all times stays what it is.</summary>
        private static (DateTime First, DateTime Last) Full(DateTime from, DateTime to, long ticks)
        {
            DateTime Begin(DateTime time) => time == DateTime.MaxValue ? time : time.AddTicks(-(time.Ticks % ticks));
            return (Begin(from.Ticks % ticks == 0 ? from : from.AddTicks(ticks)), Begin(to));
        }

        private static void Cut(List<(int Span, DateTime From, DateTime To)> spans, int span, params ReadOnlySpan<(DateTime From, DateTime To)> ends)
        {
            foreach (var (from, to) in ends)
            {
                if (from < to)
                {
                    spans.Add((span, from, to));
                }
            }
        }
    }

    /// <summary>Dapper would send a DateTime as a time without a zone.</summary>
    private sealed class Typed(object value, NpgsqlDbType type) : SqlMapper.ICustomQueryParameter
    {
        public void AddParameter(IDbCommand command, string name) => command.Parameters.Add(new NpgsqlParameter(name, type) { Value = value });
    }
}
