using Npgsql;

namespace OrleansGateway.Tests.Integration.Faults;

/// <summary>
/// Holds what clients saw against what the ledger says. It reads the tables by itself and shares no code with the product.
/// </summary>
internal sealed class Books
{
    private sealed record Charge(long Amount, long Shortfall, string ClosedBy);

    private readonly Dictionary<(string Account, string Ref), Charge> _charges = [];
    private readonly Dictionary<(string Account, string Ref), long> _compensations = [];
    private readonly Dictionary<(string Account, string Ref), long> _topups = [];
    private readonly List<string> _problems = [];

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

    public static async Task<Books> AuditAsync(
        NpgsqlDataSource ledger, IReadOnlyCollection<Sent> sent, IReadOnlyCollection<Order> orders)
    {
        var books = new Books();
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

        Charged = _charges.Values.Count(charge => charge.Amount > 0);
        Doubled += await CountAsync(connection, "SELECT count(*) - count(DISTINCT (account_id, request_id)) FROM usage");
        Negative = await CountAsync(
            connection, "SELECT (SELECT count(*) FROM account WHERE balance < 0) + (SELECT count(*) FROM ledger WHERE balance_after < 0)");
        var setAside = await CountAsync(connection, "SELECT coalesce(sum(reserved + quarantined), 0)::bigint FROM account");
        Note(setAside != 0, $"{setAside} nanos are still set aside");
        Note(Doubled != 0, $"{Doubled} doubled");
        Note(Negative != 0, $"{Negative} negative");
    }

    private void CheckRequests(IReadOnlyCollection<Sent> sent)
    {
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
        else if (request.Fate == Fate.Refused)
        {
            Note((charge?.Amount ?? 0) != compensation, $"{request}: {charge}, paid back {compensation}");
        }
    }

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
