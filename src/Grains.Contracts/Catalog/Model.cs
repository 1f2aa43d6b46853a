using System.Collections.Immutable;
using OrleansGateway.Grains.Contracts.Pricing;

namespace OrleansGateway.Grains.Contracts.Catalog;

/// <summary>What goes into a model or comes out of it.</summary>
[Flags]
public enum Modalities
{
    None = 0,
    Text = 1 << 0,
    Image = 1 << 1,
    Audio = 1 << 2,
    File = 1 << 3,
}

/// <summary>A model under the name that customers call it by.</summary>
public sealed record Model
{
    public required string Id { get; init; }

    /// <summary>Other names that find it. Prices, limits and usage rows carry <see cref="Id"/>.</summary>
    public ImmutableArray<string> Aliases { get; init; } = [];

    public required string OwnedBy { get; init; }

    /// <summary>Release, Unix seconds; the first price's time where the catalog does not say.</summary>
    public required long Created { get; init; }

    /// <summary>The most input, tokens.</summary>
    public required long ContextWindow { get; init; }

    /// <summary>The most output of one choice, reasoning included, tokens.</summary>
    public required long MaxOutputTokens { get; init; }

    public Modalities Input { get; init; } = Modalities.Text;
    public Modalities Output { get; init; } = Modalities.Text;

    /// <summary>Whether it is spoken with in sessions, and nowhere else.</summary>
    public bool IsRealtime { get; init; }

    /// <summary>Whether it produces tokens that cannot be seen streaming: it is held for its full cap from the start.</summary>
    public bool ThinksUnseen { get; init; }

    /// <summary>The most that one image counts, tokens; the whole window where the catalog does not say.</summary>
    public required long ImageTokens { get; init; }

    /// <summary>The side of the squares by which a picture whose size is known counts, pixels; 0 where it counts <see cref="ImageTokens"/>.</summary>
    public int ImageSide { get; init; }

    /// <summary>What such a picture counts as such, tokens.</summary>
    public long ImageBaseTokens { get; init; }

    /// <summary>What it counts for each square, billionths of a token.</summary>
    public long ImageTokensPerSquare { get; init; }

    /// <summary>The most that one audio clip counts, tokens; the whole window where the catalog does not say.</summary>
    public required long AudioTokens { get; init; }

    /// <summary>The most that one file counts, tokens; the whole window where the catalog does not say.</summary>
    public required long FileTokens { get; init; }

    /// <summary>The most searches of one request; counts where searches have a price.</summary>
    public int MaxSearches { get; init; } = 1;

    /// <summary>The most choices (<c>n</c>) of one request.</summary>
    public int MaxChoices { get; init; } = 8;

    /// <summary>Ascending by <see cref="PriceVersion.From"/>.</summary>
    public required ImmutableArray<PriceVersion> Prices { get; init; }

    /// <summary>Every kind of token that its usage can have.</summary>
    public UnitSet Kinds =>
        Units.TextTokens
        | (Input.HasFlag(Modalities.Audio) ? [Unit.AudioInput, Unit.CachedAudioInput] : default(UnitSet))
        | (Input.HasFlag(Modalities.Image) ? [Unit.ImageInput, Unit.CachedImageInput] : default(UnitSet))
        | (Output.HasFlag(Modalities.Audio) ? [Unit.AudioOutput] : default(UnitSet))
        | (Output.HasFlag(Modalities.Image) ? [Unit.ImageOutput] : default(UnitSet));
}
