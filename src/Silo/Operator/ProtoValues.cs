using Google.Protobuf.WellKnownTypes;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Grains.Contracts.Pricing;
using OrleansGateway.Operations;
using Proto = OrleansGateway.Operator.Contracts;

namespace OrleansGateway.Silo.Operator;

/// <summary>Values of operator.proto, read and written. The enums of both sides have the same names.</summary>
internal static class ProtoValues
{
    /// <summary>Null where it is unspecified.</summary>
    /// <exception cref="Grpc.Core.RpcException">It is none that there is.</exception>
    public static TDomain? Read<TDomain>(System.Enum value, string field)
        where TDomain : struct, System.Enum
    {
        if (Convert.ToInt32(value, System.Globalization.CultureInfo.InvariantCulture) == 0)
        {
            return null;
        }

        return System.Enum.IsDefined(value.GetType(), value) && System.Enum.TryParse<TDomain>(value.ToString(), out var read)
            ? read
            : throw RichStatus.Invalid(field, $"It must be one of {string.Join(", ", System.Enum.GetNames<TDomain>())}.");
    }

    public static TProto Write<TProto>(System.Enum value)
        where TProto : struct, System.Enum => System.Enum.Parse<TProto>(value.ToString());

    /// <summary>A word that the tables hold, such as <c>client_gone</c>.</summary>
    public static TProto WriteName<TProto>(string name)
        where TProto : struct, System.Enum => System.Enum.Parse<TProto>(name.Replace("_", "", StringComparison.Ordinal), ignoreCase: true);

    /// <exception cref="Grpc.Core.RpcException">It is no time that there is.</exception>
    public static DateTimeOffset? Read(Timestamp? time, string field)
    {
        try
        {
            return time?.ToDateTimeOffset();
        }
        catch (InvalidOperationException)
        {
            throw RichStatus.Invalid(field, "It must be a time from year 1 to 9999, with nanoseconds of 0 to 999999999.");
        }
    }

    public static Timestamp? Write(DateTimeOffset? time) => time is { } known ? Timestamp.FromDateTimeOffset(known) : null;

    /// <summary>An empty text asks for nothing.</summary>
    public static string? Read(string text) => text.Length == 0 ? null : text;

    public static PageRequest Page(int size, string token) => new(size, token);

    public static RateLimits Read(Proto.RateLimits? limits) => limits is null
        ? RateLimits.None
        : new RateLimits(
            limits.HasRequestsPerMinute ? limits.RequestsPerMinute : null,
            limits.HasTokensPerMinute ? limits.TokensPerMinute : null,
            limits.HasConcurrency ? limits.Concurrency : null);

    public static Proto.RateLimits Write(RateLimits limits)
    {
        var written = new Proto.RateLimits();
        Set(limits.RequestsPerMinute, limit => written.RequestsPerMinute = limit);
        Set(limits.TokensPerMinute, limit => written.TokensPerMinute = limit);
        Set(limits.Concurrency, limit => written.Concurrency = limit);
        return written;
    }

    public static KeyFields Read(Proto.KeySettings? settings, string field) => settings is null
        ? new KeyFields { Name = "" }
        : new KeyFields
        {
            Name = settings.Name,
            ExpiresAt = Read(settings.ExpiresAt, $"{field}.expires_at"),
            Models = [.. settings.Models],
            Addresses = [.. settings.Addresses],
            Caps = Read(settings.Caps),
            Limits = Read(settings.Limits),
            ShowCost = settings.ShowCost,
        };

    public static Proto.KeySettings Write(KeyFields settings)
    {
        var written = new Proto.KeySettings
        {
            Name = settings.Name,
            ExpiresAt = Write(settings.ExpiresAt),
            Caps = Write(settings.Caps),
            Limits = Write(settings.Limits),
            ShowCost = settings.ShowCost,
        };
        written.Models.Add(settings.Models);
        written.Addresses.Add(settings.Addresses);
        return written;
    }

    /// <summary>What is not 0, by name.</summary>
    public static Dictionary<string, long> Write(Usage usage) =>
        Units.All.Where(unit => usage[unit] != 0).ToDictionary(unit => unit.Name(), unit => usage[unit]);

    /// <summary>Sets an optional field if there is a value.</summary>
    public static void Set<T>(T? value, Action<T> set)
        where T : struct
    {
        if (value is { } known)
        {
            set(known);
        }
    }

    private static SpendCaps Read(Proto.SpendCaps? caps) => caps is null
        ? SpendCaps.None
        : new SpendCaps(
            caps.HasTotalNanos ? caps.TotalNanos : null,
            caps.HasDayNanos ? caps.DayNanos : null,
            caps.HasWeekNanos ? caps.WeekNanos : null,
            caps.HasMonthNanos ? caps.MonthNanos : null);

    private static Proto.SpendCaps Write(SpendCaps caps)
    {
        var written = new Proto.SpendCaps();
        Set(caps.TotalNanos, cap => written.TotalNanos = cap);
        Set(caps.DayNanos, cap => written.DayNanos = cap);
        Set(caps.WeekNanos, cap => written.WeekNanos = cap);
        Set(caps.MonthNanos, cap => written.MonthNanos = cap);
        return written;
    }
}
