using System.Collections.Immutable;
using OrleansGateway.Grains.Contracts.Pricing;

namespace OrleansGateway.Grains.Contracts.Catalog;

/// <summary>Reads a model's price versions.</summary>
internal sealed class PriceReader(CatalogProblems problems, IReadOnlyDictionary<string, KnownPrice>? known, DateTimeOffset now)
{
    private const int MaxIdLength = 200;

    private readonly HashSet<string> _ids = new(StringComparer.Ordinal);

    public ImmutableArray<PriceVersion> Read(CatalogFields model, string modelId)
    {
        var versions = ImmutableArray.CreateBuilder<PriceVersion>();
        foreach (var fields in model.Objects("prices"))
        {
            var version = ReadVersion(fields, $"{modelId}@{versions.Count + 1}");
            if (versions.Count > 0 && version.From <= versions[^1].From)
            {
                problems.Error(fields.Find("from") ?? fields.Node, "A version must begin later than the one before it.");
            }
            versions.Add(version);
        }
        if (model.Find("prices") is null)
        {
            model.Missing("prices");
        }
        else if (versions.Count == 0)
        {
            problems.Error(model.Find("prices")!, "A model needs a price.");
        }
        else if (versions[0].From > now)
        {
            problems.Warn(
                model.Find("prices")!,
                $"No price of '{modelId}' is in force yet: it cannot be called before {versions[0].From:u}.");
        }
        return versions.ToImmutable();
    }

    private PriceVersion ReadVersion(CatalogFields fields, string defaultId)
    {
        var id = fields.OptionalText("id") ?? defaultId;
        if (id.Length > MaxIdLength || id.Contains('#', StringComparison.Ordinal))
        {
            problems.Error(fields.Find("id") ?? fields.Node, $"A price's id has at most {MaxIdLength} characters and no '#'.");
        }
        if (!_ids.Add(id))
        {
            problems.Error(fields.Find("id") ?? fields.Node, $"The price id '{id}' is there twice.");
        }
        var price = ReadPrice(fields, id);
        var version = new PriceVersion
        {
            Id = id,
            From = fields.Time("from"),
            Price = price,
            Windows = new WindowReader(problems, this).Read(fields, price),
            Source = fields.Url("source", mayHaveQuery: true),
            SourceDate = fields.Date("source_date"),
        };
        fields.Finish();
        RefuseOtherRates(fields, version);
        return version;
    }

    /// <summary>Rates, tiers and price per call: of a version, or of one of its windows.</summary>
    public Price ReadPrice(CatalogFields fields, string id)
    {
        var tiers = ImmutableArray.CreateBuilder<PriceTier>();
        foreach (var tier in fields.Objects("tiers"))
        {
            var above = tier.Integer("above_input_tokens", 1, long.MaxValue);
            if (tiers.Count > 0 && above <= tiers[^1].AboveInputTokens)
            {
                problems.Error(tier.Find("above_input_tokens") ?? tier.Node, "A tier must begin above the one before it.");
            }
            tiers.Add(new PriceTier(above, ReadRates(tier)));
            tier.Finish();
        }
        return new Price(id, fields.Decimal("per_call") ?? 0, ReadRates(fields), tiers.ToImmutable());
    }

    private Rates ReadRates(CatalogFields owner)
    {
        if (owner.Find("per_million") is not { } node)
        {
            owner.Missing("per_million");
            node = new CatalogNode(System.Text.Json.JsonValueKind.Object, owner.Node.Path, owner.Node.Line);
            return Defaulted(new CatalogFields(node, problems), 0, 0);
        }
        var fields = new CatalogFields(node, problems);
        var rates = Defaulted(fields, Required(fields, "input"), Required(fields, "output"));
        fields.Finish();
        return rates;
    }

    /// <summary>A kind without a rate of its own costs what it would cost if the provider did not tell it apart.</summary>
    private static Rates Defaulted(CatalogFields fields, long input, long output)
    {
        var cacheWrite5m = fields.Decimal("cache_write_5m") ?? input;
        return new Rates
        {
            Input = input,
            CachedInput = fields.Decimal("cached_input") ?? input,
            CacheWrite5m = cacheWrite5m,
            CacheWrite1h = fields.Decimal("cache_write_1h") ?? cacheWrite5m,
            AudioInput = fields.Decimal("audio_input") ?? input,
            ImageInput = fields.Decimal("image_input") ?? input,
            Output = output,
            Reasoning = fields.Decimal("reasoning") ?? output,
            AudioOutput = fields.Decimal("audio_output") ?? output,
            ImageOutput = fields.Decimal("image_output") ?? output,
        };
    }

    private static long Required(CatalogFields fields, string name)
    {
        var rate = fields.Decimal(name);
        if (rate is null)
        {
            fields.Missing(name);
        }
        return rate ?? 0;
    }

    /// <summary>
    /// A price that was in force is frozen into holds and named by usage rows: its id never comes to mean other rates. One
    /// that was only announced may still change.
    /// </summary>
    private void RefuseOtherRates(CatalogFields fields, PriceVersion version)
    {
        for (var window = -1; window < version.Windows.Length; window++)
        {
            var price = window < 0 ? version.Price : version.Windows[window].Price;
            if (known?.GetValueOrDefault(price.Id) is { } earlier && earlier.From <= now && FirstDifference(earlier.Price, price) is { } field)
            {
                var owner = window < 0 ? fields : new CatalogFields(fields.Items("windows")[window], problems);
                problems.Error(
                    Locate(owner, field),
                    $"The price '{price.Id}' has been in force with another {field}. Add a version with its own time instead.");
            }
        }
    }

    /// <summary>Where the field stands, or else what it would stand in.</summary>
    private CatalogNode Locate(CatalogFields owner, string field)
    {
        var rates = owner.Find("per_million");
        return owner.Find(field)
            ?? (rates is null ? null : new CatalogFields(rates, problems).Find(field))
            ?? rates
            ?? owner.Node;
    }

    /// <summary>The file's name of the first field in which two prices differ; null when they charge the same.</summary>
    private static string? FirstDifference(Price before, Price after)
    {
        ReadOnlySpan<(string Field, long Before, long After)> rates =
        [
            ("input", before.Base.Input, after.Base.Input),
            ("cached_input", before.Base.CachedInput, after.Base.CachedInput),
            ("cache_write_5m", before.Base.CacheWrite5m, after.Base.CacheWrite5m),
            ("cache_write_1h", before.Base.CacheWrite1h, after.Base.CacheWrite1h),
            ("audio_input", before.Base.AudioInput, after.Base.AudioInput),
            ("image_input", before.Base.ImageInput, after.Base.ImageInput),
            ("output", before.Base.Output, after.Base.Output),
            ("reasoning", before.Base.Reasoning, after.Base.Reasoning),
            ("audio_output", before.Base.AudioOutput, after.Base.AudioOutput),
            ("image_output", before.Base.ImageOutput, after.Base.ImageOutput),
            ("per_call", before.PerCallNanos, after.PerCallNanos),
        ];
        foreach (var (field, old, current) in rates)
        {
            if (old != current)
            {
                return field;
            }
        }
        return before.Tiers.AsSpan().SequenceEqual(after.Tiers.AsSpan()) ? null : "tiers";
    }
}
