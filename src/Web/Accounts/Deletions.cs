using System.Globalization;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Grains.Contracts.Keys;
using OrleansGateway.Ledger.Postgres;
using OrleansGateway.Operations;
using OrleansGateway.Web.Components;

namespace OrleansGateway.Web.Accounts;

/// <summary>
/// Accounts that people delete: their keys stop at once, they may undo it for some days, and then all that names them is blanked wherever it
/// stands. The ledger stays, of an account and a person that are random ids.
/// </summary>
internal sealed partial class Deletions(
    PeopleContext people,
    Memberships memberships,
    AccountOperations accounts,
    PersonalData personalData,
    PersonMails mails,
    SignIns signIns,
    RandomSource random,
    TimeProvider time,
    IOptions<SiteOptions> options,
    ILogger<Deletions> log)
{
    private const string Reason = "deletion";
    private const int AtOnce = 100;

    /// <summary>Stops the account's keys and sets the day; only this session goes on, to undo it.</summary>
    /// <returns>Whether it is so.</returns>
    public async Task<bool> AskAsync(CurrentPerson person, CancellationToken cancellationToken)
    {
        if (await memberships.IsAloneAsync(person.Id, cancellationToken)
            && (await accounts.PauseAsync(person.Actor, random.NewRequestId(), person.AccountId!, Reason, cancellationToken)).Failure is { Kind: not FailureKind.ClosedForGood })
        {
            return false;
        }

        var self = await people.Users.SingleAsync(one => one.Id == person.Id, cancellationToken);
        self.DeletionDueAt = time.GetUtcNow().AddDays(options.Value.DeletionGraceDays);
        mails.DeletionAsked(self, self.DeletionDueAt.Value);
        await people.SaveChangesAsync(cancellationToken);
        await signIns.EndAllAsync(person.Id, kept: person.SessionId);
        return true;
    }

    /// <summary>Takes it back before its day; keys work again unless something else stops them.</summary>
    /// <returns>Whether it is so.</returns>
    public async Task<bool> UndoAsync(CurrentPerson person, CancellationToken cancellationToken)
    {
        if (person.DeletionDueAt <= time.GetUtcNow())
        {
            return false;
        }

        // The mark goes last: what breaks off before can be asked for again.
        if (person is { PolicyWithdrawnAt: null, AccountId: { } accountId }
            && (await accounts.UnpauseAsync(person.Actor, random.NewRequestId(), accountId, Reason, cancellationToken)).Failure is not null)
        {
            return false;
        }

        var now = time.GetUtcNow();
        return await people.Users.Where(one => one.Id == person.Id && one.DeletedAt == null && (one.DeletionDueAt == null || one.DeletionDueAt > now))
            .ExecuteUpdateAsync(set => set.SetProperty(one => one.DeletionDueAt, (DateTimeOffset?)null), cancellationToken) == 1;
    }

    /// <summary>Carries out those whose day has come. What fails is carried out at another time, from its beginning.</summary>
    /// <returns>How many were.</returns>
    public async Task<int> CompleteDueAsync(CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        var due = await people.Users.AsNoTracking().Where(one => one.DeletionDueAt <= now && one.DeletedAt == null).OrderBy(one => one.DeletionDueAt)
            .Select(one => one.Id).Take(AtOnce).ToListAsync(cancellationToken);
        var done = 0;
        foreach (var personId in due)
        {
            try
            {
                await CompleteAsync(personId, cancellationToken);
                done++;
            }
            catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
            {
                LogNotDeleted(personId, exception.Message);
            }
        }

        return done;
    }

    private async Task CompleteAsync(Guid personId, CancellationToken cancellationToken)
    {
        var id = personId.ToString("N");
        var accountId = await memberships.AccountOfAsync(personId, cancellationToken);
        var isAlone = await memberships.IsAloneAsync(personId, cancellationToken);
        if (isAlone)
        {
            var closed = await accounts.SetStatusAsync(
                new Actor(ActorKind.System, "site", "-"), $"{Reason}-{id}", accountId!, AccountStatus.Closed, cancellationToken);
            if (closed.Failure is { } failure)
            {
                throw new InvalidOperationException(string.Create(CultureInfo.InvariantCulture, $"its account was not closed: {failure.Kind}"));
            }
        }

        await personalData.BlankAsync(isAlone ? accountId : null, id, cancellationToken);

        // Last: until then it begins anew. The random id stays, beside what was agreed to and the account whose ledger stays.
        var now = time.GetUtcNow();
        await people.Database.ExecuteSqlAsync(
            $"""
            WITH gone AS (
                UPDATE people.person SET name = '', user_name = NULL, normalized_user_name = NULL, email = NULL, normalized_email = NULL, phone_number = NULL,
                    password_hash = NULL, security_stamp = NULL, two_factor_enabled = false, time_zone = 'UTC', deleted_at = {now}
                WHERE id = {personId} AND deletion_due_at <= {now} RETURNING id),
            sessions AS (DELETE FROM people.session WHERE person_id IN (SELECT id FROM gone)),
            sign_ins AS (DELETE FROM people.sign_in WHERE person_id IN (SELECT id FROM gone)),
            tokens AS (DELETE FROM people.person_token WHERE user_id IN (SELECT id FROM gone)),
            passkeys AS (DELETE FROM people.person_passkey WHERE user_id IN (SELECT id FROM gone)),
            logins AS (DELETE FROM people.person_login WHERE user_id IN (SELECT id FROM gone)),
            claims AS (DELETE FROM people.person_claim WHERE user_id IN (SELECT id FROM gone)),
            changes AS (DELETE FROM people.email_change WHERE person_id IN (SELECT id FROM gone)),
            exports AS (DELETE FROM people.data_export WHERE person_id IN (SELECT id FROM gone)),
            shown AS (DELETE FROM people.shown_key WHERE person_id IN (SELECT id FROM gone)),
            codes AS (DELETE FROM people.used_code WHERE person_id IN (SELECT id FROM gone)),
            members AS (DELETE FROM people.account_member WHERE person_id IN (SELECT id FROM gone) AND NOT {isAlone})
            UPDATE people.consent SET address = '-' WHERE person_id IN (SELECT id FROM gone)
            """,
            cancellationToken);
    }

    [LoggerMessage(1420, LogLevel.Error, "What names the person {Id} was not deleted, and is tried again: {Message}")]
    private partial void LogNotDeleted(Guid id, string message);
}
