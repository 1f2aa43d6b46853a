using OrleansGateway.Grains.Contracts.Accounts;

namespace OrleansGateway.Operations;

/// <summary>The fields of a message that a partial change may name.</summary>
/// <param name="setters">By path: gives the first one's copy with the field of the second.</param>
internal sealed class Mask<T>(Dictionary<string, Func<T, T, T>> setters)
{
    /// <summary>Tells of paths that there are not, and of a mask that names nothing.</summary>
    public void Check(IReadOnlyCollection<string> paths, Problems problems)
    {
        var all = string.Join(", ", setters.Keys.Order(StringComparer.Ordinal));
        if (paths.Count == 0)
        {
            problems.Add("update_mask", $"It must name what is changed: {all}.");
        }

        foreach (var path in paths.Where(path => !setters.ContainsKey(path)))
        {
            problems.Add("update_mask", $"'{Echo.Of(path)}' is not a path of this change; there are {all}.");
        }
    }

    /// <summary>What is named is changed, the rest stays.</summary>
    public T Apply(T current, T given, IEnumerable<string> paths) => paths
        .Where(setters.ContainsKey)
        .Aggregate(current, (changed, path) => setters[path](changed, given));
}

internal static class Masks
{
    private static readonly Dictionary<string, Func<RateLimits, RateLimits, RateLimits>> LimitFields = new(StringComparer.Ordinal)
    {
        ["limits"] = static (_, given) => given,
        ["limits.requests_per_minute"] = static (limits, given) => limits with { RequestsPerMinute = given.RequestsPerMinute },
        ["limits.tokens_per_minute"] = static (limits, given) => limits with { TokensPerMinute = given.TokensPerMinute },
        ["limits.concurrency"] = static (limits, given) => limits with { Concurrency = given.Concurrency },
    };

    private static readonly Dictionary<string, Func<SpendCaps, SpendCaps, SpendCaps>> CapFields = new(StringComparer.Ordinal)
    {
        ["caps"] = static (_, given) => given,
        ["caps.total_nanos"] = static (caps, given) => caps with { TotalNanos = given.TotalNanos },
        ["caps.day_nanos"] = static (caps, given) => caps with { DayNanos = given.DayNanos },
        ["caps.week_nanos"] = static (caps, given) => caps with { WeekNanos = given.WeekNanos },
        ["caps.month_nanos"] = static (caps, given) => caps with { MonthNanos = given.MonthNanos },
    };

    /// <summary>An account's limits.</summary>
    public static Mask<RateLimits> Limits { get; } = new(LimitFields);

    /// <summary>A key's settings.</summary>
    public static Mask<KeyFields> Key { get; } = new(KeyFieldSetters());

    private static Dictionary<string, Func<KeyFields, KeyFields, KeyFields>> KeyFieldSetters()
    {
        var setters = new Dictionary<string, Func<KeyFields, KeyFields, KeyFields>>(StringComparer.Ordinal)
        {
            ["name"] = static (key, given) => key with { Name = given.Name },
            ["expires_at"] = static (key, given) => key with { ExpiresAt = given.ExpiresAt },
            ["models"] = static (key, given) => key with { Models = given.Models },
            ["addresses"] = static (key, given) => key with { Addresses = given.Addresses },
            ["show_cost"] = static (key, given) => key with { ShowCost = given.ShowCost },
        };
        foreach (var (path, set) in LimitFields)
        {
            setters[path] = (key, given) => key with { Limits = set(key.Limits, given.Limits) };
        }

        foreach (var (path, set) in CapFields)
        {
            setters[path] = (key, given) => key with { Caps = set(key.Caps, given.Caps) };
        }

        return setters;
    }
}
