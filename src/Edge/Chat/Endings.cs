using OrleansGateway.Edge.Http;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Grains.Contracts.Pricing;
using OrleansGateway.Protocols.OpenAI;

namespace OrleansGateway.Edge.Chat;

/// <summary>What an attempt's end means for the charge, the usage row and the client.</summary>
internal static class Endings
{
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

    public static Refusal RefusalOf(ChatCall call, in Relayed end) =>
        end.End == RelayEnd.ProviderFailed ? new Refusal(end.Failure.Public, end.RetryAfterMs) : new Refusal(Stopped(call.Stopped));

    private static OpenAIError Stopped(StopReason reason) => reason switch
    {
        StopReason.ClientGone or StopReason.ClientStalled =>
            new(499, "The client closed the connection.", "invalid_request_error", null, "client_closed_request"),
        StopReason.TotalTime =>
            new(504, "The request took longer than this gateway allows.", "server_error", null, "request_timeout"),
        _ => new(503, "The gateway had to stop the request. Please try again.", "server_error", null, "request_stopped"),
    };
}
