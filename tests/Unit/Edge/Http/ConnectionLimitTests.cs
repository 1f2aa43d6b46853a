using System.Diagnostics.Metrics;
using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using OrleansGateway.Edge;
using OrleansGateway.Edge.Http;
using Xunit;

namespace OrleansGateway.Tests.Unit.Edge.Http;

public sealed class ConnectionLimitTests
{
    [Theory]
    [InlineData("203.0.113.1", "203.0.113.1", false)]
    [InlineData("203.0.113.1", "203.0.113.2", true)]
    [InlineData("203.0.113.1", "::ffff:203.0.113.1", false)]
    [InlineData("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", false)]
    [InlineData("2001:db8:0:1::1", "2001:db8:0:2::1", true)]
    [InlineData("0.0.0.1", "::1", true)]
    [InlineData("10.0.0.1", "10.0.0.1", true)]
    [InlineData("::ffff:10.0.0.1", "::ffff:10.0.0.1", true)]
    public async Task Serve_ASecondConnectionOfOneAllowed_GoesByWhoseItIs(string first, string second, bool isServed)
    {
        await using var services = new ServiceCollection().AddMetrics().BuildServiceProvider();
        using var metrics = new EdgeMetrics(services.GetRequiredService<IMeterFactory>());
        var limit = new ConnectionLimit(new ClientAddress(["10.0.0.0/8"]), metrics, Options.Create(new EdgeOptions { MaxConnectionsPerAddress = 1 }));
        var end = new TaskCompletionSource();
        var served = 0;

        var firstConnection = ServeAsync(first);
        var secondConnection = ServeAsync(second);
        Assert.Equal(isServed ? 2 : 1, served);

        end.SetResult();
        await firstConnection;
        await secondConnection;
        await ServeAsync(second);
        Assert.Equal(isServed ? 3 : 2, served);

        async Task ServeAsync(string address)
        {
            await using var connection = new DefaultConnectionContext { RemoteEndPoint = new IPEndPoint(IPAddress.Parse(address), 5000) };
            await limit.ServeAsync(connection, _ =>
            {
                served++;
                return end.Task;
            });
        }
    }
}
