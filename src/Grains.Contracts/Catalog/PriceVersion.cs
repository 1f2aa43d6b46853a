using System.Collections.Immutable;
using OrleansGateway.Grains.Contracts.Pricing;

namespace OrleansGateway.Grains.Contracts.Catalog;

/// <summary>A model's price from a time on, until the next version's time.</summary>
public sealed record PriceVersion
{
    /// <summary>Unique in the catalog and never reused with other rates.</summary>
    public required string Id { get; init; }

    public required DateTimeOffset From { get; init; }

    /// <summary>Holds outside every window.</summary>
    public required Price Price { get; init; }

    /// <summary>Hours at another price. They do not overlap.</summary>
    public ImmutableArray<PriceWindow> Windows { get; init; } = [];

    /// <summary>Where the price was read; null when the operator set it.</summary>
    public Uri? Source { get; init; }

    /// <summary>The day for which the source gives it.</summary>
    public DateOnly? SourceDate { get; init; }

    /// <summary>The price at a time within this version.</summary>
    public Price PriceAt(DateTimeOffset now)
    {
        var minute = PriceWindow.MinuteOfWeek(now);
        foreach (var window in Windows)
        {
            if (window.Contains(minute))
            {
                return window.Price;
            }
        }
        return Price;
    }

    /// <summary>Every price that a hold may carry from this version.</summary>
    internal IEnumerable<Price> AllPrices =>
        from price in Windows.Select(window => window.Price).Prepend(Price)
        from each in price.Services.Select(service => service.Price).Prepend(price)
        select each;
}

/// <summary>A price, and the time from which it holds or held.</summary>
public sealed record KnownPrice(Price Price, DateTimeOffset From);

/// <summary>Hours of the week, UTC, at another price: peak, off-peak.</summary>
/// <param name="Days">The days on which it begins.</param>
/// <param name="FromMinute">Begins, minutes after midnight.</param>
/// <param name="ToMinute">Ends before, minutes after midnight; not after <paramref name="FromMinute"/> means the next day.</param>
/// <param name="Price">The price within it.</param>
public sealed record PriceWindow(string Name, ImmutableArray<DayOfWeek> Days, int FromMinute, int ToMinute, Price Price)
{
    internal const int MinutesPerDay = 24 * 60;
    internal const int MinutesPerWeek = 7 * MinutesPerDay;

    /// <summary>Minutes since Sunday midnight UTC.</summary>
    internal static int MinuteOfWeek(DateTimeOffset time) =>
        ((int)time.UtcDateTime.DayOfWeek * MinutesPerDay) + (int)time.UtcDateTime.TimeOfDay.TotalMinutes;

    internal bool Contains(int minuteOfWeek)
    {
        var length = ToMinute > FromMinute ? ToMinute - FromMinute : ToMinute - FromMinute + MinutesPerDay;
        foreach (var day in Days)
        {
            var start = ((int)day * MinutesPerDay) + FromMinute;
            if ((minuteOfWeek - start + MinutesPerWeek) % MinutesPerWeek < length)
            {
                return true;
            }
        }
        return false;
    }
}
