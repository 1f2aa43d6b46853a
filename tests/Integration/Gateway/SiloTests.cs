using System.Globalization;
using System.Net;
using System.Net.Sockets;
using OrleansGateway.Tests.Programs.Faults;
using OrleansGateway.Tests.Programs.Gateway;
using OrleansGateway.Tests.Programs.Postgres;
using Xunit;

namespace OrleansGateway.Tests.Integration.Gateway;

/// <summary>The silo of one machine: nobody can speak to it, and it is there only under the database lock.</summary>
public sealed class SiloTests(PostgresServer server)
{
    private const string IsActive = "The silo is active at ";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task SiloPort_OfOneMachine_ClosesWhatConnectsBeforeItReads()
    {
        await using var gateway = await GatewayFixture.StartAsync(server);
        var silo = IPEndPoint.Parse((await gateway.Process.LineAsync(IsActive)).Split(' ')[^1]);
        Assert.Equal(IPAddress.Loopback, silo.Address);

        for (var connection = 0; connection < 3; connection++)
        {
            // Nothing is sent: whoever waits for something to read would wait for ever.
            Assert.Equal(0, await ConnectAndReadAsync(silo));
        }

        using var clients = new HttpClient { BaseAddress = gateway.Url };
        Assert.Equal(HttpStatusCode.OK, (await clients.GetAsync("health/ready", Cancellation)).StatusCode);
    }

    [Fact]
    public async Task SecondGateway_WhileItWaits_ListensForClientsAndOperatorsAlone()
    {
        await using var gateway = await GatewayFixture.StartAsync(server);
        var second = gateway.StartSecond();
        var clients = await GatewayFixture.UrlOfAsync(second);
        var operators = new Uri((await second.LineAsync("Health is at ")).Split(' ')[^1]);
        await second.LineAsync("Waiting for the database lock");

        Assert.Equal(new[] { clients.Port, operators.Port }.Order(), ListeningPorts(second.Id));
        Assert.DoesNotContain(IsActive, second.Output, StringComparison.Ordinal);

        gateway.Process.Signal(GatewayProcess.SigKill);
        await second.LineAsync(IsActive);
        Assert.Equal(3, ListeningPorts(second.Id).Count());
    }

    [Fact]
    public async Task Gateways_OfTwoDatabases_RunBesideEachOther()
    {
        await using var one = await GatewayFixture.StartAsync(server);
        await using var other = await GatewayFixture.StartAsync(server);

        Assert.NotEqual((await one.Process.LineAsync(IsActive)).Split(' ')[^1], (await other.Process.LineAsync(IsActive)).Split(' ')[^1]);
    }

    [Theory]
    [InlineData("Cluster:Redis", "Cluster:Redis", "127.0.0.1:6379")]
    [InlineData("Cluster:Id", "Cluster:Id", "other")]
    [InlineData("Cluster:Address", "Cluster:Address", "10.0.0.1")]
    [InlineData("Cluster:SiloPort", "Cluster:SiloPort", "11111")]
    [InlineData("Cluster:EdgePort", "Cluster:EdgePort", "30000")]
    [InlineData("Cluster:DeadAfterMs", "Cluster:DeadAfterMs", "3000")]
    [InlineData("Cluster:Redis", "Cluster:Mode", "cluster")]
    [InlineData("Cluster:Mode", "Cluster:Mode", "both")]
    [InlineData("Cluster:Mode", "Cluster:Mode", "2")]
    public async Task Start_WithSettingsThatContradictTheMode_NamesTheSetting(string named, string setting, string value)
    {
        await using var gateway = await GatewayFixture.CreateAsync(server);
        gateway.Settings[setting] = value;

        var (exitCode, output, errors) = await gateway.CommandAsync();

        Assert.Equal(1, exitCode);
        Assert.Contains(named, errors, StringComparison.Ordinal);
        Assert.DoesNotContain(IsActive, output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Start_OnASchemaOneReleaseNewer_ServesAndOfTwoNamesTheDatabasesSetting()
    {
        const string Setting = "ConnectionStrings:Ledger (ConnectionStrings__Ledger): the schema is of release";
        await using var gateway = await GatewayFixture.StartAsync(server);
        var customer = await FaultPlan.CreateCustomerAsync(gateway.Operator, "1");
        await MakeNewerAsync(gateway);
        await gateway.StartGatewayAsync();
        using (var client = new ChatClient())
        {
            var sent = await client.SendAsync(gateway.Url, customer, new ChatPlan(IsStream: false, Tokens: 3, TokenRate: 0));
            Assert.Equal(Fate.Completed, sent.Fate);
        }

        gateway.Process.Signal(GatewayProcess.SigTerm);
        Assert.Equal(0, await gateway.Process.EndAsync());
        Assert.Equal(0, (await gateway.CommandAsync("verify")).ExitCode);

        await MakeNewerAsync(gateway);
        var (exitCode, output, _) = await gateway.CommandAsync();
        Assert.Equal(1, exitCode);
        Assert.Contains(Setting, output, StringComparison.Ordinal);

        // Without a service, what reads the database itself refuses as well.
        var verify = await gateway.CommandAsync("verify");
        Assert.Equal((1, ""), (verify.ExitCode, verify.Output));
        Assert.Contains(Setting, verify.Errors, StringComparison.Ordinal);
    }

    /// <summary>The schema of one more release.</summary>
    private static async Task MakeNewerAsync(GatewayFixture gateway)
    {
        await using var newer = gateway.DataSource.CreateCommand(
            "INSERT INTO schema_migration (number, name, checksum, release) SELECT max(number) + 1, 'future', '', max(release) + 1 FROM schema_migration");
        await newer.ExecuteNonQueryAsync(Cancellation);
    }

    /// <summary>What there was to read; nothing where the connection was closed, which a slow client may learn while it still connects.</summary>
    private static async Task<int> ConnectAndReadAsync(IPEndPoint address)
    {
        using var client = new Socket(SocketType.Stream, ProtocolType.Tcp);
        try
        {
            await client.ConnectAsync(address, Cancellation);
            return await client.ReceiveAsync(new byte[1], Cancellation);
        }
        catch (SocketException exception) when (exception.SocketErrorCode is SocketError.ConnectionReset or SocketError.Shutdown)
        {
            return 0;
        }
    }

    /// <summary>The TCP ports that a process listens on, by its sockets in /proc.</summary>
    private static IEnumerable<int> ListeningPorts(int process)
    {
        const string Listen = "0A";
        var sockets = Directory.GetFiles($"/proc/{process}/fd").Select(file => new FileInfo(file).LinkTarget).ToHashSet();
        return File.ReadLines("/proc/net/tcp").Skip(1)
            .Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            .Where(fields => fields[3] == Listen && sockets.Contains($"socket:[{fields[9]}]"))
            .Select(fields => int.Parse(fields[1].Split(':')[1], NumberStyles.HexNumber, CultureInfo.InvariantCulture))
            .Order();
    }
}
