using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace OrleansGateway.Hosting.Cluster;

/// <summary>What a silo or an edge shows its peers, and whom it takes for one: its certificate, and the authorities of its cluster.</summary>
internal sealed class ClusterCertificate
{
    /// <summary>Peers are both: either side of a connection may have begun it.</summary>
    private static readonly Oid[] Usages = [new("1.3.6.1.5.5.7.3.1", "serverAuth"), new("1.3.6.1.5.5.7.3.2", "clientAuth")];

    private readonly X509Certificate2Collection _authorities;

    private ClusterCertificate(X509Certificate2 own, X509Certificate2Collection authorities)
    {
        Own = own;
        _authorities = authorities;
    }

    /// <summary>The certificate, with its private key.</summary>
    public X509Certificate2 Own { get; }

    /// <summary>Reads what the files held, and checks that peers of the same cluster would take it.</summary>
    /// <returns>Null if they would not; the problems say why.</returns>
    public static ClusterCertificate? Create(ClusterPem pem, DateTimeOffset now, SettingProblems problems)
    {
        var authorities = ReadAuthorities(nameof(ClusterSettings.CertificateAuthority), pem.Authority, problems);
        var own = ReadOwn(pem, problems);
        if (authorities is null || own is null)
        {
            return null;
        }

        var certificate = new ClusterCertificate(own, authorities);
        return certificate.IsGood(now, problems) ? certificate : null;
    }

    /// <summary>The certificates of authorities.</summary>
    /// <param name="setting">Which of the section's settings named the file.</param>
    /// <returns>Null if there are none.</returns>
    public static X509Certificate2Collection? ReadAuthorities(string setting, string pem, SettingProblems problems)
    {
        var authorities = new X509Certificate2Collection();
        try
        {
            authorities.ImportFromPem(pem);
        }
        catch (CryptographicException)
        {
            authorities.Clear();
        }

        if (authorities.Count > 0)
        {
            return authorities;
        }

        problems.Add(setting, "names a file without a certificate (PEM).");
        return null;
    }

    /// <summary>These authorities are believed and no others, not even those of the system.</summary>
    public static X509ChainPolicy Trusting(X509Certificate2Collection authorities)
    {
        var policy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,
            DisableCertificateDownloads = true,
        };
        policy.CustomTrustStore.AddRange(authorities);
        return policy;
    }

    /// <summary>How a peer's certificate is judged, of a connection each.</summary>
    public X509ChainPolicy Policy() => Trusting(_authorities);

    private static X509Certificate2? ReadOwn(ClusterPem pem, SettingProblems problems)
    {
        try
        {
            using var certificate = X509Certificate2.CreateFromPem(pem.Certificate);
        }
        catch (CryptographicException)
        {
            problems.Add(nameof(ClusterSettings.Certificate), "names a file without a certificate (PEM).");
            return null;
        }

        try
        {
            return X509Certificate2.CreateFromPem(pem.Certificate, pem.Key);
        }
        catch (Exception exception) when (exception is CryptographicException or ArgumentException)
        {
            problems.Add(
                nameof(ClusterSettings.CertificateKey),
                $"names a file without the private key (PEM, not encrypted) of {problems.Name(nameof(ClusterSettings.Certificate))}.");
            return null;
        }
    }

    private bool IsGood(DateTimeOffset now, SettingProblems problems)
    {
        if (CertificateTimes.Untimely(Own, now) is { } untimely)
        {
            problems.Add(nameof(ClusterSettings.Certificate), untimely);
            return false;
        }

        if (_authorities.All(authority => CertificateTimes.Untimely(authority, now) is not null))
        {
            problems.Add(nameof(ClusterSettings.CertificateAuthority), CertificateTimes.Untimely(_authorities[0], now)!);
            return false;
        }

        using var chain = new X509Chain { ChainPolicy = Policy() };
        chain.ChainPolicy.VerificationTime = now.UtcDateTime;
        foreach (var usage in Usages)
        {
            chain.ChainPolicy.ApplicationPolicy.Add(usage);
        }

        if (chain.Build(Own))
        {
            return true;
        }

        var isOfUse = chain.ChainStatus.All(static status => status.Status != X509ChainStatusFlags.NotValidForUsage);
        problems.Add(nameof(ClusterSettings.Certificate), isOfUse
            ? $"is of another cluster: {problems.Name(nameof(ClusterSettings.CertificateAuthority))} has not signed it ({Describe(chain)})."
            : $"is not for both {Usages[0].FriendlyName} and {Usages[1].FriendlyName} (extended key usage).");
        return false;
    }

    /// <summary>Why a chain does not hold.</summary>
    public static string Describe(X509Chain? chain) => string.Join(", ", chain?.ChainStatus.Select(static status => status.Status).Distinct() ?? []);
}
