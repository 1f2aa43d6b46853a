using OrleansGateway.Hosting.Cluster;
using OrleansGateway.Tests.Shared.Certificates;
using Xunit;

namespace OrleansGateway.Tests.Unit.Hosting;

/// <summary>What silos and edges do not start on.</summary>
public sealed class ClusterSettingsTests : IDisposable
{
    private readonly ClusterFiles _files = new();

    public void Dispose() => _files.Dispose();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Validate_TlsAndRedisWithPasswordAndTls_Passes(bool isEdge) => Assert.Empty(Problems(_files.Settings, isEdge));

    [Theory]
    [InlineData("127.0.0.1:6379", "127.0.0.1")]
    [InlineData("localhost:6379", "127.0.0.1")]
    [InlineData("[::1]:6379", "::1")]
    [InlineData("!/run/redis.sock", "127.0.0.1")]
    public void Validate_PlainOnLoopback_Passes(string redis, string address)
    {
        var settings = Plain();
        (settings.Redis, settings.Address) = (redis, address);

        Assert.Empty(Problems(settings));
        Assert.Empty(Problems(settings, isEdge: true));
    }

    [Theory]
    [InlineData("10.0.0.11")]
    [InlineData("")]
    [InlineData("0.0.0.0")]
    public void Validate_ASiloBeyondLoopbackWithoutTls_NamesTheSettings(string address)
    {
        var settings = Plain();
        settings.Address = address;

        AssertNames("Cluster:Certificate", settings);
        settings.AllowPlain = true;
        Assert.Empty(Problems(settings));
    }

    [Theory]
    [InlineData("10.0.0.31:6379")]
    [InlineData("redis.internal:6379,password=hush-hush")]
    [InlineData("10.0.0.31:6380,ssl=true")]
    [InlineData("127.0.0.1:6379,10.0.0.31:6379")]
    public void Validate_ARedisBeyondLoopbackWithoutPasswordAndTls_NamesItAndNoPassword(string redis)
    {
        var settings = _files.Settings;
        settings.Redis = redis;

        AssertNames("Cluster:Redis", settings);
        AssertNames("Cluster:Redis", settings, isEdge: true);
        settings.AllowPlain = true;
        Assert.Empty(Problems(settings));
    }

    [Fact]
    public void Validate_AnEdgeWithoutTlsWhoseRedisIsBeyondLoopback_NamesTheCertificate()
    {
        var settings = Plain();
        settings.Redis = _files.Settings.Redis;

        AssertNames("Cluster:Certificate", settings, isEdge: true);
    }

    [Fact]
    public void Validate_SomeOfTheFilesOfTls_NamesTheOthers()
    {
        var settings = _files.Settings;
        settings.CertificateKey = settings.CertificateAuthority = "";

        Assert.Collection(
            Problems(settings),
            problem => Assert.StartsWith("Cluster:CertificateKey (Cluster__CertificateKey) is missing", problem, StringComparison.Ordinal),
            problem => Assert.StartsWith("Cluster:CertificateAuthority (Cluster__CertificateAuthority) is missing", problem, StringComparison.Ordinal));
    }

    [Fact]
    public void Validate_AFileThatIsNotThere_NamesItsSetting()
    {
        File.Delete(_files.Key);

        AssertNames("Cluster:CertificateKey", _files.Settings);
    }

    [Fact]
    public void Validate_ACertificateThatHasExpired_NamesIt()
    {
        _files.Write(_files.Authority, _files.Now.AddDays(-90), _files.Now.AddSeconds(-1));

        Assert.Contains("expired", AssertNames("Cluster:Certificate", _files.Settings), StringComparison.Ordinal);
        AssertNames("Cluster:Certificate", _files.Settings, isEdge: true);
    }

    [Fact]
    public void Validate_ACertificateThatIsNotValidYet_NamesIt()
    {
        _files.Write(_files.Authority, _files.Now.AddSeconds(1), _files.Now.AddDays(90));

        AssertNames("Cluster:Certificate", _files.Settings);
    }

