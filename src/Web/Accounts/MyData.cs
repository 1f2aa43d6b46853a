using System.IO.Compression;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.EntityFrameworkCore;
using OrleansGateway.Ledger.Postgres;
using OrleansGateway.Operations;
using OrleansGateway.Web.Usage;

namespace OrleansGateway.Web.Accounts;

/// <summary>All that is kept of a person and their account, as a ZIP that is written while it is read.</summary>
internal static class MyData
{
    private static readonly JsonSerializerOptions Json = new() { WriteIndented = true };

    public static void MapMyData(this IEndpointRouteBuilder routes) =>
        routes.MapGet("/console/my-data.zip", WriteAsync).RequireAuthorization();

    private static async Task WriteAsync(HttpContext context, PeopleContext people, ReportOperations reports)
    {
        var person = context.Person()!;
        var ended = context.RequestAborted;
        var self = await people.Users.AsNoTracking().Where(one => one.Id == person.Id)
            .Select(one => new { one.Name, one.Email, one.Language, one.TimeZone, one.CreatedAt, one.AgeStatedAt, one.TwoFactorEnabled }).SingleAsync(ended);
        var sessions = await people.Sessions.AsNoTracking().Where(one => one.PersonId == person.Id).Select(one => new { one.CreatedAt, one.SeenAt, one.Address, one.Agent }).ToListAsync(ended);
        var signIns = await people.SignIns.AsNoTracking().Where(one => one.PersonId == person.Id).OrderBy(one => one.At)
            .Select(one => new { one.At, one.Outcome, one.Address, one.Agent }).ToListAsync(ended);
        var consents = await people.Consents.AsNoTracking().Where(one => one.PersonId == person.Id).OrderBy(one => one.At)
            .Select(one => new { one.At, one.Purpose, one.Version, one.Language, one.IsGiven, one.Address }).ToListAsync(ended);
        var keys = (await reports.KeysAsync(person.Actor, person.AccountId!, new PageRequest(LedgerQueries.MaxPage), ended)).Value;
        var calls = await reports.ExportUsageAsync(person.Actor, new UsageFilter { AccountId = person.AccountId }, ended);
        var ledger = await reports.ExportLedgerAsync(person.Actor, new LedgerFilter(person.AccountId!, null, null), ended);
        context.Response.ContentType = "application/zip";
        context.Response.Headers.ContentDisposition = "attachment; filename=my-data.zip";
        context.Response.Headers.CacheControl = "no-store";
        await using var zip = await ZipArchive.CreateAsync(context.Response.Body, ZipArchiveMode.Create, leaveOpen: true, entryNameEncoding: null, ended);
        await AddAsync(zip, "read-me.txt", stream => stream.WriteAsync(System.Text.Encoding.UTF8.GetBytes(Texts.MyDataReadMe), ended).AsTask());
        await AddAsync(zip, "person.json", stream => JsonSerializer.SerializeAsync(stream, self, Json, ended));
        await AddAsync(zip, "sessions.json", stream => JsonSerializer.SerializeAsync(stream, sessions, Json, ended));
        await AddAsync(zip, "sign-ins.json", stream => JsonSerializer.SerializeAsync(stream, signIns, Json, ended));
        await AddAsync(zip, "consents.json", stream => JsonSerializer.SerializeAsync(stream, consents, Json, ended));
        await AddAsync(zip, "keys.json", stream => JsonSerializer.SerializeAsync(
            stream, keys?.Rows.Select(static key => new { key.KeyId, key.Settings.Name, Status = key.Status.ToString(), SpentUsd = Grains.Contracts.Money.FormatUsd(key.SpentNanos), key.UsedAt, key.UsedFrom }), Json, ended));
        if (calls.Value is { } rows)
        {
            await AddAsync(zip, "calls.csv", stream => UsageExport.CsvAsync(rows.Rows, stream, ended));
        }

        if (ledger.Value is { } entries)
        {
            await AddAsync(zip, "ledger.csv", stream => UsageExport.LedgerCsvAsync(entries.Rows, stream, ended));
        }
    }

    private static async Task AddAsync(ZipArchive zip, string name, Func<Stream, Task> write)
    {
        await using var entry = await zip.CreateEntry(name).OpenAsync();
        await write(entry);
    }
}
