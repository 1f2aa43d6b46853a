using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.Identity;
using Microsoft.AspNetCore.Identity.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore;

namespace OrleansGateway.Web.Accounts;

/// <summary>
/// Identity's own store, with what people's second factors hang on kept so that a copy of the database does not give it away: secrets of apps
/// encrypted, recovery codes as digests beneath that.
/// </summary>
internal sealed class PersonStore(PeopleContext context, IDataProtectionProvider protection, IdentityErrorDescriber describer)
    : UserOnlyStore<Person, PeopleContext, Guid, IdentityUserClaim<Guid>, IdentityUserLogin<Guid>, IdentityUserToken<Guid>, IdentityUserPasskey<Guid>>(context, describer)
{
    // As Identity names them.
    private const string TokenProvider = "[AspNetUserStore]";
    private const string RecoveryCodes = "RecoveryCodes";

    /// <summary>What all that data protection writes begins with; no secret of an app, in base32, does, and no recovery code.</summary>
    private const string ProtectedPrefix = "CfDJ8";

    private readonly IDataProtector _protector = protection.CreateProtector("people.person_token");

    public override Task SetTokenAsync(Person user, string loginProvider, string name, string? value, CancellationToken cancellationToken) =>
        base.SetTokenAsync(user, loginProvider, name, value is null ? null : Of(user, name).Protect(value), cancellationToken);

    public override async Task<string?> GetTokenAsync(Person user, string loginProvider, string name, CancellationToken cancellationToken)
    {
        if (await base.GetTokenAsync(user, loginProvider, name, cancellationToken) is not { Length: > 0 } value)
        {
            return null;
        }

        if (value.StartsWith(ProtectedPrefix, StringComparison.Ordinal))
        {
            return Of(user, name).Unprotect(value);
        }

        // As earlier versions wrote it: from now on as this one does.
        var plain = name == RecoveryCodes ? string.Join(';', value.Split(';').Select(Digest)) : value;
        var (id, kept) = (user.Id, Of(user, name).Protect(plain));
        await Context.Database.ExecuteSqlAsync(
            $"UPDATE people.person_token SET value = {kept} WHERE user_id = {id} AND login_provider = {loginProvider} AND name = {name} AND value = {value}", cancellationToken);
        return plain;
    }

    public override Task ReplaceCodesAsync(Person user, IEnumerable<string> recoveryCodes, CancellationToken cancellationToken) =>
        base.ReplaceCodesAsync(user, recoveryCodes.Select(Digest), cancellationToken);

    public override async Task<bool> RedeemCodeAsync(Person user, string code, CancellationToken cancellationToken)
    {
        var left = (await GetTokenAsync(user, TokenProvider, RecoveryCodes, cancellationToken) ?? "").Split(';');
        var digest = Digest(code);
        if (!left.Contains(digest))
        {
            return false;
        }

        // The base's own way would take the digests that are left for codes.
        await base.ReplaceCodesAsync(user, left.Where(one => one != digest), cancellationToken);
        return true;
    }

    private IDataProtector Of(Person user, string name) => _protector.CreateProtector(user.Id.ToString(), name);

    /// <summary>Codes are random: a digest is enough.</summary>
    private static string Digest(string code) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(code.ToUpperInvariant())));
}
