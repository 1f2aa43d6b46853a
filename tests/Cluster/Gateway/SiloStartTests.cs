using OrleansGateway.Tests.Cluster.Running;
using OrleansGateway.Tests.Programs.Gateway;
using Xunit;

namespace OrleansGateway.Tests.Cluster.Gateway;

/// <summary>What a silo says when it cannot become a member.</summary>
/// <param name="stores">Keeps what a silo wants, and runs none.</param>
public sealed class SiloStartTests(SiloStartTests.Stores stores) : IClassFixture<SiloStartTests.Stores>
{
    /// <summary>What each case changes of a silo's settings.</summary>
    private static readonly Dictionary<string, Action<ClusterFixture, Dictionary<string, string?>>> Changes = new()
    {
        ["Redis is away"] = (_, settings) => settings["Cluster:Redis"] = "127.0.0.1:1,connectTimeout=500,ssl=true",
        ["Redis' password is wrong"] = (cluster, settings) =>
            settings["Cluster:Redis"] = cluster.Redis.Configuration.Replace(cluster.Redis.Password, "hush-hush", StringComparison.Ordinal),
        ["Redis' certificate is not known"] = (_, settings) => settings["Cluster:RedisCertificateAuthority"] = null,
        ["no Redis"] = (_, settings) => settings["Cluster:Redis"] = settings["Cluster:RedisCertificateAuthority"] = null,
        ["no mode"] = (_, settings) => settings["Cluster:Mode"] = null,
        ["a mode that is none"] = (_, settings) => settings["Cluster:Mode"] = "many",
        ["another machine's address"] = (_, settings) => settings["Cluster:Address"] = "192.0.2.1",
        ["plain beyond loopback"] = (_, settings) =>
        {
            settings["Cluster:Address"] = "192.0.2.1";
            settings["Cluster:Certificate"] = settings["Cluster:CertificateKey"] = settings["Cluster:CertificateAuthority"] = null;
        },
        ["Redis beyond loopback without a password"] = (_, settings) => settings["Cluster:Redis"] = "192.0.2.1:6380,ssl=true",
        ["a certificate that has expired"] = (cluster, settings) => Use(cluster, settings, cluster.Certificates.IssueExpired("member")),
        ["a certificate of another cluster"] = (cluster, settings) =>
        {
            using var other = new ClusterCertificates();
            Use(cluster, settings, other.Issue("member"));
        },
    };

    [Theory]
    [InlineData("Redis is away", "Cluster:Redis")]
    [InlineData("Redis' password is wrong", "Cluster:Redis")]
    [InlineData("Redis' certificate is not known", "Cluster:Redis")]
    [InlineData("no Redis", "Cluster:Redis")]
    [InlineData("no mode", "Cluster:Mode")]
    [InlineData("a mode that is none", "Cluster:Mode")]
    [InlineData("another machine's address", "Cluster:Address")]
    [InlineData("plain beyond loopback", "Cluster:Certificate")]
    [InlineData("Redis beyond loopback without a password", "Cluster:Redis")]
    [InlineData("a certificate that has expired", "Cluster:Certificate")]
    [InlineData("a certificate of another cluster", "Cluster:Certificate")]
    public async Task Start_WithWhatIsWrong_EndsAndNamesTheSetting(string what, string setting)
    {
        var settings = new Dictionary<string, string?>(stores.Cluster.AddSilo().Settings);
        Changes[what](stores.Cluster, settings);

        var (exitCode, output, errors) = await GatewayProcess.RunAsync(settings);

        Assert.True(exitCode == 1, $"{exitCode}: {output}\n{errors}");
        Assert.Contains(setting, errors, StringComparison.Ordinal);
        Assert.DoesNotContain("hush", output + errors, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Cluster:SiloPort")]
    [InlineData("Cluster:EdgePort")]
    public async Task Start_OnAPortThatAnotherSiloHas_EndsAndNamesTheSetting(string setting)
    {
        await using var cluster = await ClusterFixture.StartAsync(silos: 1, edges: 0);
        var settings = new Dictionary<string, string?>(cluster.AddSilo().Settings) { [setting] = cluster.Silos[0].Settings[setting] };

        var (exitCode, _, errors) = await GatewayProcess.RunAsync(settings);

        Assert.Equal(1, exitCode);
        Assert.StartsWith(setting, Assert.Single(errors.Split('\n')), StringComparison.Ordinal);
        await cluster.Silos[0].ReadyAsync();
    }

    private static void Use(ClusterFixture cluster, Dictionary<string, string?> settings, (string Certificate, string Key) pair)
    {
        settings["Cluster:Certificate"] = cluster.Certificates.Write("other.pem", pair.Certificate);
        settings["Cluster:CertificateKey"] = cluster.Certificates.Write("other.key", pair.Key);
    }

    /// <summary>A Redis and a PostgreSQL that all cases share.</summary>
    public sealed class Stores : IAsyncLifetime
    {
        internal ClusterFixture Cluster { get; private set; } = null!;

        public async ValueTask InitializeAsync() => Cluster = await ClusterFixture.StartAsync(silos: 0, edges: 0);

        public ValueTask DisposeAsync() => Cluster.DisposeAsync();
    }
}
