using System.Net;
using System.Net.Sockets;
using OrleansGateway.Tests.Programs.Gateway;
using OrleansGateway.Tests.Programs.Postgres;
using Xunit;

namespace OrleansGateway.Tests.Integration.Gateway;

/// <summary>What the gateway does not start on, and how it says so.</summary>
public sealed class StartUpTests(PostgresServer server)
{
    [Fact]
    public async Task Start_WithoutSettings_NamesEveryOneThatIsMissing()
    {
        var (exitCode, _, errors) = await GatewayProcess.RunAsync(new Dictionary<string, string?>
        {
            ["Gateway:StopSeconds"] = "-1",
            ["Gateway:Urls"] = "nowhere",
            ["Telemetry:OtlpEndpoint"] = "nowhere",
            ["Retention:CallsDays"] = "0",
        });
        Assert.Equal(1, exitCode);
        var lines = errors.Split('\n');
        string[] settings =
        [
            "Gateway:Urls (Gateway__Urls)", "Gateway:Catalog (Gateway__Catalog)", "Gateway:SigningSecrets:0 (Gateway__SigningSecrets__0)",
            "Gateway:OperatorToken (Gateway__OperatorToken)", "Gateway:StopSeconds (Gateway__StopSeconds)",
            "ConnectionStrings:Ledger (ConnectionStrings__Ledger)", "Telemetry:OtlpEndpoint (Telemetry__OtlpEndpoint)",
            "Retention:CallsDays (Retention__CallsDays) is 0; it must be from 1 to 3650 days.",
        ];
        Assert.All(settings, setting => Assert.Single(lines, line => line.StartsWith(setting, StringComparison.Ordinal)));
        Assert.Equal(settings.Length, lines.Length);
    }

    [Theory]
    [InlineData("Gateway:StopSeconds", "a whole number")]
    [InlineData("Retention:CallsDays", "a whole number")]
    [InlineData("Edge:LowerCapToBalance", "true or false")]
    [InlineData("Cluster:Mode", "single or cluster")]
    [InlineData("Logging:LogLevel:Default", "Information")]
    public async Task Start_WithASettingThatIsNoValueOfItsKind_NamesItAndWhatItMayBe(string setting, string allowed)
    {
        await using var gateway = await GatewayFixture.CreateAsync(server);
        gateway.Settings[setting] = "soon";
        var (exitCode, _, errors) = await gateway.CommandAsync();
        Assert.Equal(1, exitCode);
        var line = Assert.Single(errors.Split('\n'));
        Assert.StartsWith(setting, line, StringComparison.Ordinal);
        Assert.Contains("is 'soon'; it must be ", line, StringComparison.Ordinal);
        Assert.Contains(allowed, line, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Start_WithoutTheDatabase_NamesItsSettingAndNoPassword()
    {
        await using var gateway = await GatewayFixture.CreateAsync(server);
        gateway.Settings["ConnectionStrings:Ledger"] = "Host=127.0.0.1;Port=1;Username=gateway;Password=hush-hush";
        gateway.Settings["Gateway:StartSeconds"] = "0";
        var (exitCode, output, errors) = await gateway.CommandAsync();
        Assert.Equal(1, exitCode);
        Assert.StartsWith("ConnectionStrings:Ledger (ConnectionStrings__Ledger)", Assert.Single(errors.Split('\n')), StringComparison.Ordinal);
        Assert.DoesNotContain("hush", output + errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Start_WithAConnectionStringThatIsNone_NamesItsSettingAndNoPassword()
    {
        await using var gateway = await GatewayFixture.CreateAsync(server);
        gateway.Settings["ConnectionStrings:Ledger"] = "Host=127.0.0.1;Pasword=hush-hush";
        var (exitCode, output, errors) = await gateway.CommandAsync();
        Assert.Equal(1, exitCode);
        Assert.StartsWith("ConnectionStrings:Ledger (ConnectionStrings__Ledger)", Assert.Single(errors.Split('\n')), StringComparison.Ordinal);
        Assert.DoesNotContain("hush", output + errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Start_WithABadCatalog_NamesFileLineAndField()
    {
        await using var gateway = await GatewayFixture.CreateAsync(server);
        var catalog = await File.ReadAllTextAsync(gateway.CatalogPath, TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(
            gateway.CatalogPath, catalog.Replace("16384", "-1", StringComparison.Ordinal), TestContext.Current.CancellationToken);
        var (exitCode, _, errors) = await gateway.CommandAsync();
        Assert.Equal(1, exitCode);
        Assert.Contains(gateway.CatalogPath, errors, StringComparison.Ordinal);
        Assert.Contains("line 5, models[0].max_output_tokens", errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{ "providers": [], "channels": [], "models": [] }""")]
    [InlineData("{}")]
    [InlineData("")]
    public async Task Start_WithAnEmptyCatalog_Refuses(string catalog)
    {
        await using var gateway = await GatewayFixture.CreateAsync(server);
        await File.WriteAllTextAsync(gateway.CatalogPath, catalog, TestContext.Current.CancellationToken);
        var (exitCode, _, errors) = await gateway.CommandAsync();
        Assert.Equal(1, exitCode);
        Assert.StartsWith("Gateway:Catalog (Gateway__Catalog)", errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Start_WithoutTheCatalogFile_NamesIt()
    {
        await using var gateway = await GatewayFixture.CreateAsync(server);
        gateway.Settings["Gateway:Catalog"] = "/nowhere/catalog.json";
        var (exitCode, _, errors) = await gateway.CommandAsync();
        Assert.Equal(1, exitCode);
        Assert.Contains("/nowhere/catalog.json", errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Gateway:Urls")]
    [InlineData("Gateway:OperatorUrls")]
    public async Task Start_OnAnAddressThatIsTaken_NamesIt(string setting)
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        var address = $"http://127.0.0.1:{((IPEndPoint)taken.LocalEndpoint).Port}";
        await using var gateway = await GatewayFixture.CreateAsync(server);
        gateway.Settings[setting] = address;
        var (exitCode, output, errors) = await gateway.CommandAsync();
        Assert.Equal(1, exitCode);
        var error = Assert.Single(errors.Split('\n'));
        Assert.StartsWith(setting, error, StringComparison.Ordinal);
        Assert.Contains(address, error, StringComparison.Ordinal);
        Assert.DoesNotContain("fatal", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Gateway:Urls")]
    [InlineData("Gateway:OperatorUrls")]
    public async Task Start_OnAnAddressThatIsNotThisMachines_NamesTheSettings(string setting)
    {
        await using var gateway = await GatewayFixture.CreateAsync(server);
        gateway.Settings[setting] = "http://192.0.2.1:8080";
        var (exitCode, _, errors) = await gateway.CommandAsync();
        Assert.Equal(1, exitCode);
        Assert.Contains(setting, Assert.Single(errors.Split('\n')), StringComparison.Ordinal);
    }
}
