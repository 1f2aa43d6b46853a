using System.Globalization;
using System.Security.Cryptography;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.Http;
using Microsoft.EntityFrameworkCore;
using OrleansGateway.Grains.Contracts;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Grains.Contracts.Keys;
using OrleansGateway.Operations;
using OrleansGateway.Web.Accounts;
using OrleansGateway.Web.Components;

namespace OrleansGateway.Web.Playground;

/// <summary>
/// The playground's key: one a person, as an account has only so many, made when it is first needed, with a small cap and an hour to live
/// from its last renewal. Sign-out disables it, the next use enables it again. Keys are kept by their digests alone, and no key gets another
/// secret: this one's is beside what else lets the person in, encrypted for them, and never in a browser.
/// </summary>
internal sealed class PlaygroundKeys(KeyOperations keys, PeopleContext people, IDataProtectionProvider protection, RandomSource random, TimeProvider time)
{
    /// <summary>The most that it may spend in a day (UTC), nanos.</summary>
    public const long CapNanos = Money.NanosPerUsd;

    private const string Provider = "Playground";
    private const string Name = "Key";
    private const string UnknownKey = "invalid_api_key";
    private static readonly TimeSpan Life = TimeSpan.FromHours(1);

    /// <summary>Longer than a request may take.</summary>
    private static readonly TimeSpan RenewedBefore = TimeSpan.FromMinutes(30);

    /// <summary>The person's key, good for a while.</summary>
    /// <param name="refusal">The error's code with which the relay refused the one that there is; null if it did not.</param>
    public async Task<Result<PlaygroundKey>> EnsureAsync(HttpContext http, string? refusal = null)
    {
        var (person, ended) = (http.Person()!, http.RequestAborted);
        if (refusal is null && await FindAsync(person, ended) is { } good && good.ExpiresAt - time.GetUtcNow() > RenewedBefore)
        {
            return good;
        }

        // The person's row is locked: two requests at once make one key.
        var id = person.Id;
        await using var transaction = await people.Database.BeginTransactionAsync(ended);
        await people.Database.ExecuteSqlAsync($"SELECT FROM people.person WHERE id = {id} FOR NO KEY UPDATE", ended);
        var expires = time.GetUtcNow() + Life;

        // The relay does not know a key of a signing secret that is no more.
        var key = refusal == UnknownKey ? null : await FindAsync(person, ended);
        if (key is not null)
        {
            var renewed = await RenewAsync(person, key.KeyId, expires, ended);
            if (renewed is { Kind: not (FailureKind.ClosedForGood or FailureKind.UnknownKey) })
            {
                return renewed;
            }

            // One that the person revoked among their keys is for good.
            key = renewed is null ? key with { ExpiresAt = expires } : null;
        }

        if (key is null)
        {
            var made = await keys.CreateAsync(
                person.Actor,
                random.NewRequestId(),
                person.AccountId!,
                new KeyFields { Name = "Playground", ExpiresAt = expires, Caps = new SpendCaps(null, CapNanos, null, null), ShowCost = true },
                ended);
            if (made.Failure is { } failure)
            {
                return failure;
            }

            key = new PlaygroundKey(made.Value!.Key.KeyId, made.Value.Secret!, expires);
        }

        await KeepAsync(person, key);
        await transaction.CommitAsync(CancellationToken.None);
        return key;
    }

    /// <summary>Disables the person's key, if there is one. One that cannot be disabled now ends within the hour.</summary>
    public async Task DisableAsync(HttpContext http)
    {
        if (http.Person() is { AccountId: { } accountId } person && await FindAsync(person, CancellationToken.None) is { } key)
        {
            await keys.SetStatusAsync(person.Actor, random.NewRequestId(), accountId, key.KeyId, KeyStatus.Disabled, CancellationToken.None);
            await KeepAsync(person, key with { ExpiresAt = time.GetUtcNow() });
        }
    }

    /// <returns>Why it was not; null if it was.</returns>
    private async Task<Failure?> RenewAsync(CurrentPerson person, string keyId, DateTimeOffset expires, CancellationToken cancellationToken)
    {
        var moved = await keys.UpdateAsync(
            person.Actor, random.NewRequestId(), person.AccountId!, keyId, new KeyFields { Name = "-", ExpiresAt = expires }, ["expires_at"], cancellationToken);
        return moved.Failure
            ?? (moved.Value!.Status == KeyStatus.Active
                ? null
                : (await keys.SetStatusAsync(person.Actor, random.NewRequestId(), person.AccountId!, keyId, KeyStatus.Active, cancellationToken)).Failure);
    }

    private Task<int> KeepAsync(CurrentPerson person, PlaygroundKey key)
    {
        var (id, value) = (person.Id, Of(person).Protect(string.Join(
            ' ', person.AccountId, key.KeyId, key.ExpiresAt.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture), key.Secret)));
        return people.Database.ExecuteSqlAsync(
            $"""
            INSERT INTO people.person_token (user_id, login_provider, name, value) VALUES ({id}, {Provider}, {Name}, {value})
            ON CONFLICT (user_id, login_provider, name) DO UPDATE SET value = {value}
            """);
    }

    /// <summary>Null where there is none of this account that can be read.</summary>
    private async Task<PlaygroundKey?> FindAsync(CurrentPerson person, CancellationToken cancellationToken)
    {
        var id = person.Id;
        var found = await people.Database.SqlQuery<string>(
            $"SELECT value AS \"Value\" FROM people.person_token WHERE user_id = {id} AND login_provider = {Provider} AND name = {Name}").ToListAsync(cancellationToken);
        try
        {
            return found is [var value] && Of(person).Unprotect(value).Split(' ') is [var account, var keyId, var expires, var secret] && account == person.AccountId
                ? new PlaygroundKey(keyId, secret, DateTimeOffset.FromUnixTimeSeconds(long.Parse(expires, CultureInfo.InvariantCulture)))
                : null;
        }
        catch (CryptographicException)
        {
            return null;
        }
    }

    private IDataProtector Of(CurrentPerson person) => protection.CreateProtector("people.playground_key", person.Id.ToString());
}

/// <summary>A key with its text.</summary>
internal sealed record PlaygroundKey(string KeyId, string Secret, DateTimeOffset ExpiresAt)
{
    /// <summary>Without the secret.</summary>
    public override string ToString() => KeyId;
}
