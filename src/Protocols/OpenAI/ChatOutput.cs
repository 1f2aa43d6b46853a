using OrleansGateway.Protocols.Metering;

namespace OrleansGateway.Protocols.OpenAI;

/// <summary>The output of a response as it was counted on its way.</summary>
internal struct ChatOutput
{
    // OpenAI counts a token per 50 ms of spoken output; its PCM has 48,000 bytes a second.
    private const long AudioBytesPerToken = 2400;

    public TokenEstimate Text;
    public TokenEstimate Reasoning;
    public long AudioBytes;

    public readonly TokenUsage Estimate(long inputTokens) => new()
    {
        UncachedInput = inputTokens,
        Output = Text.Tokens,
        Reasoning = Reasoning.Tokens,
        AudioOutput = (AudioBytes + AudioBytesPerToken - 1) / AudioBytesPerToken,
        IsEstimated = true,
    };
}
