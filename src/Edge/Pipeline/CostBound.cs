using OrleansGateway.Grains.Contracts.Catalog;
using OrleansGateway.Grains.Contracts.Pricing;
using OrleansGateway.Protocols.Exchange;

namespace OrleansGateway.Edge.Pipeline;

/// <summary>What a request can cost, decided before it is admitted.</summary>
internal sealed record CostBound
{
    public required Model Model { get; init; }
    public required Price Price { get; init; }

    /// <summary>The most output tokens of one choice.</summary>
    public required long OutputTokensMax { get; init; }

    /// <summary>The cap to forward in place of the client's, tokens of each choice; null forwards the client's.</summary>
    public int? LoweredCap { get; init; }

    /// <summary>The request's full bound, nanos.</summary>
    public required long MostNanos { get; init; }

    /// <summary>The input and a first slice of output, nanos; the full bound where output cannot be seen coming.</summary>
    public required long LeastNanos { get; init; }

    private long InputTokensMax { get; init; }
    private long ExtraOutputTokens { get; init; }
    private int Choices { get; init; }

    /// <summary>Bounds a request at a price.</summary>
    /// <param name="sliceTokens">The first slice of output of each choice.</param>
    public static CostBound Of(RequestFacts request, Model model, Price price, int sliceTokens)
    {
        var inputTokens = request.MaxInputTokens(new InputTokenRules(model.ContextWindow)
        {
            PerImage = Bounded(model.ImageTokens),
            PerAudio = Bounded(model.AudioTokens),
            PerFile = Bounded(model.FileTokens),
        });
        var unseen = model.ThinksUnseen || !request.Stream || request.HasAudioOutput || request.HasImageOutput || request.PredictionBytes > 0;
        var bound = new CostBound
        {
            Model = model,
            Price = price,
            OutputTokensMax = request.MaxOutputTokens ?? model.MaxOutputTokens,
            MostNanos = 0,
            LeastNanos = 0,
            InputTokensMax = inputTokens,

            // Tokens of a prediction that the model rejects are billed as output, beyond the cap.
            ExtraOutputTokens = request.PredictionBytes,
            Choices = request.Choices,
        };
        var most = bound.NanosFor(bound.OutputTokensMax);
        return bound with
        {
            MostNanos = most,
            LeastNanos = unseen ? most : Math.Min(most, bound.NanosFor(Math.Min(sliceTokens, bound.OutputTokensMax))),
        };
    }

    /// <summary>The same request with its cap lowered to what the money covers; null when that is nothing.</summary>
    public CostBound? LoweredTo(long availableNanos)
    {
        var (covered, beyond) = (0L, OutputTokensMax + 1);
        while (covered + 1 < beyond)
        {
            var middle = covered + ((beyond - covered) / 2);
            (covered, beyond) = NanosFor(middle) <= availableNanos ? (middle, beyond) : (covered, middle);
        }

        if (covered == 0 || covered > int.MaxValue)
        {
            return null;
        }

        var most = NanosFor(covered);
        return this with { OutputTokensMax = covered, LoweredCap = (int)covered, MostNanos = most, LeastNanos = Math.Min(LeastNanos, most) };
    }

    private static int Bounded(long tokens) => (int)Math.Min(tokens, int.MaxValue);

    private long NanosFor(long outputTokens) => PriceArithmetic.UpperBound(
        Price, InputTokensMax, (outputTokens * Choices) + ExtraOutputTokens, Model.Kinds, new Usage { [Unit.Calls] = 1 });
}
