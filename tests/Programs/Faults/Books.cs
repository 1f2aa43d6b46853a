using Npgsql;

namespace OrleansGateway.Tests.Programs.Faults;

/// <summary>
/// Holds what clients saw against what the ledger says. It reads the tables by itself and shares no code with the product.
/// </summary>
internal sealed class Books
{
    private const string SetAside = "SELECT id, reserved, quarantined, epoch FROM account WHERE reserved + quarantined <> 0 ORDER BY id";

    private sealed record Charge(long Amount, long Shortfall, string ClosedBy)
    {
        public long Cost => Amount + Shortfall;
    }

    /// <summary>What a request has used, as its row says.</summary>
    private sealed record Used(long Input, long Output, bool IsEstimated);

    private readonly Dictionary<(string Account, string Ref), Charge> _charges = [];
    private readonly Dictionary<(string Account, string Ref), Used> _used = [];
    private readonly Dictionary<(string Account, string Ref), long> _compensations = [];
    private readonly Dictionary<(string Account, string Ref), long> _topups = [];
    private readonly List<string> _problems = [];
    private bool _isAnyLost;

    public int Completed { get; private set; }

    public int Refused { get; private set; }

    /// <summary>Answers that ended unfinished, or never began, without the client's doing.</summary>
    public int CutOff { get; private set; }

    /// <summary>Answers whose client left.</summary>
    public int Left { get; private set; }

    /// <summary>Charges of more than nothing.</summary>
    public int Charged { get; private set; }

    /// <summary>Of them, those whose request no client knows the id of.</summary>
    public int ChargedUnknown { get; private set; }

    /// <summary>Complete responses that are not charged, or not with what they cost; acknowledged orders that are not booked.</summary>
    public int Lost { get; private set; }

    /// <summary>Requests that are charged, or noted as used, more than once.</summary>
    public long Doubled { get; private set; }

    /// <summary>Balances below zero, now or after any movement.</summary>
    public long Negative { get; private set; }

    /// <summary>All that is off, in words.</summary>
    public IReadOnlyList<string> Problems => _problems;

    /// <param name="isAnyLost">Whether edges were killed: a request that was running then may be charged for less, or not at all.</param>
    public static async Task<Books> AuditAsync(
        NpgsqlDataSource ledger, IReadOnlyCollection<Sent> sent, IReadOnlyCollection<Order> orders, bool isAnyLost)
    {
        var books = new Books { _isAnyLost = isAnyLost };
        await books.ReadAsync(ledger);
        books.CheckRequests(sent);
        books.CheckOrders(orders);
        return books;
    }

    public static bool IsCutOff(Sent request) => request is { HasLeft: false, Fate: Fate.Cut or Fate.Unanswered };

    public override string ToString() =>
        $"completed {Completed}, cut {CutOff}, left {Left}, refused {Refused}, charged {Charged}, lost {Lost}, doubled {Doubled}, negative {Negative}";

    private async Task ReadAsync(NpgsqlDataSource ledger)
    {
        await using var connection = await ledger.OpenConnectionAsync();
        await using (var command = new NpgsqlCommand("SELECT account_id, ref, kind, amount, shortfall, coalesce(closed_by, '') FROM ledger", connection))
        await using (var rows = await command.ExecuteReaderAsync())
        {
            while (await rows.ReadAsync())
            {
                var (of, amount) = ((rows.GetString(0), rows.GetString(1)), rows.GetInt64(3));
                var isNew = rows.GetString(2) switch
                {
                    "charge" => _charges.TryAdd(of, new Charge(-amount, rows.GetInt64(4), rows.GetString(5))),
                    "compensation" => _compensations.TryAdd(of, amount),
                    _ => _topups.TryAdd(of, amount),
                };
                Doubled += isNew ? 0 : 1;
            }
        }

        await using (var command = new NpgsqlCommand("SELECT account_id, request_id, input, output, is_estimated FROM usage", connection))
        await using (var rows = await command.ExecuteReaderAsync())
        {
            while (await rows.ReadAsync())
            {
                _used[(rows.GetString(0), rows.GetString(1))] = new Used(rows.GetInt64(2), rows.GetInt64(3), rows.GetBoolean(4));
            }
        }

        Charged = _charges.Values.Count(charge => charge.Amount > 0);
        Doubled += await CountAsync(connection, "SELECT count(*) - count(DISTINCT (account_id, request_id)) FROM usage");
        Negative = await CountAsync(
            connection, "SELECT (SELECT count(*) FROM account WHERE balance < 0) + (SELECT count(*) FROM ledger WHERE balance_after < 0)");
        await using (var command = new NpgsqlCommand(SetAside, connection))
        await using (var rows = await command.ExecuteReaderAsync())
        {
            while (await rows.ReadAsync())
            {
                Note(true, $"account {rows.GetString(0)}: {rows.GetInt64(1)} nanos are still reserved, {rows.GetInt64(2)} quarantined, at epoch {rows.GetInt64(3)}");
            }
        }

        Note(Doubled != 0, $"{Doubled} doubled");
        Note(Negative != 0, $"{Negative} negative");
    }

