using System.Globalization;
using Npgsql;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Ledger.Postgres;
using static OrleansGateway.Silo.Operator.OperatorEndpoints;

namespace OrleansGateway.Silo.Operator;

/// <summary>What is only read: accounts, the ledger, usage, the books.</summary>
internal sealed class ReadingEndpoints(IServiceProvider gateway)
{
    private const int PageDefault = 100;

    private readonly LedgerQueries _queries = gateway.GetRequiredService<LedgerQueries>();
    private readonly NpgsqlDataSource _ledger = gateway.GetRequiredService<NpgsqlDataSource>();
    private readonly TimeProvider _time = gateway.GetRequiredService<TimeProvider>();

    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/accounts", AccountsAsync);
        routes.MapGet("/accounts/{id}/ledger", LedgerAsync);
        routes.MapGet("/usage", UsageAsync);
        routes.MapGet("/usage/export", Export);
        routes.MapGet("/usage/totals", TotalsAsync);
        routes.MapGet("/verify", async (CancellationToken cancellationToken) =>
            Results.Json(Listings.Of(await Verifier.RunAsync(_ledger, _time.GetUtcNow(), cancellationToken)), OperatorJson.Options));
    }

    private async Task<IResult> AccountsAsync(HttpRequest request, CancellationToken cancellationToken)
    {
        var query = new QueryFields(request.Query);
        var status = query.Choice<AccountStatus>("status");
        var text = query.Text("search");
        var after = query.Text("after");
        var limit = (int)(query.Count("limit", LedgerQueries.MaxPage) ?? PageDefault);
        return query.Problems() is { } problems
            ? Invalid(problems)
            : Rows(await _queries.AccountsAsync(status, text, after, limit, cancellationToken), Listings.Of);
    }

    private async Task<IResult> LedgerAsync(string id, HttpRequest request, CancellationToken cancellationToken)
    {
        var query = new QueryFields(request.Query);
        var (from, to) = (query.Time("from"), query.Time("to"));
        var before = query.Count("before", long.MaxValue);
        var limit = (int)(query.Count("limit", LedgerQueries.MaxPage) ?? PageDefault);
        if (query.Problems() is { } problems)
        {
            return Invalid(problems);
        }

        return await _queries.AccountAsync(id, cancellationToken) is null
            ? UnknownAccount(id)
            : Rows(await _queries.LedgerAsync(id, from, to, before, limit, cancellationToken), Listings.Of);
    }

    private async Task<IResult> UsageAsync(HttpRequest request, CancellationToken cancellationToken)
    {
        var query = new QueryFields(request.Query);
        var filter = Filter(query);
        var limit = (int)(query.Count("limit", LedgerQueries.MaxPage) ?? PageDefault);
        return query.Problems() is { } problems
            ? Invalid(problems)
            : Rows(await _queries.UsageAsync(filter, before: null, limit, cancellationToken), Listings.Of);
    }

    /// <summary>Every row of a filter, the oldest first, as the database gives them.</summary>
    private IResult Export(HttpRequest request, CancellationToken cancellationToken)
    {
        var query = new QueryFields(request.Query);
        var filter = Filter(query);
        return query.Problems() is { } problems
            ? Invalid(problems)
            : Results.Json(_queries.ExportUsageAsync(filter, cancellationToken).Select(Listings.Of), OperatorJson.Options);
    }

    private async Task<IResult> TotalsAsync(HttpRequest request, CancellationToken cancellationToken)
    {
        var query = new QueryFields(request.Query);
        var filter = Filter(query);
        var groups = query.Choice<UsageGroups>("by") ?? UsageGroups.None;
        return query.Problems() is { } problems
            ? Invalid(problems)
            : Rows(await _queries.UsageTotalsAsync(filter, groups, cancellationToken), Listings.Of);
    }

    private static UsageFilter Filter(QueryFields query) => new()
    {
        AccountId = query.Text("account"),
        KeyId = query.Text("key"),
        Model = query.Text("model"),
        Channel = query.Text("channel"),
        Status = query.Choice<RequestStatus>("status"),
        From = query.Time("from"),
        To = query.Time("to"),
    };

    private static IResult Rows<TRow>(IReadOnlyList<TRow> rows, Func<TRow, object> show) => Results.Json(rows.Select(show), OperatorJson.Options);
}

/// <summary>Reads a query string field by field, and collects what is wrong.</summary>
internal sealed class QueryFields(IQueryCollection query)
{
    private readonly HashSet<string> _known = new(StringComparer.Ordinal);
    private readonly List<string> _problems = [];

    /// <summary>What is wrong, once every field was asked for; null when nothing is.</summary>
    public string? Problems()
    {
        var unknown = query.Keys.Where(name => !_known.Contains(name)).Select(name => $"{name} is not a filter of this list");
        var all = _problems.Concat(unknown).ToList();
        return all.Count == 0 ? null : string.Join("; ", all);
    }

    public string? Text(string name)
    {
        _known.Add(name);
        return query[name].ToString() is { Length: > 0 } text ? text : null;
    }

    public long? Count(string name, long most)
    {
        if (Text(name) is not { } text)
        {
            return null;
        }

        if (long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var count) && count >= 1 && count <= most)
        {
            return count;
        }

        _problems.Add($"{name} must be a whole number from 1 to {most}");
        return null;
    }

    public DateTimeOffset? Time(string name)
    {
        const DateTimeStyles Utc = DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal;
        if (Text(name) is not { } text)
        {
            return null;
        }

        if (DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, Utc, out var time))
        {
            return time;
        }

        _problems.Add($"{name} must be a time such as 2027-01-31T00:00:00Z");
        return null;
    }

    /// <summary>One name of an enum, or several with commas between where it is a set of flags.</summary>
    public TEnum? Choice<TEnum>(string name)
        where TEnum : struct, Enum
    {
        if (Text(name) is not { } text)
        {
            return null;
        }

        if (text.All(character => char.IsAsciiLetter(character) || character is '_' or ',')
            && Enum.TryParse<TEnum>(text.Replace("_", "", StringComparison.Ordinal), ignoreCase: true, out var value))
        {
            return value;
        }

        var names = Enum.GetNames<TEnum>().Select(System.Text.Json.JsonNamingPolicy.SnakeCaseLower.ConvertName);
        _problems.Add($"{name} must be one of {string.Join(", ", names)}");
        return null;
    }
}
