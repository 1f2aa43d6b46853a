using System.Globalization;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using OrleansGateway.Tests.Cluster.Running;
using OrleansGateway.Tests.Programs.Faults;
using OrleansGateway.Tests.Programs.Gateway;
using Xunit;

namespace OrleansGateway.Tests.Cluster.Gateway;

/// <summary>Who is a member of the cluster, and who is turned away.</summary>
public sealed class TlsTests
{
    private const string Refused = "The certificate of a peer is refused: CN=stranger";
    private const string InForce = "its members know this one as CN=renewed";

    private static readonly string[] OrleansPorts = ["Cluster:SiloPort", "Cluster:EdgePort"];
    private static readonly ChatPlan Plan = new(IsStream: true, Tokens: 3, TokenRate: 0);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Stranger_AtTheOrleansPorts_IsTurnedAwayUnlessTheClusterSignedIt()
    {
        await using var cluster = await ClusterFixture.StartAsync(silos: 1, edges: 0);
        using var other = new ClusterCertificates();
        using var member = Load(cluster.Certificates.Issue("new member"));
        using var foreign = Load(other.Issue("stranger of another cluster"));
        using var expired = Load(cluster.Certificates.IssueExpired("stranger that has expired"));
        var silo = cluster.Silos[0];
        Assert.True(await IsLetInAsync(cluster, Port(silo, "Cluster:SiloPort"), member));
        foreach (var port in OrleansPorts.Select(setting => Port(silo, setting)))
        {
            Assert.False(await IsLetInAsync(cluster, port, null));
            Assert.False(await IsLetInAsync(cluster, port, foreign));
            Assert.False(await IsLetInAsync(cluster, port, expired));
        }

        await silo.Process.LineAsync($"{Refused} of another cluster");
        await silo.Process.LineAsync($"{Refused} that has expired (NotTimeValid)");
        await cluster.StopAsync();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Edge_WithoutACertificateOfTheCluster_FindsNoSiloAndChangesNothing(bool hasOne)
    {
        await using var cluster = await ClusterFixture.StartAsync(silos: 1, edges: 1);
        using var other = new ClusterCertificates();
        var customer = await FaultPlan.CreateCustomerAsync(cluster.Operator, "1");
        var url = FreePort.Address();
        await using var stranger = new ClusterNode("stranger", "Edge", url, new Dictionary<string, string?>(cluster.Edges[0].Settings)
        {
            ["Gateway:Urls"] = url,
            ["Cluster:Certificate"] = hasOne ? other.Certificate : null,
            ["Cluster:CertificateKey"] = hasOne ? other.Key : null,
            ["Cluster:CertificateAuthority"] = hasOne ? other.AuthorityFile : null,
        });
        stranger.Start();

        await cluster.Silos[0].Process.LineAsync("Authentication failed");
        await stranger.UnreadyAsync("silo");
        if (hasOne)
        {
            Assert.Contains("Cluster:CertificateAuthority", await stranger.Process.LineAsync("The certificate of a peer is refused"), StringComparison.Ordinal);
        }

        using var client = new ChatClient();
        Assert.Equal(Fate.Completed, (await client.SendAsync(cluster.Edges[0].Url, customer, Plan)).Fate);
        await stranger.StopAsync();
        await cluster.StopAsync();
    }

    [Fact]
    public async Task Silo_OfAnotherCluster_EndsSoonAndNamesTheSetting()
    {
        await using var cluster = await ClusterFixture.StartAsync(silos: 1, edges: 1);
        using var other = new ClusterCertificates();
        var customer = await FaultPlan.CreateCustomerAsync(cluster.Operator, "1");
        var like = cluster.AddSilo();

        var (exitCode, output, errors) = await GatewayProcess.RunAsync(new Dictionary<string, string?>(like.Settings)
        {
            ["Cluster:Certificate"] = other.Certificate,
            ["Cluster:CertificateKey"] = other.Key,
            ["Cluster:CertificateAuthority"] = other.AuthorityFile,
        });

        Assert.True(exitCode == 1, $"{exitCode}: {output}\n{errors}");
        Assert.Contains("The certificate of a peer is refused", output, StringComparison.Ordinal);
        Assert.StartsWith("Cluster:Certificate and Cluster:CertificateAuthority are of another cluster", Assert.Single(errors.Split('\n')), StringComparison.Ordinal);
        using var client = new ChatClient();
        Assert.Equal(Fate.Completed, (await client.SendAsync(cluster.Edges[0].Url, customer, Plan)).Fate);
    }

    [Fact]
    public async Task Certificate_RenewedUnderCalls_HoldsFromTheNextConnectionWithoutARestart()
    {
        await using var cluster = await ClusterFixture.StartAsync(silos: 2, edges: 1);
        var customer = await FaultPlan.CreateCustomerAsync(cluster.Operator, "10");
        using var client = new ChatClient();
        using var enough = new CancellationTokenSource();
        var calls = CallAsync();
        var nodes = cluster.Silos.Concat(cluster.Edges).ToList();

        cluster.Certificates.Renew("renewed");
        foreach (var node in nodes)
        {
            await node.Process.LineAsync(InForce);
        }

        var port = Port(cluster.Silos[0], "Cluster:EdgePort");
        Assert.Equal("CN=renewed", await ShownAsync(port));
        var later = cluster.AddSilo();
        await later.StartAsync();

        // A file that is broken leaves it in force.
        cluster.Certificates.Write("member.key", "no PEM");
        foreach (var node in nodes)
        {
            Assert.Contains("Cluster:CertificateKey", await node.Process.LineAsync("the old one stays in force"), StringComparison.Ordinal);
        }

        Assert.Equal("CN=renewed", await ShownAsync(port));
        await enough.CancelAsync();
        Assert.All(await calls, sent => Assert.True(sent.Fate == Fate.Completed, $"{sent}: {sent.ErrorMessage}"));
        await cluster.StopAsync();

        async Task<List<Sent>> CallAsync()
        {
            var all = new List<Sent>();
            while (!enough.IsCancellationRequested || all.Count == 0)
            {
                all.Add(await client.SendAsync(cluster.Edges[0].Url, customer, Plan));
            }

            return all;
        }

        async Task<string> ShownAsync(int port)
        {
            using var member = Load(cluster.Certificates.Issue("new member"));
            await using var stream = await ConnectAsync(cluster, port, member);
            return stream.RemoteCertificate!.Subject;
        }
    }

    private static int Port(ClusterNode silo, string setting) => int.Parse(silo.Settings[setting]!, CultureInfo.InvariantCulture);

    private static X509Certificate2 Load((string Certificate, string Key) pem) => X509Certificate2.CreateFromPem(pem.Certificate, pem.Key);

    /// <summary>
    /// Whether a silo speaks with who shows this certificate. Its port for silos begins by telling who it is; that for clients waits,
    /// which is no end either.
    /// </summary>
    private static async Task<bool> IsLetInAsync(ClusterFixture cluster, int port, X509Certificate2? certificate)
    {
        try
        {
            await using var stream = await ConnectAsync(cluster, port, certificate);
            return await stream.ReadAsync(new byte[1], Cancellation).AsTask().WaitAsync(Patience, Cancellation) > 0;
        }
        catch (Exception closed) when (closed is IOException or System.Security.Authentication.AuthenticationException)
        {
            return false;
        }
    }

    private static async Task<SslStream> ConnectAsync(ClusterFixture cluster, int port, X509Certificate2? certificate)
    {
        var tcp = new TcpClient();
        await tcp.ConnectAsync("127.0.0.1", port, Cancellation);
        var stream = new SslStream(tcp.GetStream());
        var options = cluster.Certificates.Client();
        options.ApplicationProtocols = [new SslApplicationProtocol("Orleans1")];
        options.LocalCertificateSelectionCallback = certificate is null ? null : (_, _, _, _, _) => certificate;
        await stream.AuthenticateAsClientAsync(options, Cancellation);
        return stream;
    }
}
