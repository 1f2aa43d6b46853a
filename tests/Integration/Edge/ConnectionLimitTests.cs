using System.Net;
using System.Net.Sockets;
using System.Text;
using Xunit;

namespace OrleansGateway.Tests.Integration.Edge;

/// <summary>How many connections the relay keeps, on real sockets.</summary>
public sealed class ConnectionLimitTests
{
    private static readonly IPAddress Other = IPAddress.Parse("127.0.0.2");

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Connect_MoreThanAnAddressMayHave_ClosesTheLastOnly()
    {
        await using var edge = await EdgeFixture.StartAsync(settings: [new("Edge:MaxConnectionsPerAddress", "2")]);
        using var first = await ConnectAsync(edge, IPAddress.Loopback);
        using var second = await ConnectAsync(edge, IPAddress.Loopback);
        Assert.True(await IsServedAsync(first));
        Assert.True(await IsServedAsync(second));

        using var third = await ConnectAsync(edge, IPAddress.Loopback);
        Assert.False(await IsServedAsync(third));
        using var other = await ConnectAsync(edge, Other);
        Assert.True(await IsServedAsync(other));
        Assert.True(await IsServedAsync(second));

        first.Dispose();
        await ServesAnotherAsync(edge);
    }

    [Fact]
    public async Task Connect_ThroughATrustedProxy_HasNoLimitOfItsOwn()
    {
        await using var edge = await EdgeFixture.StartAsync(
            settings: [new("Edge:MaxConnectionsPerAddress", "1"), new("Edge:TrustedProxies:0", IPAddress.Loopback.ToString())]);
        using var first = await ConnectAsync(edge, IPAddress.Loopback);
        using var second = await ConnectAsync(edge, IPAddress.Loopback);

        Assert.True(await IsServedAsync(first));
        Assert.True(await IsServedAsync(second));
    }

    [Fact]
    public async Task Connect_MoreThanThereMayBe_ClosesTheLastOnly()
    {
        await using var edge = await EdgeFixture.StartAsync(settings: [new("Edge:MaxConnections", "2")]);
        using var first = await ConnectAsync(edge, IPAddress.Loopback);
        using var second = await ConnectAsync(edge, Other);
        Assert.True(await IsServedAsync(first));
        Assert.True(await IsServedAsync(second));

        using var third = await ConnectAsync(edge, Other);
        Assert.False(await IsServedAsync(third));
        Assert.True(await IsServedAsync(second));

        first.Dispose();
        await ServesAnotherAsync(edge);
    }

    private static async Task<Socket> ConnectAsync(EdgeFixture edge, IPAddress from)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(from, 0));
        await socket.ConnectAsync(IPAddress.Loopback, edge.Client.BaseAddress!.Port, Cancellation);
        return socket;
    }

    /// <summary>Whether a request is answered, instead of the connection's end.</summary>
    private static async Task<bool> IsServedAsync(Socket socket)
    {
        try
        {
            await socket.SendAsync(Encoding.ASCII.GetBytes("GET /v1/models HTTP/1.1\r\nHost: gateway\r\n\r\n"), Cancellation);
            return await socket.ReceiveAsync(new byte[16 * 1024], Cancellation) > 0;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    /// <summary>Waits until the relay has noticed that a connection ended.</summary>
    private static async Task ServesAnotherAsync(EdgeFixture edge)
    {
        bool isServed;
        do
        {
            using var another = await ConnectAsync(edge, IPAddress.Loopback);
            isServed = await IsServedAsync(another);
        }
        while (!isServed);
    }
}
