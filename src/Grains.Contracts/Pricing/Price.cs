using System.Collections.Immutable;
using System.Text.Json.Serialization;

namespace OrleansGateway.Grains.Contracts.Pricing;

/// <summary>Nanos per 1,000,000 of each unit that is sold. Never negative.</summary>
[JsonConverter(typeof(RatesJson))]
public sealed record Rates
{
    private readonly PerUnit _nanos;

    /// <summary>Nothing is sold.</summary>
    public Rates()
    {
    }

    /// <summary>A rate for each unit; null where it is not sold.</summary>
    public Rates(Func<Unit, long?> rate)
    {
        foreach (var unit in Units.All)
        {
            this[unit] = rate(unit);
        }
    }

    /// <summary>The units that have a rate, be it 0.</summary>
    public UnitSet Sold { get; private init; }

    /// <summary>Null where it is not sold.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A rate is negative: a bug of the caller.</exception>
    public long? this[Unit unit]
    {
        get => Sold.Contains(unit) ? _nanos[(int)unit] : null;
        init
        {
            if (value is { } nanos)
            {
                ArgumentOutOfRangeException.ThrowIfNegative(nanos);
                _nanos[(int)unit] = nanos;
                Sold |= UnitSet.Of(unit);
            }
        }
    }
}

/// <summary>The price of a tier of service.</summary>
/// <param name="Tier">The provider's name for it, as requests ask for it and answers tell it.</param>
public sealed record ServicePrice(string Tier, Price Price);

/// <summary>The rates that hold for prompts of more than <paramref name="AboveInputTokens"/> tokens, for the whole request.</summary>
public sealed record PriceTier(long AboveInputTokens, Rates Rates);

/// <summary>
/// What one request is charged by, frozen into its hold by <see cref="Id"/>: a model's price as it stands at the
/// time of admission, peak or off-peak already decided. Tiers are decided by the prompt's length at settlement.
/// </summary>
/// <param name="Id">
/// Names this price for good: <c>model@version</c>, with <c>#window</c> for one of its hours and <c>#tier</c> for a tier of service.
/// </param>
/// <param name="Base">The rates below every tier.</param>
/// <param name="Tiers">Ascending by <see cref="PriceTier.AboveInputTokens"/>. They differ in the rates of tokens alone.</param>
public sealed record Price(string Id, Rates Base, ImmutableArray<PriceTier> Tiers)
{
    /// <summary>The units that have a price: no request that may use another can be bounded.</summary>
    [JsonIgnore]
    public UnitSet Sold => Base.Sold;

    /// <summary>What requests for other tiers of service are charged by, by the provider's names for them: <c>flex</c>, <c>priority</c>.</summary>
    [JsonIgnore]
    public ImmutableArray<ServicePrice> Services { get; init; } = [];

    /// <summary>The price of a tier of service; null when it is not sold.</summary>
    public Price? ForService(string tier)
    {
        foreach (var service in Services)
        {
            if (service.Tier == tier)
            {
                return service.Price;
            }
        }
        return null;
    }

    /// <summary>Nanos for each call, as builds that know no other unit than tokens and calls store them and read them.</summary>
    [JsonInclude]
    internal long PerCallNanos
    {
        get => (Base[Unit.Calls] ?? 0) / PriceArithmetic.UnitsPerRate;
        init
        {
            if (!Sold.Contains(Unit.Calls))
            {
                var ofCalls = long.CreateSaturating((Int128)value * PriceArithmetic.UnitsPerRate);
                var withCalls = (Rates rates) => new Rates(unit => unit == Unit.Calls ? ofCalls : rates[unit]);
                Base = withCalls(Base);
                Tiers = [.. Tiers.Select(tier => tier with { Rates = withCalls(tier.Rates) })];
            }
        }
    }
}
