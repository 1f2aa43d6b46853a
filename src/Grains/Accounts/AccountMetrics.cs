using System.Diagnostics.Metrics;

namespace OrleansGateway.Grains.Accounts;

internal static class AccountMetrics
{
    private static readonly Meter Meter = new("OrleansGateway.Grains");

    public static readonly UpDownCounter<long> Holds =
        Meter.CreateUpDownCounter<long>("og.account.holds", "{hold}", "Open holds");

    public static readonly UpDownCounter<long> Reserve =
        Meter.CreateUpDownCounter<long>("og.account.reserve", "{nano}", "What activations have set aside");

    public static readonly Counter<long> Shortfall =
        Meter.CreateCounter<long>("og.account.shortfall", "{nano}", "Cost that no money covered: the operator's loss");
}
