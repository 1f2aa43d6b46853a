using System.Globalization;
using System.Text.Json;
using Google.Protobuf.WellKnownTypes;
using OrleansGateway.Grains.Contracts.Pricing;
using OrleansGateway.Operator.Contracts;
using CatalogProblem = OrleansGateway.Grains.Contracts.Catalog.CatalogProblem;
using Enum = System.Enum;

namespace OrleansGateway.Silo.Cli;

/// <summary>Answers of the operator API as rows.</summary>
internal static class Rows
{
    public static Field[] Of(Account account) =>
    [
        new("id", account.AccountId),
        new("name", account.Name),
        new("status", Name(account.Status)),
        new("balance_usd", new Usd(account.BalanceNanos)),
        new("available_usd", Money(account.HasAvailableNanos, account.AvailableNanos)),
        new("held_usd", Money(account.HasHeldNanos, account.HeldNanos)),
        new("reserved_usd", new Usd(account.ReservedNanos)),
        new("quarantined_usd", new Usd(account.QuarantinedNanos)),
        new("bonus_usd", Money(account.HasBonusNanos, account.BonusNanos)),
        new("open_holds", account.HasOpenHolds ? account.OpenHolds : null),
        new("keys", account.HasKeys ? account.Keys : null),
        .. Limits(account.Limits),
    ];

    /// <summary>An account of a list.</summary>
    public static Field[] Listed(Account account) =>
    [
        new("id", account.AccountId),
        new("name", account.Name),
        new("status", Name(account.Status)),
        new("balance_usd", new Usd(account.BalanceNanos)),
        new("reserved_usd", new Usd(account.ReservedNanos)),
        new("quarantined_usd", new Usd(account.QuarantinedNanos)),
        .. Limits(account.Limits),
        new("created_at", Time(account.CreatedAt)),
        new("activated_at", Time(account.ActivatedAt), IsDetail: true),
    ];

    public static Field[] Of(MoveMoneyResponse move) =>
    [
        new("account_id", move.AccountId),
        new("kind", Name(move.Kind)),
        new("ref", move.Ref),
        new("amount_usd", new Usd(move.AmountNanos)),
        new("balance_usd", new Usd(move.BalanceNanos)),
        new("available_usd", new Usd(move.AvailableNanos)),
        new("shortfall_usd", new Usd(move.ShortfallNanos)),
        new("is_repeat", move.IsRepeat),
    ];

    public static Field[] Of(CreateOwnerLinkResponse link) =>
    [
        new("account_id", link.AccountId),
        new("url", link.Url),
        new("expires_at", Time(link.ExpiresAt)),
    ];

    public static Field[] Of(AttachPersonResponse ownership) => [new("account_id", ownership.AccountId), new("person_id", ownership.PersonId)];

    public static Field[] Of(Key key) => Of(key, null);

    /// <param name="secret">The key's text; null where it is not known.</param>
    public static Field[] Of(Key key, string? secret) =>
    [
        new("id", key.KeyId),
        .. secret is null ? [] : new[] { new Field("key", secret) },
        new("name", key.Settings.Name),
        new("status", Name(key.Status)),
        new("expires_at", Time(key.Settings.ExpiresAt)),
        new("models", key.Settings.Models, IsDetail: true),
        new("addresses", key.Settings.Addresses, IsDetail: true),
        new("spent_usd", new Usd(key.SpentNanos)),
        .. Caps(key.Settings.Caps ?? new SpendCaps()),
        .. Limits(key.Settings.Limits),
        new("show_cost", key.Settings.ShowCost, IsDetail: true),
        new("used_at", Time(key.UsedAt)),
        new("used_from", key.UsedFrom.Length == 0 ? null : key.UsedFrom, IsDetail: true),
    ];

    public static Field[] Of(UsageRow row) =>
    [
        new("at", Time(row.At)),
        new("account_id", row.AccountId),
        new("key_id", row.KeyId, IsDetail: true),
        new("request_id", row.RequestId, IsDetail: true),
        new("model", row.Model),
        new("channel", row.Channel),
        new("endpoint", row.Endpoint, IsDetail: true),
        new("price_id", row.PriceId, IsDetail: true),
        .. Units.All.Select(unit => new Field(
            unit.Name(), row.Units.GetValueOrDefault(unit.Name()), IsDetail: unit is not Unit.Input and not Unit.Output)),
        new("is_estimated", row.IsEstimated, IsDetail: true),
        new("charge_usd", new Usd(row.ChargeNanos)),
        new("first_byte_ms", row.FirstByteMs, IsDetail: true),
        new("duration_ms", row.DurationMs, IsDetail: true),
        new("status", Name(row.Status)),
        new("client_address", row.ClientAddress, IsDetail: true),
        new("extra_attempts", row.ExtraAttempts, IsDetail: true),
    ];

