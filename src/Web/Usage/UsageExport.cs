using System.Buffers;
using System.Globalization;
using System.Text.Json;
using CsvHelper;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
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

    /// <summary>With what spreadsheets begin a formula.</summary>
    private static readonly SearchValues<char> FormulaMarks = SearchValues.Create("=+-@\t\r\n|%");

    public static void MapUsageExport(this IEndpointRouteBuilder routes)
    {
        Map("/console/usage.csv", "text/csv; charset=utf-8", CsvAsync);
        Map("/console/usage.json", "application/json; charset=utf-8", JsonAsync);

        void Map(string path, string type, Func<IAsyncEnumerable<UsageListing>, Stream, CancellationToken, Task> write) => routes.MapGet(
            path,
            async (HttpContext context, Exports exports, [FromKeyedServices(WebModule.ExportPool)] ReportOperations reports, TimeProvider time) =>
            {
                var person = context.Person()!;
                var query = UsageQuery.Of(context.Request.Query, person, time.GetUtcNow());
                var export = await reports.ExportUsageAsync(person.Actor, query.Filter(person), context.RequestAborted);
                if (export.Value is not { } rows)
                {
                    context.Response.StatusCode = StatusCodes.Status400BadRequest;
                    return;
                }

                await exports.SendAsync(context, type, Path.GetFileName(path), (body, ended) => write(rows.Rows, body, ended));
            }).RequireAuthorization();
    }

    private static readonly string[] Columns =
    [
        "at", "request_id", "key_id", "model", "endpoint", "status", "charge_usd", "price_version", "first_byte_ms", "duration_ms",
        .. Units.All.Select(static unit => unit.Name()), "is_estimated", "client_address",
    ];

    private static object[] Values(UsageListing row) =>
    [
        Format.Iso(row.At), row.RequestId, row.KeyId, row.Model, row.Endpoint, row.Status, new Amount(row.Charge), row.PriceId, row.FirstByteMs, row.DurationMs,
        .. Units.All.Select(unit => (object)row.Usage[unit]), row.Usage.IsEstimated ? "true" : "false", row.ClientAddress,
    ];

    public static Task CsvAsync(IAsyncEnumerable<UsageListing> rows, Stream body, CancellationToken cancellationToken) =>
        CsvAsync(rows, Columns, Values, body, cancellationToken);

    /// <summary>Movements of money.</summary>
    public static Task LedgerCsvAsync(IAsyncEnumerable<LedgerListing> rows, Stream body, CancellationToken cancellationToken) => CsvAsync(
        rows,
        ["seq", "at", "kind", "amount_usd", "balance_after_usd", "ref"],
        static row => [row.Seq, Format.Iso(row.At), row.Kind.ToString().ToLowerInvariant(), new Amount(row.Amount), new Amount(row.BalanceAfter), row.Ref],
        body,
        cancellationToken);

    private static async Task CsvAsync<T>(
        IAsyncEnumerable<T> rows, string[] columns, Func<T, object[]> values, Stream body, CancellationToken cancellationToken)
    {
        await using var csv = CsvWriter.Create(body, new CsvWriterOptions(), leaveOpen: true);
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
                csv.WriteField(value is string text ? Harmless(text) : Convert.ToString(value, CultureInfo.InvariantCulture));
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
                    json.WriteString(name, value.ToString());
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

    /// <summary>A model's name is somebody else's text: a spreadsheet must not take it for a formula. Numbers, below 0 too, are none.</summary>
    private static string Harmless(string text) => text.Length > 0 && FormulaMarks.Contains(text[0]) ? $"'{text}" : text;

    /// <summary>Money, which is a number: every digit of its US dollars.</summary>
    private readonly record struct Amount(long Nanos)
    {
        public override string ToString() => Money.FormatUsd(Nanos);
    }
}
