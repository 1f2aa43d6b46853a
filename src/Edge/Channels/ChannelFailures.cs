using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Grains.Contracts.Catalog;
using OrleansGateway.Protocols.Exchange;

namespace OrleansGateway.Edge.Channels;

/// <summary>Decides what an attempt's end means for its channel, and tells the operator.</summary>
internal sealed partial class ChannelFailures(
    ChannelHealth health, EdgeMetrics metrics, IOptions<EdgeOptions> options, ILogger<ChannelFailures> logger)
{
    private readonly EdgeOptions _options = options.Value;

    /// <param name="requestId">Our id of the request.</param>
    /// <param name="beganMs">When the attempt began, by <see cref="ChannelHealth.NowMs"/>.</param>
    public void Note(string requestId, Route route, AttemptEnd end, long beganMs)
    {
        if (end.Outcome == AttemptOutcome.Failed)
        {
            var name = end.IsTimeout ? "Timeout" : end.Cause.Failure.ToString();
            metrics.ProviderFailed(route.Channel.Name, name);
            if (end.IsRetryable)
            {
                LogFailed(
                    logger, requestId, route.Channel.Name, route.UpstreamModel, name, end.Cause.Status, end.Cause.Code, end.Cause.RequestId, end.Cause.Message);
                Judge(route, end, beganMs);
            }
        }

        if (end.IsWhole)
        {
            health.Succeeded(route, beganMs);
        }
    }

    private void Judge(Route route, AttemptEnd end, long beganMs)
    {
        var failure = end.Cause.Failure;
        switch (failure)
        {
            case UpstreamFailure.Auth or UpstreamFailure.OutOfFunds:
                LogRefused(logger, route.Channel.Name, "any model", failure);
                health.Refuse(route, _options.LongRestMs, isWholeChannel: true);
                break;
            case UpstreamFailure.ModelMissing or UpstreamFailure.Forbidden when !end.Cause.IsNamed:
                // It may be about this request: one client must not take the model from all others.
                break;
            case UpstreamFailure.ModelMissing or UpstreamFailure.Forbidden:
                // Its other models may well work.
                LogRefused(logger, route.Channel.Name, route.UpstreamModel, failure);
                health.Refuse(route, _options.LongRestMs, isWholeChannel: false);
                break;
            case UpstreamFailure.RateLimited:
                health.Rest(route, end.RetryAfterMs > 0 ? end.RetryAfterMs : _options.RestMs);
                break;
            default:
                if (end.RetryAfterMs > 0)
                {
                    health.Rest(route, end.RetryAfterMs);
                }
                else
                {
                    health.Failed(route, beganMs);
                }

                break;
        }
    }

    [LoggerMessage(
        1200,
        LogLevel.Warning,
        "{RequestId}: channel {Channel} failed on {Model}: {Failure}, status {Status}, code {Code}, its request {ProviderRequestId}: {Message}")]
    private static partial void LogFailed(
        ILogger logger, string requestId, string channel, string model, string failure, int status, string? code, string? providerRequestId, string? message);

    [LoggerMessage(1201, LogLevel.Error, "Channel {Channel} is refused by its provider for {Model}: {Failure}. It rests; see its key, its account and its models")]
    private static partial void LogRefused(ILogger logger, string channel, string model, UpstreamFailure failure);
}
