using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using OrleansGateway.Grains.Contracts;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Grains.Contracts.Catalog;
using OrleansGateway.Ledger.Postgres;

namespace OrleansGateway.Silo.Operator;

/// <summary>How the operator API writes JSON: snake_case, enums by name, money as decimal text in USD.</summary>
internal static class OperatorJson
{
    public static JsonSerializerOptions Options { get; } = Apply(new JsonSerializerOptions(JsonSerializerDefaults.Web));

    public static JsonSerializerOptions Apply(JsonSerializerOptions options)
    {
        options.PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower;
        options.Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping;
        options.Converters.Add(new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower));
        return options;
    }
}

/// <summary>Why a request was refused. <paramref name="Code"/> is stable, <paramref name="Message"/> is for a person.</summary>
internal sealed record Refusal(string Code, string Message);

internal sealed record RefusalAnswer(Refusal Error);

/// <summary>An account, for a person or a script.</summary>
internal sealed record AccountAnswer
{
    public required string Id { get; init; }
    public required string Name { get; init; }
    public required AccountStatus Status { get; init; }
    public required string BalanceUsd { get; init; }
    public required string AvailableUsd { get; init; }
    public required string HeldUsd { get; init; }
    public required string ReservedUsd { get; init; }
    public required string QuarantinedUsd { get; init; }
    public required int OpenHolds { get; init; }
    public required int Keys { get; init; }
    public required long? RequestsPerMinute { get; init; }
    public required long? TokensPerMinute { get; init; }
    public required long? Concurrency { get; init; }

    public static AccountAnswer Of(AccountView view) => new()
    {
        Id = view.AccountId,
        Name = view.Name,
        Status = view.Status,
        BalanceUsd = Money.FormatUsd(view.BalanceNanos),
        AvailableUsd = Money.FormatUsd(view.AvailableNanos),
        HeldUsd = Money.FormatUsd(view.HeldNanos),
        ReservedUsd = Money.FormatUsd(view.ReservedNanos),
        QuarantinedUsd = Money.FormatUsd(view.QuarantinedNanos),
        OpenHolds = view.OpenHolds,
        Keys = view.Keys.Length,
        RequestsPerMinute = view.Limits.RequestsPerMinute,
        TokensPerMinute = view.Limits.TokensPerMinute,
        Concurrency = view.Limits.Concurrency,
    };
}

/// <summary>A key without its secret.</summary>
internal sealed record KeyAnswer
{
    public required string Id { get; init; }

    /// <summary>The key itself, in the answer to its creation and never again.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Key { get; init; }

    public required string Name { get; init; }
    public required KeyStatus Status { get; init; }
    public required DateTimeOffset? ExpiresAt { get; init; }
    public required IReadOnlyList<string> Models { get; init; }
    public required IReadOnlyList<string> Addresses { get; init; }
    public required string SpentUsd { get; init; }
    public required string? CapTotalUsd { get; init; }
    public required string? CapDayUsd { get; init; }
    public required string? CapWeekUsd { get; init; }
    public required string? CapMonthUsd { get; init; }
    public required long? RequestsPerMinute { get; init; }
    public required long? TokensPerMinute { get; init; }
    public required long? Concurrency { get; init; }
    public required bool ShowCost { get; init; }
    public required DateTimeOffset? UsedAt { get; init; }
    public required string? UsedFrom { get; init; }

    public static KeyAnswer Of(KeyListing row) => new()
    {
        Id = row.Settings.KeyId,
        Name = row.Settings.Name,
        Status = row.Settings.Status,
        ExpiresAt = row.Settings.ExpiresAt,
        Models = row.Settings.Models,
        Addresses = row.Settings.Addresses,
        SpentUsd = Money.FormatUsd(row.Spend.TotalNanos),
        CapTotalUsd = Usd(row.Settings.Caps.TotalNanos),
        CapDayUsd = Usd(row.Settings.Caps.DayNanos),
        CapWeekUsd = Usd(row.Settings.Caps.WeekNanos),
        CapMonthUsd = Usd(row.Settings.Caps.MonthNanos),
        RequestsPerMinute = row.Settings.Limits.RequestsPerMinute,
        TokensPerMinute = row.Settings.Limits.TokensPerMinute,
        Concurrency = row.Settings.Limits.Concurrency,
        ShowCost = row.Settings.ShowCost,
        UsedAt = row.UsedAt,
        UsedFrom = row.UsedFrom,
    };

    private static string? Usd(long? nanos) => nanos is { } amount ? Money.FormatUsd(amount) : null;
}

/// <summary>The catalog in force, and how the environment of the process that answers reads it.</summary>
internal sealed record CatalogAnswer
{
    public required long Version { get; init; }

    /// <summary>In the answer to publishing.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public required PublishOutcome? Outcome { get; init; }

    public required DateTimeOffset PublishedAt { get; init; }
    public required string Source { get; init; }
    public required int Bytes { get; init; }
    public required int Models { get; init; }
    public required int ChannelsOn { get; init; }
    public required int Channels { get; init; }

    /// <summary>What is off or cannot be called, by line.</summary>
    public required IReadOnlyList<string> Warnings { get; init; }
}

/// <summary>What a credit or debit did.</summary>
internal sealed record MoveResult(string AccountId, EntryKind Kind, string Ref, string AmountUsd, string BalanceUsd, string AvailableUsd, bool IsRepeat);
