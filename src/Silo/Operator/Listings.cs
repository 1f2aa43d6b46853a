using OrleansGateway.Grains.Contracts;
using OrleansGateway.Ledger.Postgres;

namespace OrleansGateway.Silo.Operator;

/// <summary>Rows of the ledger as the operator API shows them: money as decimal text in USD.</summary>
internal static class Listings
{
    public static object Of(AccountListing row) => new
    {
        Id = row.AccountId,
        row.Name,
        row.Status,
        BalanceUsd = Money.FormatUsd(row.Balance),
        ReservedUsd = Money.FormatUsd(row.Reserved),
        QuarantinedUsd = Money.FormatUsd(row.Quarantined),
        row.RequestsPerMinute,
        row.TokensPerMinute,
        row.Concurrency,
        row.CreatedAt,
        row.ActivatedAt,
    };

    public static object Of(LedgerListing row) => new
    {
        row.Seq,
        row.At,
        row.Kind,
        AmountUsd = Money.FormatUsd(row.Amount),
        ShortfallUsd = Money.FormatUsd(row.Shortfall),
        BalanceAfterUsd = Money.FormatUsd(row.BalanceAfter),
        row.Ref,
        row.ClosedBy,
    };

    public static object Of(UsageListing row) => new
    {
        row.At,
        row.AccountId,
        row.KeyId,
        row.RequestId,
        row.Model,
        row.Channel,
        row.Endpoint,
        row.PriceId,
        row.Input,
        row.CachedInput,
        row.CacheWrite5m,
        row.CacheWrite1h,
        row.AudioInput,
        row.ImageInput,
        row.Output,
        row.Reasoning,
        row.AudioOutput,
        row.ImageOutput,
        row.Calls,
        row.IsEstimated,
        ChargeUsd = Money.FormatUsd(row.Charge),
        row.FirstByteMs,
        row.DurationMs,
        row.Status,
        row.ClientAddress,
    };

    public static object Of(UsageTotal row) => new
    {
        row.Day,
        row.AccountId,
        row.KeyId,
        row.Model,
        row.Channel,
        row.Requests,
        row.Completed,
        row.FreshInput,
        row.CachedInput,
        row.Output,
        ChargeUsd = Money.FormatUsd(row.Charge),
    };

    public static object Of(VerifyReport report) => new
    {
        report.Accounts,
        report.LedgerRows,
        report.UsageRows,
        report.Keys,
        BalanceUsd = Usd(report.Balance),
        ReservedUsd = Usd(report.Reserved),
        QuarantinedUsd = Usd(report.Quarantined),
        QuarantineOverUsd = Usd(report.QuarantineOver),
        ChargedUsd = Usd(report.Charged),
        ShortfallUsd = Usd(report.Shortfall),
        report.Problems,
    };

    /// <summary>A sum over all accounts may be more than a long holds.</summary>
    private static string Usd(Int128 nanos) =>
        nanos <= long.MaxValue && nanos >= long.MinValue ? Money.FormatUsd((long)nanos) : $"{nanos / Money.NanosPerUsd}";
}
