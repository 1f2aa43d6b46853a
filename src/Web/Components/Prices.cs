using OrleansGateway.Grains.Contracts.Catalog;
using OrleansGateway.Grains.Contracts.Pricing;

namespace OrleansGateway.Web.Components;

/// <summary>A model as pages show it: with the price in force and who gets what is sent to it.</summary>
/// <param name="Price">Null while no price is in force: it cannot be called.</param>
/// <param name="Providers">Those whose channels are on; none while nobody serves it.</param>
internal sealed record ShownModel(Model Model, Price? Price, IReadOnlyList<Provider> Providers)
{
    public bool IsServed => Price is not null && Providers.Count > 0;

    /// <summary>Those of a catalog, in its order.</summary>
    public static IReadOnlyList<ShownModel> Of(CatalogSnapshot catalog, DateTimeOffset now) =>
        [.. catalog.Models.Select(model => Of(catalog, model, now))];

    public static ShownModel Of(CatalogSnapshot catalog, Model model, DateTimeOffset now) => new(
        model, catalog.PriceFor(model, now), [.. catalog.RoutesTo(model).Select(static route => route.Channel.Provider).Distinct()]);

    /// <summary>What text costs by the million tokens, or a dash.</summary>
    public string PerMillion(Unit unit) => Price is not null && PricedBy(Price.Base).Contains(unit) ? Format.Usd(Price.Base[unit]!.Value) : "–";

    /// <summary>Whether text has a price.</summary>
    public bool IsPricedByText => Price is not null && PricedBy(Price.Base).Any(Units.TextTokens.Contains);

    /// <summary>What is priced beside text, each with its unit.</summary>
    public IReadOnlyList<string> OtherRates => Price is null
        ? []
        : [.. PricedBy(Price.Base).Where(static unit => !Units.TextTokens.Contains(unit)).Select(unit => $"{CatalogTexts.Name(unit)} {CatalogTexts.Rate(unit, Price.Base[unit]!.Value)}")];

    /// <summary>
    /// The units that the model is priced by: of those that it can use, the ones that cost something; of a free model all that it can use.
    /// </summary>
    public IReadOnlyList<Unit> PricedBy(Rates rates)
    {
        IReadOnlyList<Unit> usable = [.. Units.All.Where(unit => rates[unit] is not null && (Model.Kinds.Contains(unit) || !Units.Tokens.Contains(unit)))];
        IReadOnlyList<Unit> priced = [.. usable.Where(unit => rates[unit] > 0)];
        return priced.Count > 0 ? priced : usable;
    }
}

/// <summary>Names of units and modalities in the reader's language.</summary>
internal static class CatalogTexts
{
    public static string Name(Unit unit) => Texts.ResourceManager.GetString($"Unit{unit}", Texts.Culture) ?? unit.Name();

    public static string Names(Modalities modalities) => string.Join(", ", Enum.GetValues<Modalities>()
        .Where(one => one != Modalities.None && modalities.HasFlag(one))
        .Select(one => Texts.ResourceManager.GetString($"Modality{one}", Texts.Culture) ?? one.ToString()));

    /// <summary>A rate as it is read: of one where the catalog prices one, else of a million.</summary>
    public static string Rate(Unit unit, long nanosPerMillion) => unit.PerOne() is null
        ? Format.Fill(Texts.PerMillion, Format.Usd(nanosPerMillion))
        : Format.Fill(Texts.PerOne, Format.Usd(nanosPerMillion / 1_000_000));
}
