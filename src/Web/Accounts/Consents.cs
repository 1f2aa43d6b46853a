using System.Globalization;
using Microsoft.AspNetCore.Http;
using Microsoft.EntityFrameworkCore;
using OrleansGateway.Grains.Contracts.Keys;
using OrleansGateway.Operations;
using OrleansGateway.Web.Components;

namespace OrleansGateway.Web.Accounts;

/// <summary>What people agree to after registration, and take back: without consent to the policy there is no service.</summary>
internal sealed class Consents(PeopleContext people, AccountOperations accounts, SignIns signIns, ISiteHost host, RandomSource random, TimeProvider time)
{
    /// <summary>What is agreed to at registration.</summary>
    public static readonly string[] Purposes = ["terms", "privacy", "crossborder"];

    private const string Reason = "policy";

    /// <summary>Takes consent back: the account's keys and every other session stop at once.</summary>
    /// <returns>Whether it is so.</returns>
    public async Task<bool> WithdrawAsync(HttpContext http, CancellationToken cancellationToken)
    {
        var person = http.Person()!;
        if ((await accounts.PauseAsync(person.Actor, random.NewRequestId(), person.AccountId!, Reason, cancellationToken)).Failure is { Kind: not FailureKind.ClosedForGood })
        {
            return false;
        }

        await RecordAsync(http, person.Id, isGiven: false, cancellationToken);
        await signIns.EndAllAsync(person.Id, kept: person.SessionId);
        return true;
    }

    /// <summary>Gives it again: keys work again unless something else stops them.</summary>
    /// <returns>Whether it is so.</returns>
    public async Task<bool> GiveAsync(HttpContext http, CancellationToken cancellationToken)
    {
        var person = http.Person()!;

        // Recorded last: what breaks off before can be asked for again.
        if (person is { DeletionDueAt: null, AccountId: { } accountId }
            && (await accounts.UnpauseAsync(person.Actor, random.NewRequestId(), accountId, Reason, cancellationToken)).Failure is not null)
        {
            return false;
        }

        await RecordAsync(http, person.Id, isGiven: true, cancellationToken);
        return true;
    }

    private async Task RecordAsync(HttpContext http, Guid personId, bool isGiven, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        var self = await people.Users.SingleAsync(one => one.Id == personId, cancellationToken);
        if (self.PolicyWithdrawnAt is null == isGiven)
        {
            // Sent twice, it is what it is.
            return;
        }

        self.PolicyWithdrawnAt = isGiven ? null : now;
        people.Consents.AddRange(Of(personId, isGiven, now, host.AddressOf(http)));
        await people.SaveChangesAsync(cancellationToken);
    }

    /// <summary>The rows of the register, of the version in force.</summary>
    public static IEnumerable<Consent> Of(Guid personId, bool isGiven, DateTimeOffset now, string address) => Purposes.Select(purpose => new Consent
    {
        PersonId = personId,
        Purpose = purpose,
        Version = Policies.Version,
        Language = CultureInfo.CurrentUICulture.TwoLetterISOLanguageName,
        IsGiven = isGiven,
        At = now,
        Address = address,
    });
}
