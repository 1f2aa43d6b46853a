using OrleansGateway.Tests.Programs.Postgres;
using Xunit;

namespace OrleansGateway.Tests.Integration.Gateway;

/// <summary>
/// A gateway that the tests of a class share, since a start costs seconds. Each of them makes accounts of its own, leaves settings and
/// catalog alone, and expects nothing of what is there beside. Its books are checked at the end.
/// </summary>
public sealed class SharedGateway(PostgresServer server) : IAsyncLifetime
{
    internal GatewayFixture Gateway { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Gateway = await GatewayFixture.StartAsync(server);

    public async ValueTask DisposeAsync()
    {
        await Gateway.VerifyAsync();
        await Gateway.DisposeAsync();
    }
}
