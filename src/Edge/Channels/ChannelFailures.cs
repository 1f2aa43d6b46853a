using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Grains.Contracts.Catalog;
using OrleansGateway.Protocols.Exchange;

namespace OrleansGateway.Edge.Channels;

/// <summary>Decides what an attempt's end means for its channel.</summary>
internal sealed partial class ChannelFailures(
    ChannelHealth health, EdgeMetrics metrics, IOptions<EdgeOptions> options, ILogger<ChannelFailures> logger)
{
    private readonly EdgeOptions _options = options.Value;

    public void Note(Channel channel, in AttemptEnd end)
    {
        if (end.IsWhole)
        {
            health.Recovered(channel);
            return;
        }

        if (end.Outcome != AttemptOutcome.Failed)
        {
            return;
        }

        var failure = end.Cause.Failure;
        var name = end.IsTimeout ? "Timeout" : failure.ToString();
        var retryAfterMs = end.Error.RetryAfterMs;
        metrics.ProviderFailed(channel.Name, name);
        if (!end.IsRetryable)
        {
            return;
        }

        LogFailed(logger, channel.Name, name, end.Error.Status);
        switch (failure)
        {
            case UpstreamFailure.Auth or UpstreamFailure.OutOfFunds:
                health.LetRest(channel, Math.Max(_options.LongRestMs, retryAfterMs), isFirm: true);
                break;
            case UpstreamFailure.ModelMissing or UpstreamFailure.Forbidden:
                // Its other models may well work.
                break;
            default:
                health.LetRest(channel, retryAfterMs > 0 ? retryAfterMs : _options.RestMs, isFirm: retryAfterMs > 0);
                break;
        }
    }

    [LoggerMessage(1200, LogLevel.Warning, "Channel {Channel} failed: {Failure} (shown as {Status})")]
    private static partial void LogFailed(ILogger logger, string channel, string failure, int status);
}
