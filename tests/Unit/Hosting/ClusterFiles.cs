using OrleansGateway.Hosting.Cluster;
using OrleansGateway.Tests.Shared;
using OrleansGateway.Tests.Shared.Certificates;

namespace OrleansGateway.Tests.Unit.Hosting;

/// <summary>The files of a cluster's TLS, good ones at first, and settings that name them.</summary>
internal sealed class ClusterFiles : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("og-tls-").FullName;

    public ClusterFiles()
    {
        Authority = new CertificateAuthority("Our authority", Clock.GetUtcNow());
        Write(Authority, Now.AddDays(-1), Now.AddDays(90));
        WriteAuthority(Authority.Pem);
    }

    public FakeTimeProvider Clock { get; } = new();

    public DateTimeOffset Now => Clock.GetUtcNow();

    public CertificateAuthority Authority { get; }

    public string Certificate => Path.Combine(_folder, "member.pem");

    public string Key => Path.Combine(_folder, "member.key");

    public string AuthorityFile => Path.Combine(_folder, "authority.pem");

    /// <summary>A silo's.</summary>
    public ClusterSettings Settings => new()
    {
        Mode = ClusterMode.Cluster,
        Redis = "10.0.0.31:6380,password=hush-hush,ssl=true",
        Address = "10.0.0.11",
        Certificate = Certificate,
        CertificateKey = Key,
        CertificateAuthority = AuthorityFile,
    };

    /// <summary>Writes a new certificate with its key.</summary>
    public void Write(CertificateAuthority authority, DateTimeOffset from, DateTimeOffset to, params string[] usages)
    {
        var (certificate, key) = authority.Issue("member", from, to, usages);
        File.WriteAllText(Certificate, certificate);
        File.WriteAllText(Key, key);
    }

    public void WriteAuthority(string pem) => File.WriteAllText(AuthorityFile, pem);

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