    private void CheckRequests(IReadOnlyCollection<Sent> sent)
    {
        foreach (var (of, charge) in _charges)
        {
            var used = _used.GetValueOrDefault(of);
            Note(used is null || Cost(used.Input, used.Output) != charge.Cost, $"{of}: {charge} is not what {used} costs");
        }

        var known = new HashSet<(string, string)>();
        foreach (var request in sent)
        {
            Completed += request.Fate == Fate.Completed ? 1 : 0;
            Refused += request.Fate == Fate.Refused ? 1 : 0;
            Left += request.HasLeft ? 1 : 0;
            CutOff += IsCutOff(request) ? 1 : 0;
            if (request.RequestId is { } id)
            {
                known.Add((request.Customer.Account, id));
                CheckRequest(request, (request.Customer.Account, id));
            }
            else
            {
                Note(request.Fate is Fate.Completed, $"{request}: complete without an id");
            }
        }

        foreach (var unknown in _charges.Where(charge => charge.Value.Amount > 0 && !known.Contains(charge.Key)).GroupBy(charge => charge.Key.Account))
        {
            ChargedUnknown += unknown.Count();
            var unanswered = sent.Count(request => request.Customer.Account == unknown.Key && request.Fate == Fate.Unanswered);
            Note(unknown.Count() > unanswered, $"account {unknown.Key}: {unknown.Count()} charges for {unanswered} unanswered requests");
        }
    }

    private void CheckRequest(Sent request, (string Account, string Ref) of)
    {
        var charge = _charges.GetValueOrDefault(of);
        var compensation = _compensations.GetValueOrDefault(of);
        if (request.Fate == Fate.Completed)
        {
            var isRight = charge is { ClosedBy: "settlement" } && charge.Amount + charge.Shortfall == request.Cost && compensation == 0;
            Lost += isRight ? 0 : 1;
            Note(!isRight, $"{request}: costs {request.Cost}, but {charge?.ToString() ?? "is not charged"}, paid back {compensation}");
        }
        else if (request.Fate == Fate.Refused || request.Status != 200)
        {
            Note((charge?.Amount ?? 0) != compensation, $"{request}: {charge}, paid back {compensation}");

            // Its money does not end, so that whatever is missing is missing by the gateway's doing.
            Note(request.Customer.IsRich && request.Status == 402, $"{request}: was refused, though it can pay: {request.ErrorMessage}");
        }
        else
        {
            CheckUnfinished(request, charge, _used.GetValueOrDefault(of), compensation);
        }
    }

    /// <summary>
    /// What an answer costs that its client did not see whole: all that its provider reported; else the text that came before the gateway
    /// cancelled it, which is at least what the client saw; nothing if the client saw nothing.
    /// </summary>
    private void CheckUnfinished(Sent request, Charge? charge, Used? used, long compensation)
    {
        if (charge is null || used is null)
        {
            Note(!_isAnyLost, $"{request}: began, and has no charge");
            return;
        }

        var cost = charge.Cost - compensation;
        var isWhole = !used.IsEstimated && used.Output == request.Plan.Tokens;
        var isPart = used.IsEstimated && used.Input == request.InputEstimate && used.Output <= request.OutputMost
            && (_isAnyLost || used.Output >= request.OutputLeast);
        var isFree = cost == 0 && (_isAnyLost || request.Seen.Length == 0);
        Note(!isWhole && !isPart && !isFree, $"{request}, of which came '{request.Seen}': costs {cost} for {used}");
    }

    private static long Cost(long input, long output) => (input * 150) + (output * 600);

    private void CheckOrders(IReadOnlyCollection<Order> orders)
    {
        foreach (var order in orders)
        {
            var booked = _topups.GetValueOrDefault((order.Account, order.Ref));
            Lost += booked == order.Nanos ? 0 : 1;
            Note(booked != order.Nanos, $"{order}: booked {booked}");
        }
    }

    private void Note(bool isProblem, string problem)
    {
        if (isProblem)
        {
            _problems.Add(problem);
        }
    }

    private static async Task<long> CountAsync(NpgsqlConnection connection, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        return (long)(await command.ExecuteScalarAsync())!;
    }
}
