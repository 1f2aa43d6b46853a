using OrleansGateway.Grains.Contracts.Pricing;
using Request = OrleansGateway.Ledger.Postgres.Column<OrleansGateway.Ledger.Postgres.Part<OrleansGateway.Ledger.UsageRow>>;

namespace OrleansGateway.Ledger.Postgres;

/// <summary>The columns of usage and of its totals. Every statement about them is made from these.</summary>
internal static class UsageColumns
{
    /// <summary>What totals are kept by, within an hour or a day.</summary>
    public static readonly IReadOnlyList<string> GroupedBy = ["account_id", "key_id", "model", "channel", "price_id", "status"];

    /// <summary>Of a row and of totals.</summary>
    public static readonly IReadOnlyList<string> Counts = [.. Units.All.Select(unit => unit.Name())];

    /// <summary>What flights send of a row; its account is the batch's.</summary>
    public static readonly RowSet<Part<UsageRow>> Sent = new(
        "u",
        [
            Request.Bigint("n", p => p.N),
            Request.Time("at", p => p.Row.At),
            Request.Bigint("charge", p => p.Row.Charge),
            .. Units.All.Select(unit => Request.Count(unit.Name(), p => p.Row.Usage[unit])),
            Request.Bigint("first_byte_ms", p => p.Row.FirstByteMs),
            Request.Bigint("duration_ms", p => p.Row.DurationMs),
            Request.Boolean("is_estimated", p => p.Row.Usage.IsEstimated),
            Request.Text("key_id", p => p.Row.KeyId),
            Request.Text("request_id", p => p.Row.RequestId),
            Request.Text("status", p => Names.RequestStatuses[p.Row.Status]),
            Request.Text("model", p => p.Row.Model),
            Request.Text("channel", p => p.Row.Channel),
            Request.Text("endpoint", p => p.Row.Endpoint),
            Request.Text("price_id", p => p.Row.PriceId),
            Request.Text("client_address", p => p.Row.ClientAddress),
            Request.Count("extra_attempts", p => p.Row.ExtraAttempts),
        ]);

    /// <summary>What <see cref="UsageListing"/> is made from.</summary>
    public static readonly string Listed =
        $"account_id, {Each(Sent.Names.Except([.. Counts, "n", "is_estimated"]))}, ARRAY[{Each(Counts)}, is_estimated::int] AS usage";

    /// <summary>Columns one after another.</summary>
    /// <param name="form">Each of them, <c>{0}</c>, in what it is part of.</param>
    public static string Each(IEnumerable<string> columns, string form = "{0}") =>
        string.Join(", ", columns.Select(column => form.Replace("{0}", column, StringComparison.Ordinal)));
}
