using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;
using OrleansGateway.Grains.Contracts.Pricing;

namespace OrleansGateway.Grains.Contracts.Catalog;

/// <summary>Reads the hours of a price version that have a price of their own.</summary>
internal sealed class WindowReader(CatalogProblems problems, PriceReader prices)
{
    private static readonly ImmutableArray<DayOfWeek> EveryDay = [.. Enum.GetValues<DayOfWeek>()];

    public ImmutableArray<PriceWindow> Read(CatalogFields version, Price price)
    {
        var windows = ImmutableArray.CreateBuilder<PriceWindow>();
        foreach (var fields in version.Objects("windows"))
        {
            var name = fields.Text("name");
            if (name.Contains('#', StringComparison.Ordinal) || windows.Any(window => window.Name == name))
            {
                problems.Error(fields.Find("name") ?? fields.Node, "A window's name is its own within its version, and without '#'.");
            }
            var from = Minute(fields, "from");
            var to = Minute(fields, "to");
            if (from == to && fields.Find("from") is not null && fields.Find("to") is not null)
            {
                problems.Error(fields.Find("to")!, "A window must end at another time than it begins. A whole day is 00:00 to 24:00.");
            }
            windows.Add(new PriceWindow(name, Days(fields), from, to, WindowPrice(fields, price, name)));
            fields.Finish();
        }
        RefuseOverlaps(version, windows);
        return windows.ToImmutable();
    }

    private Price WindowPrice(CatalogFields fields, Price price, string name)
    {
        var id = $"{price.Id}#{name}";
        if (fields.Find("multiplier") is null)
        {
            if (fields.Find("per_million") is null)
            {
                problems.Error(fields.Node, "A window needs a multiplier or its own per_million.");
                return price with { Id = id };
            }
            if (price.Tiers.Length > 0 && fields.Find("tiers") is null)
            {
                problems.Error(fields.Node, "The version has tiers: the window needs its own, or a multiplier.");
            }
            var own = prices.ReadPrice(fields, id);
            if (price.Sold - own.Sold is var missing && missing != default)
            {
                problems.Error(fields.Node, $"The version has a price for {missing}: the window needs its own, or a multiplier.");
            }
            return own;
        }
        foreach (var field in Units.All.Select(unit => unit.PerOne()).OfType<string>().Concat(["per_million", "tiers"]))
        {
            if (fields.Find(field) is { } node)
            {
                problems.Error(node, "A window has a multiplier or its own rates, not both.");
            }
        }
        return prices.Times(price, id, fields.Decimal("multiplier") ?? Money.NanosPerUsd, Units.Every, fields.Find("multiplier")!);
    }

    private ImmutableArray<DayOfWeek> Days(CatalogFields fields)
    {
        if (fields.Find("days") is not { } list)
        {
            return EveryDay;
        }
        var days = fields.Items("days").Select(node => fields.ChoiceOf(
            node,
            DayOfWeek.Monday,
            ("mon", DayOfWeek.Monday),
            ("tue", DayOfWeek.Tuesday),
            ("wed", DayOfWeek.Wednesday),
            ("thu", DayOfWeek.Thursday),
            ("fri", DayOfWeek.Friday),
            ("sat", DayOfWeek.Saturday),
            ("sun", DayOfWeek.Sunday))).Distinct().Order().ToImmutableArray();
        if (days.Length == 0 && list.Kind == JsonValueKind.Array)
        {
            problems.Error(list, "A window needs a day; leave the field out for every day.");
        }
        return days;
    }

    private int Minute(CatalogFields fields, string name)
    {
        var text = fields.Text(name);
        if (text == "24:00" && name == "to")
        {
            return PriceWindow.MinutesPerDay;
        }
        if (TimeOnly.TryParseExact(text, "HH:mm", CultureInfo.InvariantCulture, DateTimeStyles.None, out var time))
        {
            return (time.Hour * 60) + time.Minute;
        }
        if (text.Length > 0)
        {
            problems.Error(fields.Find(name)!, "A time of day in UTC is expected, for example 08:30.");
        }
        return 0;
    }

    private void RefuseOverlaps(CatalogFields version, ImmutableArray<PriceWindow>.Builder windows)
    {
        for (var second = 1; second < windows.Count; second++)
        {
            for (var first = 0; first < second; first++)
            {
                if (Enumerable.Range(0, PriceWindow.MinutesPerWeek)
                    .Any(minute => windows[first].Contains(minute) && windows[second].Contains(minute)))
                {
                    problems.Error(version.Items("windows")[second], $"The window overlaps '{windows[first].Name}'.");
                }
            }
        }
    }
}
