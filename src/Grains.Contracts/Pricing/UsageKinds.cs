namespace OrleansGateway.Grains.Contracts.Pricing;

/// <summary>The kinds of tokens that a request can use at all: a bound counts no rate of a kind that cannot occur.</summary>
[Flags]
public enum UsageKinds
{
    None = 0,
    Input = 1 << 0,
    CachedInput = 1 << 1,
    CacheWrite5m = 1 << 2,
    CacheWrite1h = 1 << 3,
    AudioInput = 1 << 4,
    ImageInput = 1 << 5,
    Output = 1 << 6,
    Reasoning = 1 << 7,
    AudioOutput = 1 << 8,
    ImageOutput = 1 << 9,

    /// <summary>Whatever a request of text, answered in text, can use.</summary>
    Text = Input | CachedInput | CacheWrite5m | CacheWrite1h | Output | Reasoning,

    All = Text | AudioInput | ImageInput | AudioOutput | ImageOutput,
}
