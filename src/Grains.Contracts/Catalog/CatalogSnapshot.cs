using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using OrleansGateway.Grains.Contracts.Pricing;

namespace OrleansGateway.Grains.Contracts.Catalog;

/// <summary>
/// The catalog as one file had it, whole and unchanging: a request that began with a snapshot ends with it, and with the
/// price that it was admitted at. The next version is another one.
/// </summary>
public sealed class CatalogSnapshot
{
    private readonly FrozenDictionary<string, Model> _models;
    private readonly FrozenDictionary<string, ImmutableArray<Route>> _routes;

    internal CatalogSnapshot(ImmutableArray<Provider> providers, ImmutableArray<Channel> channels, ImmutableArray<Model> models)
    {
        Providers = providers;
        Channels = channels;
        Models = models;
        _models = models
            .SelectMany(model => model.Aliases.Prepend(model.Id), (model, name) => KeyValuePair.Create(name, model))
            .ToFrozenDictionary(StringComparer.Ordinal);
        _routes = models.ToFrozenDictionary(model => model.Id, model => RoutesTo(model, channels), StringComparer.Ordinal);
    }

    /// <summary>In the file's order.</summary>
    public ImmutableArray<Provider> Providers { get; }

    /// <summary>In the file's order, those that are off included.</summary>
    public ImmutableArray<Channel> Channels { get; }

    /// <summary>In the file's order, those that nothing serves at the moment included.</summary>
    public ImmutableArray<Model> Models { get; }

    /// <summary>The model of this name or alias; null when there is none.</summary>
    public Model? FindModel(string name) => _models.GetValueOrDefault(name);

    /// <summary>Every price that a request may be admitted at, now or later.</summary>
    public IEnumerable<KnownPrice> Prices =>
        from model in Models
        from version in model.Prices
        from price in version.AllPrices
        select new KnownPrice(price, version.From);

    /// <summary>
    /// What a request that is admitted now is charged by: the version in force, and its peak or off-peak hours decided.
    /// Null when no version is in force yet: the model cannot be called.
    /// </summary>
    [SuppressMessage("Performance", "CA1822", Justification = "A question to the catalog, wherever it finds the answer.")]
    public Price? PriceFor(Model model, DateTimeOffset now)
    {
        for (var i = model.Prices.Length - 1; i >= 0; i--)
        {
            if (model.Prices[i].From <= now)
            {
                return model.Prices[i].PriceAt(now);
            }
        }
        return null;
    }

    /// <summary>The ways to a model over channels that are on: by priority, the heaviest first. Empty when nothing serves it.</summary>
    public ImmutableArray<Route> RoutesTo(Model model) => _routes.GetValueOrDefault(model.Id, []);

    private static ImmutableArray<Route> RoutesTo(Model model, ImmutableArray<Channel> channels) =>
    [
        .. from channel in channels
           where channel.IsOn
           from entry in channel.Models
           where entry.Model == model.Id
           orderby channel.Priority, channel.Weight descending
           select new Route(channel, entry.Upstream),
    ];
}
