namespace OrleansGateway.SimulatedProvider;

/// <summary>What a simulated provider is started with.</summary>
public sealed record SimulatedProviderOptions
{
    /// <summary>Address to listen on, http only; port 0 takes a free one.</summary>
    public Uri Url { get; init; } = new("http://127.0.0.1:0");

    /// <summary>Ids that <c>GET /v1/models</c> lists; chat completions accept any.</summary>
    public IReadOnlyList<string> Models { get; init; } = ["sim-1", "sim-mini"];

    /// <summary>The key that requests must carry as a bearer token; null takes any request.</summary>
    public string? ApiKey { get; init; }

    /// <summary>How many of the last chat requests are kept with headers and body for <c>GET /sim/requests</c>; 0 keeps none.</summary>
    public int RecordedRequestsMax { get; init; } = 256;

    /// <summary>How requests that say nothing about it are answered.</summary>
    public SimulatedBehaviour Behaviour { get; init; } = new();
}
