using OrleansGateway.Edge.Http;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Grains.Contracts.Pricing;
using OrleansGateway.Protocols.OpenAI;

namespace OrleansGateway.Edge.Chat;

/// <summary>What an attempt's end means for the charge, the usage row and the client.</summary>
internal static class Endings
{
    private const long RetryAfterMsMin = 1000;
    private const long RetryAfterMsMax = 60_000;

    /// <summary>
    /// What is charged for: all of a complete answer; of a stream that broke, what was counted, if the client had got any of it
    /// or its provider was let to finish for it; otherwise nothing.
    /// </summary>
    public static Usage ChargedUsage(ChatCall call, in Relayed end, in Metered metered)
    {
        var isComplete = end.End is RelayEnd.Completed or RelayEnd.Exhausted;
        var isPartial = call.Request.Stream && metered.HasOutput
            && (call.ClientGotOutput || (call.IsClientGone && call.Route!.Channel.OnClientGone.IsDrain));
        return isComplete || isPartial ? metered.Usage.ToUsage() : default;
    }

    public static RequestStatus StatusOf(ChatCall call, in Relayed end)
    {
        if (end.End == RelayEnd.Exhausted)
        {
            return RequestStatus.FundsExhausted;
        }

        if (call.IsClientGone || call.Stopped is StopReason.ClientGone or StopReason.ClientStalled)
        {
            return RequestStatus.ClientGone;
        }

        return end.End switch
        {
            RelayEnd.Completed => RequestStatus.Completed,
            RelayEnd.Stopped => call.Stopped == StopReason.TotalTime ? RequestStatus.TimedOut : RequestStatus.Stopped,
            _ when end.IsTimeout => RequestStatus.TimedOut,
            _ => end.Failure.IsRetryable ? RequestStatus.ProviderError : RequestStatus.ProviderRefused,
        };
    }

    /// <param name="restMs">How long a channel that failed rests, ms: a try before that can only meet another channel.</param>
    public static Refusal RefusalOf(ChatCall call, in Relayed end, long restMs)
    {
        if (end.End != RelayEnd.ProviderFailed)
        {
            return new Refusal(Stopped(call.Stopped));
        }

        var retryAfterMs = end.RetryAfterMs;
        if (end.Failure.Public.Status == 503)
        {
            // A provider that is down may be back, or another may take its place, before the wait that it asks for: SDKs give up at two minutes.
            retryAfterMs = Math.Clamp(retryAfterMs > 0 ? retryAfterMs : restMs, RetryAfterMsMin, RetryAfterMsMax);
        }

        return new Refusal(end.Failure.Public, retryAfterMs);
    }

    private static OpenAIError Stopped(StopReason reason) => reason switch
    {
        StopReason.ClientGone or StopReason.ClientStalled =>
            new(499, "The client closed the connection.", "invalid_request_error", null, "client_closed_request"),
        StopReason.TotalTime =>
            new(504, "The request took longer than this gateway allows.", "server_error", null, "request_timeout"),
        _ => new(503, "The gateway had to stop the request. Please try again.", "server_error", null, "request_stopped"),
    };
}
