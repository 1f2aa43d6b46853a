using System.Globalization;
using OrleansGateway.Grains.Contracts.Pricing;
using OrleansGateway.Ledger.Postgres;

namespace OrleansGateway.Web.Usage;

/// <summary>A day or an hour of the chart, or all of them.</summary>
/// <param name="Charges">By group, in the chart's order; none where it tells nothing apart.</param>
public sealed record UsagePeriod(string Name, long Requests, long Completed, long Tokens, long ChargeNanos, IReadOnlyList<long> Charges);

/// <summary>Usage over time, and what it is made of: the numbers of the ledger, added up.</summary>
internal sealed record UsageChart(IReadOnlyList<UsagePeriod> Periods, IReadOnlyList<string> Groups)
{
    /// <summary>Groups of their own in the chart; the others are one.</summary>
    private const int GroupsMax = 6;

    public UsagePeriod Sum => new UsagePeriod(
        "",
        Periods.Sum(static one => one.Requests),
        Periods.Sum(static one => one.Completed),
        Periods.Sum(static one => one.Tokens),
        Periods.Sum(static one => one.ChargeNanos),
        [.. Groups.Select((_, i) => Periods.Sum(one => one.Charges[i]))]);

    /// <summary>Makes a chart of sums by span, and perhaps by group.</summary>
    /// <param name="name">A group's name as it is shown.</param>
    public static UsageChart Of(UsageQuery query, TimeZoneInfo zone, IReadOnlyList<DateTimeOffset> bounds, IReadOnlyList<UsageTotal> sums, Func<string, string> name)
    {
        var groups = query.By == UsageGroups.None
            ? []
            : sums.GroupBy(sum => GroupOf(sum, query.By)).OrderByDescending(static group => group.Sum(static one => one.Charge)).ThenByDescending(static group => group.Sum(static one => one.Requests))
                .Select(static group => group.Key).ToList();
        var own = groups.Count > GroupsMax ? groups[..(GroupsMax - 1)] : groups;
        var bySpan = sums.ToLookup(static sum => sum.Span);
        var form = query.IsHourly ? "MM-dd HH:mm" : "yyyy-MM-dd";
        return new UsageChart(
            [
                .. bounds.SkipLast(1).Select((begin, span) => new UsagePeriod(
                    TimeZoneInfo.ConvertTime(begin, zone).ToString(form, CultureInfo.InvariantCulture),
                    bySpan[span].Sum(static one => one.Requests),
                    bySpan[span].Sum(static one => one.Completed),
                    bySpan[span].Sum(static one => TokensOf(one.Usage)),
                    bySpan[span].Sum(static one => one.Charge),
                    [
                        .. own.Select(group => bySpan[span].Where(one => GroupOf(one, query.By) == group).Sum(static one => one.Charge)),
                        .. own.Count < groups.Count ? [bySpan[span].Where(one => !own.Contains(GroupOf(one, query.By))).Sum(static one => one.Charge)] : Array.Empty<long>(),
                    ])),
            ],
            [.. own.Select(name), .. own.Count < groups.Count ? [Texts.Others] : Array.Empty<string>()]);
    }

    /// <summary>The parts of all of it by one kind of group, the dearest first.</summary>
    public static IReadOnlyList<UsagePeriod> Parts(IReadOnlyList<UsageTotal> sums, UsageGroups by, Func<string, string> name) =>
    [
        .. sums.GroupBy(sum => GroupOf(sum, by)).Select(group => new UsagePeriod(
            name(group.Key), group.Sum(static one => one.Requests), group.Sum(static one => one.Completed), group.Sum(static one => TokensOf(one.Usage)), group.Sum(static one => one.Charge), []))
            .OrderByDescending(static part => part.ChargeNanos).ThenByDescending(static part => part.Requests),
    ];

    private static string GroupOf(UsageTotal sum, UsageGroups by) => by switch
    {
        UsageGroups.Key => sum.KeyId,
        UsageGroups.Model => sum.Model,
        _ => sum.Status,
    } ?? "";

    private static long TokensOf(Grains.Contracts.Pricing.Usage usage) => Units.All.Where(Units.Tokens.Contains).Sum(unit => usage[unit]);
}
