using System.Text;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.EntityFrameworkCore;

namespace OrleansGateway.Web.Accounts;

/// <summary>Keeps the secret of a key that a form made for a minute, encrypted: the same form sent twice at once, as by a double click, shows it twice.</summary>
internal sealed class ShownKeys(PeopleContext people, IDataProtectionProvider protection, TimeProvider time)
{
    private const int LooksMax = 20;
    private static readonly TimeSpan Life = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan LookEvery = TimeSpan.FromMilliseconds(100);

    /// <summary>Keeps it.</summary>
    public Task KeepAsync(Guid personId, string requestId, string secret, CancellationToken cancellationToken)
    {
        var (content, until) = (Of(personId, requestId).Protect(Encoding.UTF8.GetBytes(secret)), time.GetUtcNow() + Life);
        return people.Database.ExecuteSqlAsync(
            $"INSERT INTO people.shown_key (person_id, request_id, secret, expires_at) VALUES ({personId}, {requestId}, {content}, {until}) ON CONFLICT DO NOTHING",
            cancellationToken);
    }

    /// <summary>The secret that the same form made a moment ago; whoever made it may be about to keep it. Null where that is longer ago.</summary>
    public async Task<string?> FindAsync(Guid personId, string requestId, CancellationToken cancellationToken)
    {
        for (var looks = 1; ; looks++)
        {
            var now = time.GetUtcNow();
            var found = await people.Database.SqlQuery<byte[]>(
                $"SELECT secret AS \"Value\" FROM people.shown_key WHERE person_id = {personId} AND request_id = {requestId} AND expires_at > {now}").ToListAsync(cancellationToken);
            if (found is [var content])
            {
                return Encoding.UTF8.GetString(Of(personId, requestId).Unprotect(content));
            }

            if (looks == LooksMax)
            {
                return null;
            }

            await Task.Delay(LookEvery, time, cancellationToken);
        }
    }

    private IDataProtector Of(Guid personId, string requestId) => protection.CreateProtector("people.shown_key", personId.ToString(), requestId);
}
