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

    /// <summary>The most output tokens of all choices together.</summary>
    public long TotalOutputTokensMax => (OutputTokensMax * Choices) + ExtraOutputTokens;

    /// <summary>The input, tokens, by the text and the model's rules for pictures, sound and files: charged where the provider does not report it.</summary>
    public long EstimatedInputTokens { get; private init; }

    private bool IsFree { get; init; }

    /// <summary>Whether the request has a field for its cap: where it has none, the provider cannot be held to another.</summary>
    private bool TakesLimit { get; init; }
    private UpperBound Cost { get; init; }
    private long ExtraOutputTokens { get; init; }
    private int Choices { get; init; }

    /// <summary>What the request asks for that has no price here: left out for a channel that is set so, else refused.</summary>
    public required IReadOnlyList<PricedField> Unpriced { get; init; }

    /// <summary>The most searches; 0 when it asks for none, or they have no price.</summary>
    public required int Searches { get; init; }

    /// <summary>What it is charged by if the provider serves it in the usual tier, whatever tier it asked for.</summary>
    public required Price UsualPrice { get; init; }

    /// <summary>The tier of service that was asked for and has a price; null for the usual one.</summary>
    private string? Tier { get; init; }

    /// <summary>Bounds a request at a price.</summary>
    /// <param name="usual">The model's price for a request without a tier of service.</param>
    /// <param name="sliceTokens">The first slice of output of each choice.</param>
    public static CostBound Of(RequestFacts request, Model model, Price usual, int sliceTokens)
    {
        var (price, tier, searches, searchCalls, unpriced) = (usual, (string?)null, 0, 0, (List<PricedField>?)null);
        var rules = new InputTokenRules(model.ContextWindow)
        {
            Images = new ImageRule(Bounded(model.ImageTokens), model.ImageSide, model.ImageBaseTokens, model.ImageTokensPerSquare),
            PerAudio = Bounded(model.AudioTokens),
            PerFile = Bounded(model.FileTokens),
        };

        // Who only asks for a count buys nothing.
        foreach (var field in request.IsFree ? [] : request.PricedFields)
        {
            switch (field.Price)
            {
                case FieldPrice.ServiceTier when ServiceTiers.IsUsual(field.Value):
                    break;
                case FieldPrice.ServiceTier when usual.ForService(field.Value) is { } ofTier:
                    (price, tier) = (ofTier, field.Value);
                    break;
                case FieldPrice.Searches when usual.Sold.Contains(Unit.Searches):
                    searches = model.MaxSearches;
                    break;
                case FieldPrice.SearchCalls when usual.Sold.Contains(Unit.Searches):
                    searchCalls = request.Choices;
                    break;
                case FieldPrice.Window when request.AskedWindow <= model.ContextWindow || FitsUsualWindow(request, rules):
                    break;
                default:
                    (unpriced ??= []).Add(field);
                    break;
            }
        }

        // What a search finds is input, in a turn of its own at the worst.
        var inputTokens = (searches * model.ContextWindow) + request.MaxInputTokens(rules);
        var others = new Usage
        {
            [Unit.Calls] = 1,
            [Unit.Seconds] = Sold(Unit.Seconds, request.Seconds),
            [Unit.Characters] = Sold(Unit.Characters, request.Characters),
            [Unit.Images] = Sold(Unit.Images, request.Images),
            [Unit.Searches] = searches + searchCalls + Sold(Unit.Searches, request.Searches),
        };
        var kinds = (model.Kinds | KindsOf(request)) - (request.CachesForAnHour ? [] : UnitSet.Of(Unit.CacheWrite1h));
        var cost = PriceArithmetic.UpperBound(price, inputTokens, kinds, others);

        // A picture comes all at once, and some models make one unasked.
        var unseen = model.ThinksUnseen || model.Output.HasFlag(Modalities.Image) || !request.Stream || request.HasAudioOutput || request.HasImageOutput || request.PredictionBytes > 0;
        var bound = new CostBound
        {
            Model = model,
            Price = price,
            UsualPrice = usual,
            Tier = tier,
            Unpriced = unpriced ?? (IReadOnlyList<PricedField>)[],
            Searches = searches,
            OutputTokensMax = Math.Min(Math.Min(request.MaxOutputTokens ?? model.MaxOutputTokens, model.MaxOutputTokens), request.OutputTokensMost ?? long.MaxValue),
            LoweredCap = request.MaxOutputTokens > model.MaxOutputTokens ? (int)model.MaxOutputTokens : null,
            MostNanos = 0,
            LeastNanos = 0,

            EstimatedInputTokens = request.EstimatedInputTokens + Known(request.ImageTokens(rules.Images), request.ImageCount * model.ContextWindow)
                + Known(request.AudioCount * model.AudioTokens, request.AudioCount * model.ContextWindow)
                + Known(request.FileCount * model.FileTokens, request.FileCount * model.ContextWindow),

            // A provider may serve the usual tier where a cheaper one was asked for.
            Cost = ReferenceEquals(price, usual) ? cost : cost.Or(PriceArithmetic.UpperBound(usual, inputTokens, kinds, others)),

            // Tokens of a prediction that the model rejects are billed as output, beyond the cap.
            ExtraOutputTokens = request.PredictionBytes,
            Choices = request.Choices,
            IsFree = request.IsFree,
            TakesLimit = request.ChargedBy == ChargedBy.Tokens,
        };
        if (request.IsFree)
        {
            return bound;
        }

        long Sold(Unit unit, long count) => usual.Sold.Contains(unit) ? count : 0;

        var most = bound.NanosFor(bound.OutputTokensMax);
        return bound with
        {
            MostNanos = most,
            LeastNanos = unseen ? most : Math.Min(most, bound.NanosFor(Math.Min(sliceTokens, bound.OutputTokensMax))),
        };
    }

    /// <summary>
    /// What the request is charged, nanos, and by which price: that of the tier that served it, as far as it is the one that was asked for or
    /// the usual one; the dearer of the two where the answer names neither.
    /// </summary>
    /// <param name="tier">The tier that the answer names; null when it names none.</param>
    public (long Nanos, Price Price) Charge(in Usage usage, string? tier)
    {
        if (usage == default || IsFree)
        {
            return (0, Price);
        }

        var nanos = PriceArithmetic.Charge(Price, usage);
        if (ReferenceEquals(Price, UsualPrice) || tier == Tier)
        {
            return (nanos, Price);
        }

        var usual = PriceArithmetic.Charge(UsualPrice, usage);
        return (tier is not null && ServiceTiers.IsUsual(tier)) || usual > nanos ? (usual, UsualPrice) : (nanos, Price);
    }

    /// <summary>The same request with its cap lowered to what the money covers; null when that is nothing.</summary>
    public CostBound? LoweredTo(long availableNanos)
    {
        var (covered, beyond) = (0L, TakesLimit ? OutputTokensMax + 1 : 0);
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

    /// <summary>The most that the request can cost if it ends with so much output, nanos.</summary>
    /// <param name="outputTokens">Of all choices together.</param>
    public long CoverFor(long outputTokens) => IsFree ? 0 : Cost.NanosFor(outputTokens + ExtraOutputTokens);

    /// <summary>The most that so much of a session can cost, nanos.</summary>
    /// <param name="seconds">Of sound that is transcribed.</param>
    public long CoverFor(long inputTokens, long outputTokens, long seconds) => PriceArithmetic.UpperBound(
        Price,
        Math.Min(inputTokens, Model.ContextWindow),
        Model.Kinds,
        new Usage { [Unit.Calls] = 1, [Unit.Seconds] = Price.Sold.Contains(Unit.Seconds) ? seconds : 0 }).NanosFor(Math.Min(outputTokens, OutputTokensMax));

    /// <summary>Whether the input is so short, and can grow by no search, that the window that is asked for changes nothing.</summary>
    private static bool FitsUsualWindow(RequestFacts request, in InputTokenRules rules) =>
        request.MaxInputTokens(rules with { Window = request.AskedWindow }) <= rules.Window
        && request.PricedFields.All(static field => field.Price is not (FieldPrice.Searches or FieldPrice.SearchCalls));

    /// <summary>The kinds of tokens that a request of sound or pictures can have, whatever else its model takes.</summary>
    private static UnitSet KindsOf(RequestFacts request) => request.ChargedBy switch
    {
        ChargedBy.Hearing => [Unit.AudioInput],
        ChargedBy.Speech => [Unit.AudioOutput],
        ChargedBy.Pictures => [Unit.ImageInput, Unit.ImageOutput],
        _ => default,
    };

    /// <summary>What pictures, sound or files count by the model's rules; where it has none but its window, nobody knows.</summary>
    private static long Known(long tokens, long windows) => tokens < windows ? tokens : 0;

    private static int Bounded(long tokens) => (int)Math.Min(tokens, int.MaxValue);

    private long NanosFor(long outputTokens) => CoverFor(outputTokens * Choices);
}
