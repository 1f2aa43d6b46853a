using OrleansGateway.Tests.Cluster.Running;
using OrleansGateway.Tests.Integration.Gateway;
using Xunit;

namespace OrleansGateway.Tests.Cluster.Gateway;

/// <summary>What a silo says when it cannot become a member.</summary>
public sealed class SiloStartTests
{
    [Theory]
    [InlineData("Cluster:Redis", "127.0.0.1:1,connectTimeout=500")]
    [InlineData("Cluster:Address", "192.0.2.1")]
    public async Task Start_WithWhatCannotBeReached_EndsAndNamesTheSetting(string setting, string value)
    {
        await using var cluster = await ClusterFixture.StartAsync(silos: 0, edges: 0);
        var settings = new Dictionary<string, string?>(cluster.AddSilo().Settings) { [setting] = value };

        var (exitCode, _, errors) = await GatewayProcess.RunAsync(settings);

        Assert.Equal(1, exitCode);
        Assert.Contains(setting, Assert.Single(errors.Split('\n')), StringComparison.Ordinal);
    }
}
