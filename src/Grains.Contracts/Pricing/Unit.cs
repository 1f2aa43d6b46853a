using System.Collections.Immutable;

namespace OrleansGateway.Grains.Contracts.Pricing;

/// <summary>
/// What usage is counted in and prices are for. A new unit goes to the end, with a line in <see cref="Units"/> and a migration that adds its
/// column.
/// </summary>
public enum Unit
{
    /// <summary>Uncached text input, tokens.</summary>
    Input,

    /// <summary>Text input read from the provider's cache, and whatever it does not tell from text, tokens.</summary>
    CachedInput,

    /// <summary>Input written to a cache of five minutes, tokens.</summary>
    CacheWrite5m,

    /// <summary>Input written to a cache of one hour, tokens.</summary>
    CacheWrite1h,

    /// <summary>Audio input, tokens.</summary>
    AudioInput,

    /// <summary>Image input, tokens.</summary>
    ImageInput,

    /// <summary>Text output without reasoning, tokens.</summary>
    Output,

    /// <summary>Reasoning output, tokens.</summary>
    Reasoning,

    /// <summary>Audio output, tokens.</summary>
    AudioOutput,

    /// <summary>Image output, tokens.</summary>
    ImageOutput,

    /// <summary>Calls of the model.</summary>
    Calls,

    /// <summary>Seconds of sound or film.</summary>
    Seconds,

    /// <summary>Characters of text that is priced by them.</summary>
    Characters,

    /// <summary>Images that are priced each.</summary>
    Images,

    /// <summary>Searches that the provider made.</summary>
    Searches,

    /// <summary>Audio input read from the provider's cache, tokens.</summary>
    CachedAudioInput,

    /// <summary>Image input read from the provider's cache, tokens.</summary>
    CachedImageInput,
}

/// <summary>What is known of each unit.</summary>
public static class Units
{
    /// <summary>How many there are.</summary>
    public const int Count = (int)Unit.CachedImageInput + 1;

    /// <summary>By their values.</summary>
    private static readonly (string Name, Part Part, string? PerOne)[] Table =
    [
        ("input", Part.Input, null),
        ("cached_input", Part.Input, null),
        ("cache_write_5m", Part.Input, null),
        ("cache_write_1h", Part.Input, null),
        ("audio_input", Part.Input, null),
        ("image_input", Part.Input, null),
        ("output", Part.Output, null),
        ("reasoning", Part.Output, null),
        ("audio_output", Part.Output, null),
        ("image_output", Part.Output, null),
        ("calls", Part.Other, "per_call"),
        ("seconds", Part.Other, "per_second"),
        ("characters", Part.Other, null),
        ("images", Part.Other, "per_image"),
        ("searches", Part.Other, "per_search"),
        ("cached_audio_input", Part.Input, null),
        ("cached_image_input", Part.Input, null),
    ];

    /// <summary>Every unit.</summary>
    public static readonly ImmutableArray<Unit> All = [.. Enum.GetValues<Unit>()];

    /// <summary>The set of all.</summary>
    public static readonly UnitSet Every = UnitSet.Of([.. All]);

    /// <summary>Tokens that go in: what a price's tiers go by.</summary>
    public static readonly UnitSet InputTokens = Those(Part.Input);

    /// <summary>Tokens that were read from the provider's cache.</summary>
    public static readonly UnitSet CachedTokens = [Unit.CachedInput, Unit.CachedAudioInput, Unit.CachedImageInput];

    /// <summary>Tokens that come out.</summary>
    public static readonly UnitSet OutputTokens = Those(Part.Output);

    /// <summary>Every kind of token.</summary>
    public static readonly UnitSet Tokens = InputTokens | OutputTokens;

    /// <summary>The tokens that a request of text, answered in text, can use.</summary>
    public static readonly UnitSet TextTokens =
        [Unit.Input, Unit.CachedInput, Unit.CacheWrite5m, Unit.CacheWrite1h, Unit.Output, Unit.Reasoning];

    private enum Part
    {
        Input,
        Output,
        Other,
    }

    /// <summary>Its column in SQL, and its field in the catalog and in all that is shown.</summary>
    public static string Name(this Unit unit) => Table[(int)unit].Name;

    /// <summary>The catalog's field for the price of one; null where the price of a million stands under its name.</summary>
    public static string? PerOne(this Unit unit) => Table[(int)unit].PerOne;

    private static UnitSet Those(Part part) => UnitSet.Of([.. All.Where(unit => Table[(int)unit].Part == part)]);
}
