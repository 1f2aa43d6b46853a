using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.EntityFrameworkCore;

namespace OrleansGateway.Web.Accounts;

/// <summary>
/// Slows guessing down. Attempts are counted for an e-mail address from each network, and from everywhere together: a stranger stops their own
/// network, not the owner's, who signs in from where they did before even while strangers guess from everywhere. An address that nobody has
/// is counted likewise, so that nobody learns which ones are had.
/// </summary>
internal sealed class Attempts(PeopleContext people, ISiteHost host, TimeProvider time)
{
    /// <summary>From one network, in a row with no longer pause than <see cref="Pause"/>.</summary>
    public const int NetworkMax = 8;

    /// <summary>From all networks that the owner has not signed in from.</summary>
    public const int EverywhereMax = 100;

    private const string Everywhere = "*";
    private const string Codes = "code";
    private static readonly TimeSpan Pause = TimeSpan.FromMinutes(15);

    /// <summary>Counts an attempt to give the password of an address, before it is looked at.</summary>
    /// <param name="personId">Whose address it is; null for nobody's.</param>
    /// <returns>Whether it may be looked at.</returns>
    public async Task<bool> MayTryPasswordAsync(HttpContext http, string email, Guid? personId)
    {
        var subject = SubjectOf(email);
        var network = ClientNetwork.Of(host.AddressOf(http));
        if (!await CountAsync(subject, network, NetworkMax))
        {
            return false;
        }

        return await CountAsync(subject, Everywhere, EverywhereMax)
            || (await people.SignIns.Where(record => record.PersonId == personId && record.Outcome == "signed_in").Select(record => record.Address).Distinct().ToListAsync())
                .Exists(address => ClientNetwork.Of(address) == network);
    }

    /// <summary>Counts an attempt to give a code: whoever makes one knows the password, so that it is not a stranger's to stop the owner.</summary>
    public Task<bool> MayTryCodeAsync(string email) => CountAsync(SubjectOf(email), Codes, NetworkMax);

    /// <summary>The right password, or code, was given from here.</summary>
    public Task ForgetAsync(HttpContext http, string email)
    {
        var subject = SubjectOf(email);
        var network = ClientNetwork.Of(host.AddressOf(http));
        return people.Database.ExecuteSqlAsync($"DELETE FROM people.attempt WHERE subject = {subject} AND network IN ({network}, {Everywhere}, {Codes})");
    }

    /// <summary>Whoever reads the address' mails has set a new password.</summary>
    public Task ForgetAllAsync(string email)
    {
        var subject = SubjectOf(email);
        return people.Database.ExecuteSqlAsync($"DELETE FROM people.attempt WHERE subject = {subject}");
    }

    /// <summary>A digest of an address, whatever its case.</summary>
    public static Guid SubjectOf(string email) => new(SHA256.HashData(Encoding.UTF8.GetBytes(email.Normalize().ToUpperInvariant())).AsSpan(0, 16));

    private async Task<bool> CountAsync(Guid subject, string network, int max)
    {
        var now = time.GetUtcNow();
        var since = now - Pause;

        // In one statement: attempts at the same time do not see the same count.
        return await people.Database.ExecuteSqlAsync(
            $"""
            INSERT INTO people.attempt (subject, network, attempts, at) VALUES ({subject}, {network}, 1, {now})
            ON CONFLICT (subject, network) DO UPDATE SET at = {now}, attempts = CASE WHEN attempt.at < {since} THEN 1 ELSE attempt.attempts + 1 END
            WHERE attempt.attempts < {max} OR attempt.at < {since}
            """) == 1;
    }
}

/// <summary>What is taken for one visitor.</summary>
internal static class ClientNetwork
{
    /// <summary>An IPv4 address, or the /64 of an IPv6 address: one customer of an internet provider has as many addresses as that holds.</summary>
    public static string Of(string address)
    {
        if (!IPAddress.TryParse(address, out var parsed) || parsed.AddressFamily != AddressFamily.InterNetworkV6)
        {
            return address;
        }

        var bytes = parsed.GetAddressBytes();
        bytes.AsSpan(8).Clear();
        return $"{new IPAddress(bytes)}/64";
    }
}
