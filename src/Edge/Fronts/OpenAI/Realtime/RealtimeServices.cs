using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using OrleansGateway.Edge.Accounting;
using OrleansGateway.Edge.Bodies;
using OrleansGateway.Edge.Catalog;
using OrleansGateway.Edge.Channels;
using OrleansGateway.Edge.Dialects;
using OrleansGateway.Edge.Http;
using OrleansGateway.Grains.Contracts.Keys;

namespace OrleansGateway.Edge.Fronts.OpenAI.Realtime;

/// <summary>What every session uses of the relay.</summary>
internal sealed record RealtimeServices(
    ICatalogSource Catalog,
    SigningSecrets Secrets,
    AccountClient Accounts,
    ChannelChoice Choice,
    ChannelHealth Health,
    ChannelFailures Failures,
    ChannelClients Clients,
    DialectSet Dialects,
    RequestBodies Bodies,
    AnswerBodies Frames,
    Watchdog Watchdog,
    RandomSource Random,
    TimeProvider Time,
    IOptions<EdgeOptions> EdgeOptions,
    ILogger<RealtimeServices> Logger)
{
    public EdgeOptions Options => EdgeOptions.Value;
}
