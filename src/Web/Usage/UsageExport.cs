using System.Globalization;
using System.Text.Json;
using CsvHelper;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using OrleansGateway.Grains.Contracts;
using OrleansGateway.Grains.Contracts.Pricing;
using OrleansGateway.Ledger.Postgres;
using OrleansGateway.Operations;
using OrleansGateway.Web.Accounts;

namespace OrleansGateway.Web.Usage;

/// <summary>The calls of a view as a file, row by row as the database gives them.</summary>
internal static class UsageExport
{
    private const int FlushEvery = 40;

    public static void MapUsageExport(this IEndpointRouteBuilder routes)
    {
        routes.MapGet("/console/usage.csv", static (HttpContext context, ReportOperations reports, TimeProvider time) =>
            WriteAsync(context, reports, time, "text/csv; charset=utf-8", "usage.csv", CsvAsync)).RequireAuthorization();
        routes.MapGet("/console/usage.json", static (HttpContext context, ReportOperations reports, TimeProvider time) =>
            WriteAsync(context, reports, time, "application/json; charset=utf-8", "usage.json", JsonAsync)).RequireAuthorization();
    }

    private static async Task WriteAsync(
        HttpContext context,
        ReportOperations reports,
        TimeProvider time,
        string type,
        string name,
        Func<IAsyncEnumerable<UsageListing>, Stream, CancellationToken, Task> write)
    {
        var person = context.Person()!;
        var query = UsageQuery.Of(context.Request.Query, person, time.GetUtcNow());
        var export = await reports.ExportUsageAsync(person.Actor, query.Filter(person), context.RequestAborted);
        if (export.Value is not { } rows)
        {
            context.Response.StatusCode = StatusCodes.Status400BadRequest;
            return;
        }

        context.Response.ContentType = type;
        context.Response.Headers.ContentDisposition = $"attachment; filename={name}";
        context.Response.Headers.CacheControl = "no-store";
        await write(rows.Rows, context.Response.Body, context.RequestAborted);
    }

    private static readonly string[] Columns =
    [
        "at", "request_id", "key_id", "model", "endpoint", "status", "charge_usd", "price_version", "first_byte_ms", "duration_ms",
        .. Units.All.Select(static unit => unit.Name()), "is_estimated", "client_address",
    ];

    private static object[] Values(UsageListing row) =>
    [
        Format.Iso(row.At), row.RequestId, row.KeyId, row.Model, row.Endpoint, row.Status, Money.FormatUsd(row.Charge), row.PriceId, row.FirstByteMs, row.DurationMs,
        .. Units.All.Select(unit => (object)row.Usage[unit]), row.Usage.IsEstimated ? "true" : "false", row.ClientAddress,
    ];

    public static Task CsvAsync(IAsyncEnumerable<UsageListing> rows, Stream body, CancellationToken cancellationToken) =>
        CsvAsync(rows, Columns, Values, body, cancellationToken);

    /// <summary>Movements of money.</summary>
    public static Task LedgerCsvAsync(IAsyncEnumerable<LedgerListing> rows, Stream body, CancellationToken cancellationToken) => CsvAsync(
        rows,
        ["seq", "at", "kind", "amount_usd", "balance_after_usd", "ref"],
        static row => [row.Seq, Format.Iso(row.At), row.Kind.ToString().ToLowerInvariant(), Money.FormatUsd(row.Amount), Money.FormatUsd(row.BalanceAfter), row.Ref],
        body,
        cancellationToken);

    private static async Task CsvAsync<T>(
        IAsyncEnumerable<T> rows, string[] columns, Func<T, object[]> values, Stream body, CancellationToken cancellationToken)
    {
        // A model's name is somebody else's text: a spreadsheet must not take it for a formula.
        await using var csv = CsvWriter.Create(body, new CsvWriterOptions { Injection = CsvInjection.Escape }, leaveOpen: true);
        foreach (var column in columns)
        {
            csv.WriteField(column);
        }

        await csv.EndRecordAsync(cancellationToken);
        var written = 0;
        await foreach (var row in rows.WithCancellation(cancellationToken))
        {
            foreach (var value in values(row))
            {
                csv.WriteField(Convert.ToString(value, CultureInfo.InvariantCulture));
            }

            await csv.EndRecordAsync(cancellationToken);
            if (++written % FlushEvery == 0)
            {
                await csv.FlushAsync(cancellationToken);
            }
        }

        await csv.FlushAsync(cancellationToken);
    }

    private static async Task JsonAsync(IAsyncEnumerable<UsageListing> rows, Stream body, CancellationToken cancellationToken)
    {
        await using var json = new Utf8JsonWriter(body);
        json.WriteStartArray();
        var written = 0;
        await foreach (var row in rows.WithCancellation(cancellationToken))
        {
            json.WriteStartObject();
            foreach (var (name, value) in Columns.Zip(Values(row)))
            {
                if (value is long number)
                {
                    json.WriteNumber(name, number);
                }
                else
                {
                    json.WriteString(name, (string)value);
                }
            }

            json.WriteEndObject();
            if (++written % FlushEvery == 0)
            {
                await json.FlushAsync(cancellationToken);
            }
        }

        json.WriteEndArray();
    }
}
