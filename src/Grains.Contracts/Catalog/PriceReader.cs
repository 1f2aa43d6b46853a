using System.Collections.Immutable;
using OrleansGateway.Grains.Contracts.Pricing;

namespace OrleansGateway.Grains.Contracts.Catalog;

/// <summary>Reads a model's price versions.</summary>
internal sealed class PriceReader(CatalogProblems problems, IReadOnlyDictionary<string, KnownPrice>? known, DateTimeOffset now)
{
    private const int MaxIdLength = 200;

    /// <summary>Nanos.</summary>
    private const long MaxPerOne = long.MaxValue / PriceArithmetic.UnitsPerRate;

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
        var windows = new WindowReader(problems, this).Read(fields, price);
        var services = new ServiceReader(problems, this, fields, windows);
        var version = new PriceVersion
        {
            Id = id,
            From = fields.Time("from"),
            Price = services.AddTo(price),
            Windows = [.. windows.Select(window => window with { Price = services.AddTo(window.Price) })],
            Source = fields.Url("source", mayHaveQuery: true),
            SourceDate = fields.Date("source_date"),
        };
        fields.Finish();
        RefuseOtherRates(fields, version);
        return version;
    }

    /// <summary>Rates and tiers: of a version, or of one of its windows.</summary>
    public Price ReadPrice(CatalogFields fields, string id) => ReadPrice(fields, id, (unit, perMillion) => ReadOther(unit, fields, perMillion));

    /// <summary>Rates and tiers of tokens alone: of a tier of service.</summary>
    public Price ReadTokenPrice(CatalogFields fields, string id) => ReadPrice(fields, id, static (_, _) => null);

    /// <param name="fields">What has the prices.</param>
    /// <param name="other">The rate of a unit that is no token.</param>
    private Price ReadPrice(CatalogFields fields, string id, Func<Unit, CatalogFields, long?> other)
    {
        var rates = ReadRates(fields, other);
        var tiers = ImmutableArray.CreateBuilder<PriceTier>();
        foreach (var tier in fields.Objects("tiers"))
        {
            var above = tier.Integer("above_input_tokens", 1, long.MaxValue);
            if (tiers.Count > 0 && above <= tiers[^1].AboveInputTokens)
            {
                problems.Error(tier.Find("above_input_tokens") ?? tier.Node, "A tier must begin above the one before it.");
            }
            tiers.Add(new PriceTier(above, ReadRates(tier, (unit, _) => rates[unit])));
            tier.Finish();
        }
        return new Price(id, rates, tiers.ToImmutable());
    }

    /// <summary>A price whose rates of these units are multiplied.</summary>
    /// <param name="billionths">The factor.</param>
    /// <param name="factor">Where the factor stands.</param>
    public Price Times(Price price, string id, long billionths, UnitSet units, CatalogNode factor)
    {
        return new Price(id, Multiplied(price.Base), [.. price.Tiers.Select(tier => tier with { Rates = Multiplied(tier.Rates) })]);

        Rates Multiplied(Rates rates) => new(
            unit => rates[unit] is { } rate && units.Contains(unit) ? Times(rate, billionths, factor) : rates[unit]);
    }

    private long Times(long nanos, long billionths, CatalogNode factor)
    {
        var (product, rest) = Int128.DivRem((Int128)nanos * billionths, Money.NanosPerUsd);
        if (rest == 0 && product <= long.MaxValue)
        {
            return (long)product;
        }
        problems.Error(factor, "The multiplied rates are no whole nanos: give it its own per_million.");
        return 0;
    }

    /// <param name="owner">What has the rates.</param>
    /// <param name="other">The rate of a unit that is no token.</param>
    private Rates ReadRates(CatalogFields owner, Func<Unit, CatalogFields, long?> other)
    {
        if (owner.Find("per_million") is not { } node)
        {
            owner.Missing("per_million");
            node = new CatalogNode(System.Text.Json.JsonValueKind.Object, owner.Node.Path, owner.Node.Line);
            return Defaulted(new CatalogFields(node, problems), 0, 0, other);
        }
        var fields = new CatalogFields(node, problems);
        var rates = Defaulted(fields, Required(fields, "input"), Required(fields, "output"), other);
        fields.Finish();
        return rates;
    }

    /// <summary>A kind without a rate of its own costs what it would cost if the provider did not tell it apart.</summary>
    private static Rates Defaulted(CatalogFields fields, long input, long output, Func<Unit, CatalogFields, long?> other)
    {
        var cacheWrite5m = fields.Decimal(Unit.CacheWrite5m.Name()) ?? input;
        var cacheWrite1h = fields.Decimal(Unit.CacheWrite1h.Name()) ?? HourDefault(input, cacheWrite5m);
        return new Rates(unit => unit switch
        {
            Unit.Input => input,
            Unit.CacheWrite5m => cacheWrite5m,
            Unit.CacheWrite1h => cacheWrite1h,
            Unit.CachedAudioInput => fields.Decimal(unit.Name()) ?? fields.Decimal(Unit.AudioInput.Name()) ?? input,
            Unit.CachedImageInput => fields.Decimal(unit.Name()) ?? fields.Decimal(Unit.ImageInput.Name()) ?? input,
            Unit.Output => output,
            _ when Units.InputTokens.Contains(unit) => fields.Decimal(unit.Name()) ?? input,
            _ when Units.OutputTokens.Contains(unit) => fields.Decimal(unit.Name()) ?? output,
            _ => other(unit, fields),
        });
    }

    /// <summary>The rate of a unit that is no token; null where it is not sold. Calls are free where nothing else is said.</summary>
    private long? ReadOther(Unit unit, CatalogFields price, CatalogFields perMillion)
    {
        if (unit.PerOne() is not { } field)
        {
            return perMillion.Decimal(unit.Name());
        }
        if (price.Decimal(field) is not { } nanos)
        {
            return unit == Unit.Calls ? 0 : null;
        }
        if (nanos <= MaxPerOne)
        {
            return nanos * PriceArithmetic.UnitsPerRate;
        }
        problems.Error(price.Find(field)!, $"At most {Money.FormatUsd(MaxPerOne)} USD are possible.");
        return 0;
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
            var owner = window < 0 ? fields : new CatalogFields(fields.Items("windows")[window], problems);
            RefuseOther(price, field => Locate(owner, field));
            foreach (var service in price.Services)
            {
                RefuseOther(service.Price, _ => fields.Find("service_tiers")!);
            }
        }

        void RefuseOther(Price price, Func<string, CatalogNode> locate)
        {
            if (known?.GetValueOrDefault(price.Id) is { } earlier && earlier.From <= now && FirstDifference(earlier.Price, price) is { } field)
            {
                problems.Error(
                    locate(field), $"The price '{price.Id}' has been in force with another {field}. Add a version with its own time instead.");
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
        foreach (var unit in Units.All)
        {
            if (Known(before.Base, after.Base)[unit] != after.Base[unit])
            {
                return unit.PerOne() ?? unit.Name();
            }
        }
        var tiers = before.Tiers.Zip(after.Tiers, static (was, tier) => was with { Rates = Known(was.Rates, tier.Rates) });
        return before.Tiers.Length == after.Tiers.Length && tiers.SequenceEqual(after.Tiers) ? null : "tiers";
    }

    /// <summary>
    /// The rates of a price that was in force, as far as the program knew them that published it: kinds of tokens that it did not tell apart have
    /// today's, and so has writing to an hour's cache where it sold that as writing to the cache of five minutes.
    /// </summary>
    private static Rates Known(Rates before, Rates after)
    {
        var isHourUnnamed = before[Unit.CacheWrite1h] == before[Unit.CacheWrite5m]
            && after[Unit.CacheWrite1h] == HourDefault(after[Unit.Input] ?? 0, after[Unit.CacheWrite5m] ?? 0);
        return new Rates(unit => unit == Unit.CacheWrite1h && isHourUnnamed ? after[unit]
            : before[unit] ?? (Units.InputTokens.Contains(unit) || Units.OutputTokens.Contains(unit) ? after[unit] : null));
    }

    /// <summary>Who sells it apart takes twice the input for it.</summary>
    private static long HourDefault(long input, long cacheWrite5m) => Math.Max(cacheWrite5m, input <= long.MaxValue / 2 ? 2 * input : input);
}
