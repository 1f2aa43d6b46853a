using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using OrleansGateway.Tests.Shared.Certificates;

namespace OrleansGateway.Tests.Cluster.Running;

/// <summary>A cluster's authority, and the files of the certificate that all its silos and edges, and its Redis, show.</summary>
internal sealed class ClusterCertificates : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("og-certificates-").FullName;

    public ClusterCertificates()
    {
        Authority = new CertificateAuthority("Cluster of the tests", DateTimeOffset.UtcNow);
        File.WriteAllText(AuthorityFile, Authority.Pem);
        Renew("member");
    }

    public CertificateAuthority Authority { get; }

    public string Certificate => PathOf("member.pem");

    public string Key => PathOf("member.key");

    public string AuthorityFile => PathOf("authority.pem");

    /// <summary>Writes a new certificate, good for a day.</summary>
    public void Renew(string name)
    {
        var (certificate, key) = Issue(name);
        File.WriteAllText(Certificate, certificate);
        File.WriteAllText(Key, key);
    }

    /// <summary>A certificate of this cluster with its key, PEM.</summary>
    public (string Certificate, string Key) Issue(string name) =>
        Authority.Issue(name, DateTimeOffset.UtcNow.AddHours(-1), DateTimeOffset.UtcNow.AddDays(1));

    /// <summary>A certificate of this cluster that has expired, with its key, PEM.</summary>
    public (string Certificate, string Key) IssueExpired(string name) =>
        Authority.Issue(name, DateTimeOffset.UtcNow.AddDays(-2), DateTimeOffset.UtcNow.AddDays(-1));

    /// <summary>How somebody who believes this cluster's authority connects to one of its servers.</summary>
    public SslClientAuthenticationOptions Client()
    {
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        policy.CustomTrustStore.ImportFromPem(Authority.Pem);
        return new SslClientAuthenticationOptions { TargetHost = "127.0.0.1", CertificateChainPolicy = policy };
    }

    /// <summary>Writes one more file beside them.</summary>
    /// <returns>Its path.</returns>
    public string Write(string name, string content)
    {
        File.WriteAllText(PathOf(name), content);
        return PathOf(name);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private string PathOf(string name) => Path.Combine(_folder, name);
}
