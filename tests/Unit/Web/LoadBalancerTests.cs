using OrleansGateway.Tests.Unit.Architecture;
using OrleansGateway.Web;
using Xunit;

namespace OrleansGateway.Tests.Unit.Web;

/// <summary>Load balancers send the relay's paths, and no others, past the site.</summary>
public sealed class LoadBalancerTests
{
    [Theory]
    [InlineData("build/haproxy.cfg")]
    [InlineData("deploy/haproxy.cfg")]
    public void Paths_ThatGoToEdges_AreThoseThatTheSiteLeavesAlone(string file)
    {
        var paths = string.Join('|', WebModule.OtherPaths.Select(static path => path.TrimStart('/')));
        Assert.Contains($"use_backend edges if {{ path_reg ^/({paths})(/|$) }}", File.ReadAllText(Path.Combine(Path.GetDirectoryName(SourceTree.Shipped)!, file)), StringComparison.Ordinal);
    }
}
