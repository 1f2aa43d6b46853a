using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using OrleansGateway.Operator.Contracts;
using OrleansGateway.Tests.Programs.Gateway;
using OrleansGateway.Tests.Programs.Postgres;
using Xunit;

namespace OrleansGateway.Tests.Integration.Gateway;

/// <summary>Where the operator API listens, and what the gateway does not start on.</summary>
public sealed class OperatorListeningTests(PostgresServer server)
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Start_OnPlainTcpBeyondThisMachine_IsRefusedAndNamesTheSetting()
    {
        await using var gateway = await GatewayFixture.CreateAsync(server);
        gateway.Settings["Gateway:OperatorGrpcUrls"] = $"http://0.0.0.0:{FreePort.Next()}";
        Assert.StartsWith("Gateway:OperatorGrpcUrls (Gateway__OperatorGrpcUrls)", await RefusalAsync(gateway), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Start_OnAPortInUse_IsRefusedAndNamesTheSetting()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        await using var gateway = await GatewayFixture.CreateAsync(server);
        gateway.Settings["Gateway:OperatorGrpcUrls"] = $"http://127.0.0.1:{((IPEndPoint)taken.LocalEndpoint).Port}";
        var refusal = await RefusalAsync(gateway);
        Assert.StartsWith("Gateway:OperatorGrpcUrls (Gateway__OperatorGrpcUrls)", refusal, StringComparison.Ordinal);
        Assert.Contains(gateway.Settings["Gateway:OperatorGrpcUrls"]!, refusal, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Start_OnASocketThatAGatewayOfAnotherDatabaseHas_IsRefusedAndLeavesItAlone()
    {
        await using var gateway = await GatewayFixture.StartAsync(server);
        await using var other = await GatewayFixture.CreateAsync(server);
        other.Settings["Gateway:OperatorSocket"] = gateway.Operator.Address;
        Assert.StartsWith("Gateway:OperatorSocket (Gateway__OperatorSocket): another gateway", await RefusalAsync(other), StringComparison.Ordinal);
        await gateway.Operator.Accounts.ListAccountsAsync(new ListAccountsRequest(), cancellationToken: Cancellation);
    }

    [Fact]
    public async Task Start_OnASocketThatAKilledGatewayLeft_ReplacesIt()
    {
        await using var gateway = await GatewayFixture.StartAsync(server);
        gateway.Process.Signal(GatewayProcess.SigKill);
        await gateway.Process.EndAsync();
        Assert.True(File.Exists(gateway.Operator.Address));
        await gateway.StartGatewayAsync();
        await gateway.Operator.Accounts.ListAccountsAsync(new ListAccountsRequest(), cancellationToken: Cancellation);
    }

    [Fact]
    public async Task Start_OnAFileOrAnotherProgramsSocket_IsRefusedAndLeavesItAlone()
    {
        await using var gateway = await GatewayFixture.CreateAsync(server);
        var path = gateway.Settings["Gateway:OperatorSocket"]!;
        await File.WriteAllTextAsync(path, "", Cancellation);
        Assert.Contains("not a socket", await RefusalAsync(gateway), StringComparison.Ordinal);
        Assert.True(File.Exists(path));
        File.Delete(path);
        using var other = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        other.Bind(new UnixDomainSocketEndPoint(path));
        other.Listen();
        Assert.Contains("another program", await RefusalAsync(gateway), StringComparison.Ordinal);
        Assert.True(File.Exists(path));
    }

    [Fact]
    public async Task Tcp_WithTls_IsServedBesideTheSocket()
    {
        await using var gateway = await GatewayFixture.StartAsync(server, fixture =>
        {
            var folder = Path.GetDirectoryName(fixture.CatalogPath)!;
            using var key = ECDsa.Create();
            using var certificate = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256)
                .CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
            fixture.Settings["Gateway:OperatorCertificate"] = Path.Combine(folder, "certificate.pem");
            fixture.Settings["Gateway:OperatorCertificateKey"] = Path.Combine(folder, "key.pem");
            File.WriteAllText(fixture.Settings["Gateway:OperatorCertificate"]!, certificate.ExportCertificatePem());
            File.WriteAllText(fixture.Settings["Gateway:OperatorCertificateKey"]!, key.ExportPkcs8PrivateKeyPem());
            fixture.Settings["Gateway:OperatorGrpcUrls"] = $"https://127.0.0.1:{FreePort.Next()}";
        });
        using var shown = X509CertificateLoader.LoadCertificateFromFile(gateway.Settings["Gateway:OperatorCertificate"]!);
        using var client = new OperatorClient(gateway.Settings["Gateway:OperatorGrpcUrls"]!, certificate: shown);
        var account = await client.CreateAccountAsync("1");
        Assert.Equal(account, (await gateway.Operator.GetAccountAsync(account)).AccountId);
        var audit = await client.Reports.ListAuditAsync(new ListAuditRequest { Subject = account }, cancellationToken: Cancellation);
        Assert.All(audit.Entries, entry => Assert.Equal("127.0.0.1", entry.Address));
    }

    private static async Task<string> RefusalAsync(GatewayFixture gateway)
    {
        var (exitCode, _, errors) = await gateway.CommandAsync();
        Assert.Equal(1, exitCode);
        return Assert.Single(errors.Split('\n'));
    }
}