    public static Field[] Of(UsageTotal total)
    {
        var usage = new Usage(unit => total.Units.GetValueOrDefault(unit.Name()));
        return
        [
            Group("day", total.HasDay, total.Day),
            Group("account_id", total.HasAccountId, total.AccountId),
            Group("key_id", total.HasKeyId, total.KeyId),
            Group("model", total.HasModel, total.Model),
            Group("channel", total.HasChannel, total.Channel),
            Group("status", total.HasStatus, total.Status),
            new("requests", total.Requests),
            new("completed", total.Completed, IsDetail: true),
            new("fresh_input", usage.Sum(Units.InputTokens - Units.CachedTokens)),
            new("cached_input", usage.Sum(Units.CachedTokens)),
            new("output", usage.TotalOutput),
            .. Units.All.Where(unit => !Units.Tokens.Contains(unit)).Select(unit => new Field(unit.Name(), usage[unit], IsDetail: true)),
            new("charge_usd", new Usd(total.ChargeNanos)),
            new("shortfall_usd", new Usd(total.ShortfallNanos), IsDetail: true),
        ];
    }

    public static Field[] Of(LedgerRow row) =>
    [
        new("seq", row.Seq),
        new("at", Time(row.At)),
        new("kind", Name(row.Kind)),
        new("amount_usd", new Usd(row.AmountNanos)),
        new("shortfall_usd", new Usd(row.ShortfallNanos), IsDetail: true),
        new("balance_after_usd", new Usd(row.BalanceAfterNanos)),
        new("ref", row.Ref),
        new("closed_by", row.ClosedBy == ClosedBy.Unspecified ? null : Name(row.ClosedBy), IsDetail: true),
    ];

    public static Field[] Of(VerifyResponse report) =>
    [
        new("accounts", report.Accounts),
        new("ledger_rows", report.LedgerRows),
        new("usage_rows", report.UsageRows),
        new("keys", report.Keys),
        new("balance_usd", Sum(report.BalanceNanos)),
        new("reserved_usd", Sum(report.ReservedNanos)),
        new("quarantined_usd", Sum(report.QuarantinedNanos)),
        new("quarantine_over_usd", Sum(report.QuarantineOverNanos)),
        new("charged_usd", Sum(report.ChargedNanos)),
        new("shortfall_usd", Sum(report.ShortfallNanos)),
        new("problems", report.Problems.Select(Of).ToList()),
    ];

    public static Field[] Of(VerifyProblem problem) =>
        [new("account_id", problem.AccountId), new("rule", problem.Rule), new("detail", problem.Detail)];

    public static Field[] Of(Announcement announcement) =>
    [
        new("id", announcement.AnnouncementId),
        new("level", Name(announcement.Level)),
        new("from", Time(announcement.From)),
        new("to", Time(announcement.To)),
        new("withdrawn_at", Time(announcement.WithdrawnAt)),
        new("english", announcement.English),
        new("chinese", announcement.Chinese),
        new("created_at", Time(announcement.CreatedAt), IsDetail: true),
    ];

    /// <param name="outcome">What publishing came to; null if nothing was to be published.</param>
    public static Field[] Of(Catalog catalog, PublishOutcome? outcome) =>
    [
        new("version", catalog.Version),
        .. outcome is { } published ? new[] { new Field("outcome", Name(published)) } : [],
        new("published_at", Time(catalog.PublishedAt)),
        new("source", catalog.Source),
        new("bytes", catalog.Bytes),
        new("models", catalog.Models),
        new("channels_on", catalog.ChannelsOn),
        new("channels", catalog.Channels),
    ];

    public static Field[] Of(CatalogModel model) => [new("model", model.Model), new("channels", string.Join(' ', model.Channels))];

    /// <summary>What is off in a catalog, a sentence each.</summary>
    public static IReadOnlyList<string> Warnings(Catalog catalog) =>
        [.. catalog.Warnings.Select(problem => new CatalogProblem(problem.Line, problem.Path, problem.Message).ToString())];

    /// <summary>A value of operator.proto as people write it, such as <c>client_gone</c>.</summary>
    public static string Name(Enum value) => JsonNamingPolicy.SnakeCaseLower.ConvertName(value.ToString());

    private static Field[] Limits(RateLimits? limits) =>
    [
        new("requests_per_minute", limits is { HasRequestsPerMinute: true } ? limits.RequestsPerMinute : null, IsDetail: true),
        new("tokens_per_minute", limits is { HasTokensPerMinute: true } ? limits.TokensPerMinute : null, IsDetail: true),
        new("concurrency", limits is { HasConcurrency: true } ? limits.Concurrency : null, IsDetail: true),
    ];

    private static Field[] Caps(SpendCaps caps) =>
    [
        new("cap_total_usd", Money(caps.HasTotalNanos, caps.TotalNanos), IsDetail: true),
        new("cap_day_usd", Money(caps.HasDayNanos, caps.DayNanos), IsDetail: true),
        new("cap_week_usd", Money(caps.HasWeekNanos, caps.WeekNanos), IsDetail: true),
        new("cap_month_usd", Money(caps.HasMonthNanos, caps.MonthNanos), IsDetail: true),
    ];

    /// <summary>What was not grouped by is nothing to show in a table.</summary>
    private static Field Group(string name, bool isGrouped, string value) => isGrouped ? new(name, value) : new(name, null, IsDetail: true);

    private static Usd? Money(bool isKnown, long nanos) => isKnown ? new Usd(nanos) : null;

    private static Usd Sum(string nanos) => new(Int128.Parse(nanos, CultureInfo.InvariantCulture));

    private static DateTime? Time(Timestamp? time) => time?.ToDateTime();
}
