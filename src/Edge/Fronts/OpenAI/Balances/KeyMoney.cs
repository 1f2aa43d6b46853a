using OrleansGateway.Grains.Contracts.Accounts;

namespace OrleansGateway.Edge.Fronts.OpenAI.Balances;

/// <summary>One of a key's caps and how far it is used, nanos.</summary>
/// <param name="SpentNanos">In the window that runs.</param>
/// <param name="LeftNanos">Beyond what is spent and what running requests may cost.</param>
/// <param name="ResetsAt">When the next window begins; null for a cap in all.</param>
internal readonly record struct CapUse(SpendWindow Window, long LimitNanos, long SpentNanos, long LeftNanos, DateTimeOffset? ResetsAt);

/// <summary>What a key can still spend, in the few figures that clients ask for: under the cap that leaves least, or of its account's balance.</summary>
internal sealed class KeyMoney
{
    public KeyMoney(KeyStanding standing)
    {
        Standing = standing;
        var (caps, spend) = (standing.Caps, standing.Spend);
        Add(SpendWindow.Day, caps.DayNanos, spend.DayNanos, spend.Day.AddDays(1));
        Add(SpendWindow.Week, caps.WeekNanos, spend.WeekNanos, spend.Week.AddDays(7));
        Add(SpendWindow.Month, caps.MonthNanos, spend.MonthNanos, spend.Month.AddMonths(1));
        Add(SpendWindow.Total, caps.TotalNanos, spend.TotalNanos, null);
        Tightest = Caps.Count > 0 ? Caps.MinBy(static cap => cap.LeftNanos) : null;
        LeftNanos = Tightest?.LeftNanos ?? (standing.Account is { } account ? Math.Max(0, account.BalanceNanos - account.HeldNanos) : 0);
        UsedNanos = Tightest is { } tightest ? tightest.LimitNanos - tightest.LeftNanos : spend.TotalNanos;

        void Add(SpendWindow window, long? limit, long spent, DateOnly? end)
        {
            if (limit is { } nanos)
            {
                var left = (long)Int128.Max(0, (Int128)nanos - spent - standing.HeldNanos);
                Caps.Add(new CapUse(window, nanos, spent, left, end is { } day ? new DateTimeOffset(day, TimeOnly.MinValue, TimeSpan.Zero) : null));
            }
        }
    }

    public KeyStanding Standing { get; }

    public List<CapUse> Caps { get; } = [];

    /// <summary>The cap that leaves least; null for a key without any.</summary>
    public CapUse? Tightest { get; }

    /// <summary>What it can spend now.</summary>
    public long LeftNanos { get; }

    /// <summary>What is gone of its limit, running requests included; without one, what it has spent.</summary>
    public long UsedNanos { get; }

    /// <summary>What clients take for the limit: what is gone and what is left.</summary>
    public long GrantedNanos => (long)Int128.Min(long.MaxValue, (Int128)UsedNanos + LeftNanos);
}
