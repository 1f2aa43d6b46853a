using OrleansGateway.Operations;

namespace OrleansGateway.Web.Usage;

/// <summary>A key's cap as its holder wants to know it.</summary>
/// <param name="FreesAt">When its window ends and all of it is free again; null for the cap of all time.</param>
internal sealed record ShownCap(string Name, long CapNanos, long SpentNanos, DateTimeOffset? FreesAt)
{
    public long LeftNanos => Math.Max(0, CapNanos - SpentNanos);

    /// <summary>The caps that a key has. Windows are UTC's; what was spent in one that is over counts no more.</summary>
    public static IEnumerable<ShownCap> Of(Key key, DateTimeOffset now)
    {
        var caps = key.Settings.Caps;
        var today = DateOnly.FromDateTime(now.UtcDateTime);
        var week = today.AddDays(-(((int)today.DayOfWeek + 6) % 7));
        var month = new DateOnly(today.Year, today.Month, 1);
        if (caps.DayNanos is { } ofDay)
        {
            yield return new ShownCap(Texts.CapDay, ofDay, key.Spend?.Day == today ? key.Spend.DayNanos : 0, Midnight(today.AddDays(1)));
        }

        if (caps.WeekNanos is { } ofWeek)
        {
            yield return new ShownCap(Texts.CapWeek, ofWeek, key.Spend?.Week == week ? key.Spend.WeekNanos : 0, Midnight(week.AddDays(7)));
        }

        if (caps.MonthNanos is { } ofMonth)
        {
            yield return new ShownCap(Texts.CapMonth, ofMonth, key.Spend?.Month == month ? key.Spend.MonthNanos : 0, Midnight(month.AddMonths(1)));
        }

        if (caps.TotalNanos is { } ofAll)
        {
            yield return new ShownCap(Texts.CapTotal, ofAll, key.SpentNanos, null);
        }
    }

    private static DateTimeOffset Midnight(DateOnly day) => new(day, TimeOnly.MinValue, TimeSpan.Zero);
}
