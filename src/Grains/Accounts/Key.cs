using System.Collections.Immutable;
using System.Net;
using OrleansGateway.Grains.Contracts;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Ledger;

namespace OrleansGateway.Grains.Accounts;

/// <summary>A spend cap that refuses.</summary>
/// <param name="LeftNanos">What is left under it, nanos.</param>
/// <param name="End">The first day, UTC, of the next window; <see cref="DateOnly.MaxValue"/> for a cap in all.</param>
internal readonly record struct CapReached(SpendWindow Window, long LeftNanos, DateOnly End);

/// <summary>A key in memory: its settings, what it has spent and holds.</summary>
internal sealed class Key
{
    // The default of a network would be everybody.
    private static readonly IPNetwork Nobody = new(IPAddress.None, 32);

    private ImmutableArray<IPNetwork> _networks;

    public Key(KeyRow row, TimeSpan now)
    {
        Spend = row.Spend;
        Settings = row.Settings;
        Set(row.Settings, now);
    }

    public KeySettings Settings { get; private set; }

    public KeySpend Spend { get; set; }

    public RateLimiter Limits { get; } = new();

    /// <summary>Σ of the totals of the key's open holds, nanos.</summary>
    public long Held { get; set; }

    public void Set(KeySettings settings, TimeSpan now)
    {
        Settings = settings;
        Limits.Set(settings.Limits, now);
        _networks = [.. settings.Addresses.Select(static a => TryParseNetwork(a, out var network) ? network : Nobody)];
    }

    /// <summary>The tighter of the key's limits and its account's.</summary>
    public RateStanding Standing(RateLimiter account, TimeSpan now) => account.Tighten(Limits.Tighten(default, now), now);

    /// <summary>What whoever has the key may know: a key with a cap knows nothing of its account's balance.</summary>
    public KeyStanding MoneyStanding(in Funds account, DateTimeOffset utcNow) => new()
    {
        Name = Settings.Name,
        ExpiresAt = Settings.ExpiresAt,
        Caps = Settings.Caps,
        Spend = SpendWindows.Roll(Spend, utcNow),
        HeldNanos = Held,
        Account = Settings.Caps == SpendCaps.None ? new AccountFunds(account.Balance, account.Bonus, account.Own + account.Inherited) : null,
    };

    /// <summary>Which of the key's own rules refuses; <see cref="AdmitOutcome.Admitted"/> if none does.</summary>
    /// <param name="model">The model that it is to be used for; null for none in particular.</param>
    public AdmitOutcome Check(Sha256Hash hash, string? model, string clientAddress, DateTimeOffset utcNow)
    {
        if (Settings.Hash != hash)
        {
            return AdmitOutcome.UnknownKey;
        }

        if (Settings.Status != KeyStatus.Active)
        {
            return AdmitOutcome.KeyDisabled;
        }

        if (Settings.ExpiresAt <= utcNow)
        {
            return AdmitOutcome.KeyExpired;
        }

        if (model is not null && !Settings.Models.IsEmpty && !Settings.Models.Contains(model, StringComparer.Ordinal))
        {
            return AdmitOutcome.ModelNotAllowed;
        }

        return IsAllowed(clientAddress) ? AdmitOutcome.Admitted : AdmitOutcome.AddressNotAllowed;
    }

    /// <summary>Whether what is spent, held and would be held passes one of the caps.</summary>
    public bool IsOverCap(long amount, DateTimeOffset utcNow) => FindCapOver(amount, utcNow) is not null;

    /// <summary>The cap that what is spent, held and would be held passes, of several the one that frees last; null if there is none.</summary>
    public CapReached? FindCapOver(long amount, DateTimeOffset utcNow)
    {
        var caps = Settings.Caps;
        if (caps == SpendCaps.None)
        {
            return null;
        }

        var spend = SpendWindows.Roll(Spend, utcNow);
        CapReached? last = null;
        See(SpendWindow.Total, spend.TotalNanos, caps.TotalNanos, DateOnly.MaxValue);
        See(SpendWindow.Month, spend.MonthNanos, caps.MonthNanos, spend.Month.AddMonths(1));
        See(SpendWindow.Week, spend.WeekNanos, caps.WeekNanos, spend.Week.AddDays(7));
        See(SpendWindow.Day, spend.DayNanos, caps.DayNanos, spend.Day.AddDays(1));
        return last;

        void See(SpendWindow window, long spent, long? cap, DateOnly end)
        {
            var left = cap - ((Int128)spent + Held);
            if (left < amount && (last is null || end > last.Value.End))
            {
                last = new CapReached(window, (long)Int128.Max(0, left.Value), end);
            }
        }
    }

    /// <summary>Why settings are not valid; null if they are.</summary>
    public static string? Validate(KeySettings settings)
    {
        foreach (var address in settings.Addresses)
        {
            if (!TryParseNetwork(address, out _))
            {
                return $"'{address}' is neither an address nor a network such as 10.1.0.0/16";
            }
        }

        var caps = settings.Caps;
        if (caps.TotalNanos < 0 || caps.DayNanos < 0 || caps.WeekNanos < 0 || caps.MonthNanos < 0)
        {
            return "a spend cap is not negative";
        }

        return RateLimiter.AreValid(settings.Limits) ? null : $"a limit is from 1 to {AccountProtocol.LimitMax}";
    }

    private static bool TryParseNetwork(string text, out IPNetwork network)
    {
        if (IPAddress.TryParse(text, out var address))
        {
            network = new IPNetwork(address, address.GetAddressBytes().Length * 8);
            return true;
        }

        return IPNetwork.TryParse(text, out network);
    }

    private bool IsAllowed(string clientAddress)
    {
        if (_networks.IsEmpty)
        {
            return true;
        }

        if (!IPAddress.TryParse(clientAddress, out var address))
        {
            return false;
        }

        address = address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
        return _networks.Any(n => n.Contains(address));
    }
}

/// <summary>The day, the week from Monday and the month, UTC, in which a settlement falls.</summary>
internal static class SpendWindows
{
    /// <summary>The same spend, with windows that are over begun anew. A time of day that was set back begins none again.</summary>
    public static KeySpend Roll(KeySpend spend, DateTimeOffset utcNow)
    {
        var day = DateOnly.FromDateTime(utcNow.UtcDateTime);
        if (day <= spend.Day)
        {
            return spend;
        }

        var week = day.AddDays(-(((int)day.DayOfWeek + 6) % 7));
        var month = new DateOnly(day.Year, day.Month, 1);
        return new KeySpend(
            spend.TotalNanos,
            day,
            0,
            week,
            spend.Week == week ? spend.WeekNanos : 0,
            month,
            spend.Month == month ? spend.MonthNanos : 0);
    }

    public static KeySpend Add(KeySpend spend, long charge, DateTimeOffset utcNow)
    {
        var rolled = Roll(spend, utcNow);
        return rolled with
        {
            TotalNanos = rolled.TotalNanos + charge,
            DayNanos = rolled.DayNanos + charge,
            WeekNanos = rolled.WeekNanos + charge,
            MonthNanos = rolled.MonthNanos + charge,
        };
    }
}
