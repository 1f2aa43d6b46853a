using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using OrleansGateway.Edge.Chat;
using OrleansGateway.Grains.Contracts.Catalog;
using OrleansGateway.Protocols.OpenAI;

namespace OrleansGateway.Edge.Channels;

/// <summary>Decides what an attempt's end means for its channel.</summary>
internal sealed partial class ChannelFailures(
    ChannelHealth health, EdgeMetrics metrics, IOptions<EdgeOptions> options, ILogger<ChannelFailures> logger)
{
    private readonly EdgeOptions _options = options.Value;

    public void Note(Channel channel, in Relayed end)
    {
        if (end.End is RelayEnd.Completed or RelayEnd.Exhausted)
        {
            health.Recovered(channel);
            return;
        }

        if (end.End != RelayEnd.ProviderFailed)
        {
            return;
        }

        var failure = end.Failure.Failure;
        metrics.ProviderFailed(channel.Name, end.IsTimeout ? "Timeout" : failure.ToString());
        if (!end.Failure.IsRetryable)
        {
            return;
        }

        LogFailed(logger, channel.Name, end.IsTimeout ? "Timeout" : failure.ToString(), end.Failure.Public.Status);
        switch (failure)
        {
            case UpstreamFailure.Auth or UpstreamFailure.OutOfFunds:
                health.LetRest(channel, Math.Max(_options.LongRestMs, end.RetryAfterMs), isFirm: true);
                break;
            case UpstreamFailure.ModelMissing or UpstreamFailure.Forbidden:
                // Its other models may well work.
                break;
            default:
                health.LetRest(channel, end.RetryAfterMs > 0 ? end.RetryAfterMs : _options.RestMs, isFirm: end.RetryAfterMs > 0);
                break;
        }
    }

    [LoggerMessage(1200, LogLevel.Warning, "Channel {Channel} failed: {Failure} (shown as {Status})")]
    private static partial void LogFailed(ILogger logger, string channel, string failure, int status);
}
