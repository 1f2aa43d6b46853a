using OrleansGateway.Protocols.Exchange;

namespace OrleansGateway.Edge.Pipeline;

/// <summary>What a client is told of a provider's failure.</summary>
internal static class ProviderErrors
{
    /// <summary>What a provider says of the request is passed on; what it says of itself or of the gateway's account is not.</summary>
    public static ApiError Of(in UpstreamError error) => error.Failure switch
    {
        UpstreamFailure.BadRequest => PassOn(
            error,
            error.Status switch
            {
                404 => ErrorKind.ProviderFoundNothing,
                422 => ErrorKind.ProviderCannotProcess,
                _ => ErrorKind.ProviderRefusedRequest,
            }),
        UpstreamFailure.ContentFiltered => PassOn(error with { Code = null }, ErrorKind.ProviderFilteredContent),
        UpstreamFailure.TooLarge => PassOn(error, ErrorKind.ProviderFindsItTooLarge),
        UpstreamFailure.ModelMissing =>
            new(ErrorKind.ProviderLacksModel, "The model is not available at the moment: its provider does not have it.", "model"),
        UpstreamFailure.Auth or UpstreamFailure.Forbidden =>
            new(ErrorKind.ProviderRefusedGateway, "The model's provider did not accept the gateway's request."),
        UpstreamFailure.OutOfFunds =>
            new(ErrorKind.ProviderUnavailable, "The model's provider is not available at the moment. Please try again later."),
        UpstreamFailure.RateLimited =>
            new(ErrorKind.ProviderLimits, "The model's provider is limiting requests at the moment. Please try again later."),
        UpstreamFailure.Overloaded =>
            new(ErrorKind.ProviderOverloaded, "The model's provider is overloaded at the moment. Please try again later."),
        _ => new(ErrorKind.ProviderFailed, "The model's provider failed to answer. Please try again."),
    };

    private static ApiError PassOn(in UpstreamError error, ErrorKind kind) =>
        new(kind, error.Message ?? "The model's provider refused the request.", error.Param, error.Code);
}
