using System.Globalization;
using System.IO.Compression;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using OrleansGateway.Grains.Contracts;
using OrleansGateway.Ledger.Postgres;
using OrleansGateway.Operations;
using OrleansGateway.Web.Usage;

namespace OrleansGateway.Web.Accounts;

/// <summary>All that is kept of a person and their account, as a ZIP, row by row as the database gives them.</summary>
internal sealed class MyData(PeopleContext people, Memberships memberships, [FromKeyedServices(WebModule.ExportPool)] ReportOperations reports)
{
    private static readonly JsonSerializerOptions Json = new() { WriteIndented = true };

    /// <summary>Writes it.</summary>
    public async Task WriteAsync(Guid personId, Stream body, CancellationToken cancellationToken)
    {
        var self = await people.Users.AsNoTracking().Where(one => one.Id == personId)
            .Select(one => new { one.Name, one.Email, one.Language, one.TimeZone, one.CreatedAt, one.AgeStatedAt, one.TwoFactorEnabled, one.PolicyWithdrawnAt, one.DeletionDueAt })
            .SingleAsync(cancellationToken);
        var sessions = people.Sessions.AsNoTracking().Where(one => one.PersonId == personId).OrderBy(one => one.CreatedAt)
            .Select(one => new { one.CreatedAt, one.SeenAt, one.Address, one.Agent });
        var signIns = people.SignIns.AsNoTracking().Where(one => one.PersonId == personId).OrderBy(one => one.At)
            .Select(one => new { one.At, one.Outcome, one.Address, one.Agent });
        var consents = people.Consents.AsNoTracking().Where(one => one.PersonId == personId).OrderBy(one => one.At)
            .Select(one => new { one.At, one.Purpose, one.Version, one.Language, one.IsGiven, one.Address });
        var passkeys = (await people.Set<IdentityUserPasskey<Guid>>().AsNoTracking().Where(one => one.UserId == personId).ToListAsync(cancellationToken))
            .Select(static one => new { one.Data.Name, one.Data.CreatedAt });
        var providers = people.Set<IdentityUserLogin<Guid>>().AsNoTracking().Where(one => one.UserId == personId)
            .Select(static one => new { Issuer = one.LoginProvider, Subject = one.ProviderKey });
        var emails = people.EmailChanges.AsNoTracking().Where(one => one.PersonId == personId).OrderBy(one => one.At).Select(one => new { one.At, one.OldEmail });

        await using var zip = await ZipArchive.CreateAsync(body, ZipArchiveMode.Create, leaveOpen: true, entryNameEncoding: null, cancellationToken);
        var readMe = Texts.ResourceManager.GetString(nameof(Texts.MyDataReadMe), CultureInfo.GetCultureInfo(self.Language))!;
        await AddAsync("read-me.txt", stream => stream.WriteAsync(Encoding.UTF8.GetBytes(readMe), cancellationToken).AsTask());
        await AddJsonAsync("person.json", self);
        await AddJsonAsync("sessions.json", sessions.AsAsyncEnumerable());
        await AddJsonAsync("sign-ins.json", signIns.AsAsyncEnumerable());
        await AddJsonAsync("consents.json", consents.AsAsyncEnumerable());
        await AddJsonAsync("passkeys.json", passkeys);
        await AddJsonAsync("sign-in-providers.json", providers.AsAsyncEnumerable());
        await AddJsonAsync("e-mail-changes.json", emails.AsAsyncEnumerable());
        if (await memberships.AccountOfAsync(personId, cancellationToken) is { } accountId)
        {
            var actor = new Actor(ActorKind.Person, personId.ToString("N"), "-") { AccountId = accountId };
            await AddJsonAsync("keys.json", KeysAsync(actor, accountId, cancellationToken));
            if ((await reports.ExportUsageAsync(actor, new UsageFilter { AccountId = accountId }, cancellationToken)).Value is { } calls)
            {
                await AddAsync("calls.csv", stream => UsageExport.CsvAsync(calls.Rows, stream, cancellationToken));
            }

            if ((await reports.ExportLedgerAsync(actor, new LedgerFilter(accountId, null, null), cancellationToken)).Value is { } ledger)
            {
                await AddAsync("ledger.csv", stream => UsageExport.LedgerCsvAsync(ledger.Rows, stream, cancellationToken));
            }
        }

        Task AddJsonAsync<T>(string name, T value) => AddAsync(name, stream => JsonSerializer.SerializeAsync(stream, value, Json, cancellationToken));

        async Task AddAsync(string name, Func<Stream, Task> write)
        {
            await using var entry = await zip.CreateEntry(name).OpenAsync(cancellationToken);
            await write(entry);
        }
    }

    private async IAsyncEnumerable<object> KeysAsync(Actor actor, string accountId, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var page = new PageRequest(LedgerQueries.MaxPage);
        while ((await reports.KeysAsync(actor, accountId, page, cancellationToken)).Value is { } keys)
        {
            foreach (var key in keys.Rows)
            {
                yield return new { key.KeyId, key.Settings.Name, Status = key.Status.ToString(), key.Settings.Addresses, SpentUsd = Money.FormatUsd(key.SpentNanos), key.UsedAt, key.UsedFrom };
            }

            if (keys.NextToken.Length == 0)
            {
                yield break;
            }

            page = page with { Token = keys.NextToken };
        }
    }
}
