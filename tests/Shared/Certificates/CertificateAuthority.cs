using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace OrleansGateway.Tests.Shared.Certificates;

/// <summary>Signs certificates as a cluster's operator would, good ones and others.</summary>
internal sealed class CertificateAuthority
{
    public const string ServerAuth = "1.3.6.1.5.5.7.3.1";
    public const string ClientAuth = "1.3.6.1.5.5.7.3.2";

    private static long _serial;

    private readonly X509Certificate2 _own;

    /// <summary>An authority whose own certificate is good for ten years from a year before <paramref name="now"/>.</summary>
    public CertificateAuthority(string name, DateTimeOffset now)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, true));
        _own = request.CreateSelfSigned(now.AddYears(-1), now.AddYears(9));
    }

    /// <summary>Its certificate.</summary>
    public string Pem => _own.ExportCertificatePem();

    /// <summary>Signs a certificate for 127.0.0.1.</summary>
    /// <param name="usages">What it may be used for; none given is both.</param>
    /// <returns>Certificate and private key, as PEM files hold them.</returns>
    public (string Certificate, string Key) Issue(string name, DateTimeOffset from, DateTimeOffset to, params string[] usages)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, true));
        var both = new OidCollection();
        foreach (var usage in usages.Length > 0 ? usages : [ServerAuth, ClientAuth])
        {
            both.Add(new Oid(usage));
        }

        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension(both, false));
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(System.Net.IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        using var certificate = request.Create(_own, from, to, BitConverter.GetBytes(Interlocked.Increment(ref _serial)));
        return (certificate.ExportCertificatePem(), key.ExportPkcs8PrivateKeyPem());
    }
}
