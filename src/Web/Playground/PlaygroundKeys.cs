using System.Globalization;
using System.Security.Cryptography;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.Http;
using OrleansGateway.Grains.Contracts;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Grains.Contracts.Keys;
using OrleansGateway.Operations;
using OrleansGateway.Web.Accounts;

namespace OrleansGateway.Web.Playground;

/// <summary>
/// The playground's key: one a session, made when it is first needed, with a small cap and an hour to live from its last renewal. Only the
/// browser keeps it, encrypted and bound to its session; sign-out revokes it.
/// </summary>
internal sealed class PlaygroundKeys(KeyOperations keys, IDataProtectionProvider protection, RandomSource random, TimeProvider time)
{
    /// <summary>The most that it may spend in a day (UTC), nanos.</summary>
    public const long CapNanos = Money.NanosPerUsd;

    private const string Cookie = "playground";
    private static readonly TimeSpan Life = TimeSpan.FromHours(1);

    /// <summary>Longer than a request may take.</summary>
    private static readonly TimeSpan RenewedBefore = TimeSpan.FromMinutes(30);

    private readonly IDataProtector _protector = protection.CreateProtector("OrleansGateway.Web.Playground");

    /// <summary>The session's key. To be called before the answer begins.</summary>
    /// <param name="isRefused">Whether the relay refused the one that there is: another is made.</param>
    public async Task<Result<PlaygroundKey>> EnsureAsync(HttpContext http, bool isRefused = false)
    {
        var person = http.Person()!;
        var expires = time.GetUtcNow() + Life;
        var kept = isRefused ? null : Read(http, person);
        if (kept is not null && kept.ExpiresAt - time.GetUtcNow() > RenewedBefore)
        {
            return kept;
        }

        if (kept is not null)
        {
            var renewed = await keys.UpdateAsync(
                person.Actor, RequestId(), person.AccountId!, kept.KeyId, new KeyFields { Name = "-", ExpiresAt = expires }, ["expires_at"], http.RequestAborted);
            if (renewed.Failure is null)
            {
                return Keep(http, person, kept with { ExpiresAt = expires });
            }
        }

        var made = await keys.CreateAsync(
            person.Actor,
            RequestId(),
            person.AccountId!,
            new KeyFields { Name = "Playground", ExpiresAt = expires, Caps = new SpendCaps(null, CapNanos, null, null), ShowCost = true },
            http.RequestAborted);
        return made.Failure is { } failure ? failure : Keep(http, person, new PlaygroundKey(made.Value!.Key.KeyId, made.Value.Secret!, expires));
    }

    /// <summary>Revokes the session's key, if there is one. One that cannot be revoked now ends within the hour.</summary>
    public async Task RevokeAsync(HttpContext http)
    {
        if (http.Person() is { AccountId: { } accountId } person && Read(http, person) is { } key)
        {
            await keys.SetStatusAsync(person.Actor, RequestId(), accountId, key.KeyId, KeyStatus.Revoked, CancellationToken.None);
        }

        http.Response.Cookies.Delete(Cookie);
    }

    private PlaygroundKey Keep(HttpContext http, CurrentPerson person, PlaygroundKey key)
    {
        var text = string.Join(' ', person.SessionId, person.AccountId, key.KeyId, key.ExpiresAt.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture), key.Secret);
        http.Response.Cookies.Append(Cookie, _protector.Protect(text), new CookieOptions
        {
            HttpOnly = true,
            SameSite = SameSiteMode.Strict,
            Secure = http.Request.IsHttps,
            MaxAge = Life,
            IsEssential = true,
        });
        return key;
    }

    /// <summary>Null where there is none of this session.</summary>
    private PlaygroundKey? Read(HttpContext http, CurrentPerson person)
    {
        try
        {
            return http.Request.Cookies[Cookie] is { } text
                && _protector.Unprotect(text).Split(' ') is [var session, var account, var keyId, var expires, var secret]
                && session == person.SessionId.ToString()
                && account == person.AccountId
                ? new PlaygroundKey(keyId, secret, DateTimeOffset.FromUnixTimeSeconds(long.Parse(expires, CultureInfo.InvariantCulture)))
                : null;
        }
        catch (CryptographicException)
        {
            return null;
        }
    }

    private string RequestId()
    {
        var bytes = new byte[16];
        random.Fill(bytes);
        return Convert.ToHexStringLower(bytes);
    }
}

/// <summary>A key with its text.</summary>
internal sealed record PlaygroundKey(string KeyId, string Secret, DateTimeOffset ExpiresAt)
{
    /// <summary>Without the secret.</summary>
    public override string ToString() => KeyId;
}