    [Fact]
    public void Validate_ACertificateOfAnotherCluster_NamesIt()
    {
        // An authority of the same name makes it no better.
        _files.Write(new CertificateAuthority("Our authority", _files.Now), _files.Now.AddDays(-1), _files.Now.AddDays(90));

        Assert.Contains("another cluster", AssertNames("Cluster:Certificate", _files.Settings), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(CertificateAuthority.ServerAuth)]
    [InlineData(CertificateAuthority.ClientAuth)]
    public void Validate_ACertificateForOneSideOnly_NamesIt(string usage)
    {
        _files.Write(_files.Authority, _files.Now.AddDays(-1), _files.Now.AddDays(90), usage);

        Assert.Contains("extended key usage", AssertNames("Cluster:Certificate", _files.Settings), StringComparison.Ordinal);
    }

    [Fact]
    public void Validate_AKeyOfAnotherCertificate_NamesIt()
    {
        File.WriteAllText(_files.Key, _files.Authority.Issue("other", _files.Now, _files.Now.AddDays(1)).Key);

        AssertNames("Cluster:CertificateKey", _files.Settings);
    }

    [Fact]
    public void Validate_FilesThatAreNoPem_NameTheirSettings()
    {
        File.WriteAllText(_files.Certificate, "no PEM");
        _files.WriteAuthority("no PEM");

        Assert.Collection(
            Problems(_files.Settings),
            problem => Assert.StartsWith("Cluster:CertificateAuthority ", problem, StringComparison.Ordinal),
            problem => Assert.StartsWith("Cluster:Certificate ", problem, StringComparison.Ordinal));
    }

    [Fact]
    public void Validate_AnAuthorityAmongSeveral_IsEnough()
    {
        _files.WriteAuthority(new CertificateAuthority("The old one", _files.Now).Pem + "\n" + _files.Authority.Pem);

        Assert.Empty(Problems(_files.Settings));
    }

    [Fact]
    public void Validate_AnAuthorityOfRedisWithoutTls_NamesIt()
    {
        var settings = _files.Settings;
        (settings.Redis, settings.RedisCertificateAuthority) = ("127.0.0.1:6379", _files.AuthorityFile);

        AssertNames("Cluster:RedisCertificateAuthority", settings);
    }

    [Fact]
    public void Validate_AnAuthorityOfRedisThatIsNone_NamesIt()
    {
        var settings = _files.Settings;
        settings.RedisCertificateAuthority = _files.Key;

        AssertNames("Cluster:RedisCertificateAuthority", settings);
    }

    [Fact]
    public void Validate_OneMachineWithWhatIsAClusters_NamesEachSetting()
    {
        var settings = _files.Settings;
        (settings.Mode, settings.AllowPlain, settings.RedisCertificateAuthority) = (ClusterMode.Single, true, _files.AuthorityFile);
        string[] expected = ["Address", "AllowPlain", "Certificate", "CertificateAuthority", "CertificateKey", "Redis", "RedisCertificateAuthority"];

        Assert.Equal(expected.Select(name => $"Cluster:{name}"), Problems(settings).Select(problem => problem[..problem.IndexOf(' ')]).Order());
    }

    [Fact]
    public void Validate_AClusterWithoutRedis_NamesIt()
    {
        var settings = _files.Settings;
        settings.Redis = "";

        AssertNames("Cluster:Redis", settings);
    }

    private ClusterSettings Plain()
    {
        var settings = _files.Settings;
        (settings.Certificate, settings.CertificateKey, settings.CertificateAuthority) = ("", "", "");
        return settings;
    }

    private string AssertNames(string setting, ClusterSettings settings, bool isEdge = false)
    {
        var problem = Assert.Single(Problems(settings, isEdge));
        Assert.StartsWith($"{setting} ({setting.Replace(":", "__", StringComparison.Ordinal)}) ", problem, StringComparison.Ordinal);
        Assert.DoesNotContain("hush", problem, StringComparison.Ordinal);
        return problem;
    }

    private IEnumerable<string> Problems(ClusterSettings settings, bool isEdge = false) =>
        new ClusterSettingsValidator(isEdge, _files.Clock).Validate(null, settings).Failures ?? [];
}
