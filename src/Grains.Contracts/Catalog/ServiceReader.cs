using System.Collections.Immutable;
using System.Text.Json;
using OrleansGateway.Grains.Contracts.Pricing;

namespace OrleansGateway.Grains.Contracts.Catalog;

/// <summary>Reads the tiers of service that a price version sells: a factor for its tokens, or prices of their own.</summary>
internal sealed class ServiceReader
{
    private const int MaxNameLength = 32;

    private readonly PriceReader _prices;
    private readonly List<(string Tier, CatalogNode Node, long? Factor, Price? Own)> _services = [];

    public ServiceReader(CatalogProblems problems, PriceReader prices, CatalogFields version, ImmutableArray<PriceWindow> windows)
    {
        _prices = prices;
        if (version.Find("service_tiers") is not { } node)
        {
            return;
        }
        var fields = new CatalogFields(node, problems);
        foreach (var (tier, value) in node.Fields)
        {
            if (ServiceTiers.IsUsual(tier) || tier.Length > MaxNameLength || !tier.All(static character => char.IsAsciiLetterOrDigit(character) || character is '_' or '-')
                || windows.Any(window => window.Name == tier))
            {
                problems.Error(
                    value,
                    $"A tier's name has at most {MaxNameLength} letters, digits, '_' or '-', is no window's, and is not one of the usual tier: {string.Join(", ", ServiceTiers.Usual)}.");
            }
            if (value.Kind == JsonValueKind.Object)
            {
                fields.Find(tier);
                var own = new CatalogFields(value, problems);
                _services.Add((tier, value, null, prices.ReadTokenPrice(own, tier)));
                own.Finish();
            }
            else if (fields.Decimal(tier) is { } factor)
            {
                _services.Add((tier, value, factor, null));
            }
        }
        fields.Finish();
    }

    /// <summary>The price with what it is for each tier of service. What is no token costs there what it costs everywhere.</summary>
    public Price AddTo(Price price)
    {
        return _services.Count == 0 ? price : price with
        {
            Services =
            [
                .. _services.Select(service => new ServicePrice(
                    service.Tier,
                    service.Own is { } own
                        ? new Price($"{price.Id}#{service.Tier}", Filled(own.Base), [.. own.Tiers.Select(tier => tier with { Rates = Filled(tier.Rates) })])
                        : _prices.Times(price, $"{price.Id}#{service.Tier}", service.Factor!.Value, Units.Tokens, service.Node))),
            ],
        };

        Rates Filled(Rates own) => new(unit => own[unit] ?? price.Base[unit]);
    }
}
