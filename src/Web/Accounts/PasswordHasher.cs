using BCrypt.Net;
using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.Options;

namespace OrleansGateway.Web.Accounts;

/// <summary>
/// Hashes passwords as the settings say: by bcrypt, of the password's SHA-384, since bcrypt reads 72 bytes at most; or by PBKDF2. Whatever
/// way an older hash was made, it is verified, and asks to be renewed.
/// </summary>
internal sealed class PasswordHasher(IOptions<SiteOptions> options) : IPasswordHasher<Person>
{
    private const string BcryptPrefix = "$2";

    private readonly PasswordHasher<Person> _pbkdf2 = new();

    public string HashPassword(Person user, string password) => options.Value.PasswordHash == PasswordHash.Bcrypt
        ? BCrypt.Net.BCrypt.EnhancedHashPassword(password, HashType.SHA384, options.Value.BcryptCost)
        : _pbkdf2.HashPassword(user, password);

    public PasswordVerificationResult VerifyHashedPassword(Person user, string hashedPassword, string providedPassword)
    {
        var isBcrypt = hashedPassword.StartsWith(BcryptPrefix, StringComparison.Ordinal);
        var verified = !isBcrypt ? _pbkdf2.VerifyHashedPassword(user, hashedPassword, providedPassword)
            : BCrypt.Net.BCrypt.EnhancedVerify(providedPassword, hashedPassword, HashType.SHA384) ? PasswordVerificationResult.Success
            : PasswordVerificationResult.Failed;
        return verified == PasswordVerificationResult.Success && IsOld(hashedPassword, isBcrypt) ? PasswordVerificationResult.SuccessRehashNeeded : verified;
    }

    private bool IsOld(string hash, bool isBcrypt) => isBcrypt
        ? options.Value.PasswordHash != PasswordHash.Bcrypt || BCrypt.Net.BCrypt.PasswordNeedsRehash(hash, options.Value.BcryptCost)
        : options.Value.PasswordHash != PasswordHash.Pbkdf2;
}
