using System.Globalization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using OrleansGateway.Grains.Contracts.Keys;
using OrleansGateway.Web.Pages.Public;
using OrleansGateway.Web.Usage;

namespace OrleansGateway.Web.Accounts;

/// <summary>Exports of all that is kept of a person: asked for here, made by <see cref="DataExportMaker"/>, fetched here for some days.</summary>
internal sealed class DataExports(PeopleContext people, IDataProtectionProvider protection, RandomSource random, TimeProvider time, IOptions<SiteOptions> options)
{
    /// <summary>Of a person, that are kept at a time.</summary>
    public const int KeptMax = 3;

    /// <summary>The least size of a part but the last, bytes.</summary>
    public const int PartBytes = 512 * 1024;

    /// <summary>A person's exports, the newest first.</summary>
    public Task<List<DataExport>> OfAsync(Guid personId, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        return people.DataExports.AsNoTracking().Where(one => one.PersonId == personId && one.ExpiresAt > now).OrderByDescending(one => one.AskedAt).ToListAsync(cancellationToken);
    }

    /// <summary>Asks for one.</summary>
    /// <returns>False where one is being made, or as many are kept as may be.</returns>
    public async Task<bool> AskAsync(Guid personId, CancellationToken cancellationToken)
    {
        var bytes = new byte[16];
        random.Fill(bytes);
        var (id, now) = (new Guid(bytes), time.GetUtcNow());
        var expiresAt = now.AddDays(options.Value.ExportDays);

        // The person's row is locked first: a form that is sent twice at once asks once.
        await using var transaction = await people.Database.BeginTransactionAsync(cancellationToken);
        await people.Database.ExecuteSqlAsync($"SELECT FROM people.person WHERE id = {personId} FOR UPDATE", cancellationToken);
        var asked = await people.Database.ExecuteSqlAsync(
            $"""
            INSERT INTO people.data_export (id, person_id, asked_at, next_try_at, tries, expires_at, bytes)
            SELECT {id}, {personId}, {now}, {now}, 0, {expiresAt}, 0
            WHERE (SELECT count(*) FROM people.data_export WHERE person_id = {personId} AND expires_at > {now}) < {KeptMax}
                AND NOT EXISTS (SELECT FROM people.data_export WHERE person_id = {personId} AND ready_at IS NULL AND expires_at > {now})
            """,
            cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return asked == 1;
    }

    /// <summary>Encrypts, or decrypts, a part.</summary>
    public IDataProtector ProtectorOf(Guid exportId, int part) =>
        protection.CreateProtector("people.data_export", exportId.ToString(), part.ToString(CultureInfo.InvariantCulture));

    /// <summary>The file, for the person whose it is.</summary>
    public static void Map(IEndpointRouteBuilder routes) => routes.MapGet(
        "/console/my-data/{id:guid}.zip",
        async (HttpContext context, Guid id, DataExports own, Exports exports) =>
        {
            var ended = context.RequestAborted;
            if (!(await own.OfAsync(context.Person()!.Id, ended)).Exists(one => one.Id == id && one.ReadyAt is not null))
            {
                await new RazorComponentResult<FailedPage> { StatusCode = StatusCodes.Status404NotFound }.ExecuteAsync(context);
                return;
            }

            await exports.SendAsync(context, "application/zip", "my-data.zip", (body, gone) => own.WriteAsync(id, body, gone));
        }).RequireAuthorization();

    private async Task WriteAsync(Guid id, Stream body, CancellationToken cancellationToken)
    {
        for (var part = 0; ; part++)
        {
            var found = await people.Database.SqlQuery<byte[]>($"SELECT content AS \"Value\" FROM people.data_export_part WHERE export_id = {id} AND part = {part}").ToListAsync(cancellationToken);
            if (found is not [var content])
            {
                return;
            }

            await body.WriteAsync(ProtectorOf(id, part).Unprotect(content), cancellationToken);
            await body.FlushAsync(cancellationToken);
        }
    }
}
