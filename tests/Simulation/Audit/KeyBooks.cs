using OrleansGateway.Grains.Contracts.Accounts;

namespace OrleansGateway.Tests.Simulation.Audit;

/// <summary>What was spent in one window, nanos, and when that began.</summary>
internal readonly record struct Spent(DateOnly Start, long Nanos)
{
    /// <summary>In the window that begins on a day: what is over counts no more, and a day that comes again is still the same.</summary>
    public Spent In(DateOnly start) => start > Start ? new Spent(start, 0) : this;

    public Spent Plus(DateOnly start, long nanos) => In(start) is var now ? now with { Nanos = now.Nanos + nanos } : default;
}

/// <summary>What a key has spent, by arithmetic of its own.</summary>
internal readonly record struct KeySpent(long Total, Spent Day, Spent Week, Spent Month)
{
    public static KeySpent Of(KeySpend spend) => new(
        spend.TotalNanos, new(spend.Day, spend.DayNanos), new(spend.Week, spend.WeekNanos), new(spend.Month, spend.MonthNanos));

    public KeySpent Plus(DateTimeOffset at, long nanos)
    {
        var day = DateOnly.FromDateTime(at.UtcDateTime);
        return new KeySpent(Total + nanos, Day.Plus(day, nanos), Week.Plus(Monday(day), nanos), Month.Plus(First(day), nanos));
    }

    /// <summary>As it counts on a day, nanos: in all, in its day, week and month.</summary>
    public long[] On(DateTimeOffset at)
    {
        var day = DateOnly.FromDateTime(at.UtcDateTime);
        return [Total, Day.In(day).Nanos, Week.In(Monday(day)).Nanos, Month.In(First(day)).Nanos];
    }

    private static DateOnly Monday(DateOnly day)
    {
        while (day.DayOfWeek != DayOfWeek.Monday)
        {
            day = day.AddDays(-1);
        }

        return day;
    }

    private static DateOnly First(DateOnly day) => day.AddDays(1 - day.Day);
}

/// <summary>What the auditor knows of one key, or of an account's own limits.</summary>
internal sealed class KeyBooks
{
    private readonly List<(KeySettings Settings, TimeSpan Until)> _inForce = [];

    /// <summary>Σ of all charges.</summary>
    public KeySpent Spent { get; set; }

    /// <summary>What of it the present activation counts at least, where a charge took more than its hold.</summary>
    public KeySpent SpentLeast { get; set; }

    public AdmittedRates Rates { get; } = new();

    public KeySettings? Latest => _inForce.Count == 0 ? null : _inForce[^1].Settings;

    /// <summary>Whether it has, or had, any. An account of the simulation has limits only where its keys do.</summary>
    public bool HasLimits { get; private set; }

    /// <summary>New settings are in the ledger; the activation may go by the earlier ones until it has said that it does not.</summary>
    public void Set(KeySettings settings, TimeSpan now)
    {
        _inForce.Add((settings, TimeSpan.MaxValue));
        HasLimits |= settings.Limits != RateLimits.None || settings.Caps != SpendCaps.None;
        Rates.Forget(now);
    }

    /// <summary>The activation goes by the latest settings.</summary>
    public void Settle(TimeSpan now)
    {
        for (var i = 0; i < _inForce.Count - 1; i++)
        {
            _inForce[i] = (_inForce[i].Settings, now < _inForce[i].Until ? now : _inForce[i].Until);
        }

        Rates.Forget(now);
    }

    /// <summary>What may have been in force at some moment since a time.</summary>
    public IEnumerable<KeySettings> Since(TimeSpan at) => _inForce.Where(each => each.Until >= at).Select(static each => each.Settings);
}

/// <summary>What one activation has admitted under limits that did not change meanwhile.</summary>
internal sealed class AdmittedRates
{
    private readonly List<(TimeSpan From, TimeSpan To, long Tokens)> _admitted = [];
    private readonly List<(TimeSpan At, long Tokens)> _givenBack = [];
    private TimeSpan _since;

    public void Forget(TimeSpan now)
    {
        _admitted.Clear();
        _givenBack.Clear();
        _since = now;
    }

    /// <summary>A hold has used less than it was counted for.</summary>
    public void GiveBack(TimeSpan at, long tokens) => _givenBack.Add((at, tokens));

    /// <summary>One more was admitted between two times. Says which limit that cannot have kept; null if both may have been kept.</summary>
    public string? Admit(TimeSpan from, TimeSpan to, long tokens, RateLimits limits)
    {
        if (from < _since)
        {
            return null;
        }

        tokens = Math.Min(tokens, limits.TokensPerMinute ?? tokens);
        _admitted.Add((from, to, tokens));
        Int128 taken = 0;
        for (var i = _admitted.Count - 1; i >= 0; i--)
        {
            from = from < _admitted[i].From ? from : _admitted[i].From;
            taken += _admitted[i].Tokens;
            var minutes = (to - from).TotalMinutes + 1;
            if (limits.RequestsPerMinute is { } requests && _admitted.Count - i > (requests * minutes) + 1)
            {
                return $"{_admitted.Count - i} requests in {to - from} of {requests} a minute";
            }

            // What was given back a while before may have been counted only then.
            var back = _givenBack.Where(each => each.At > from - TimeSpan.FromMinutes(2)).Sum(static each => each.Tokens);
            if (limits.TokensPerMinute is { } most && taken - back > (Int128)(most * minutes) + 1)
            {
                return $"{taken} tokens in {to - from} of {most} a minute, and {back} given back";
            }
        }

        return null;
    }
}
