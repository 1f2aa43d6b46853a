using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using OrleansGateway.Grains.Contracts;
using OrleansGateway.Grains.Contracts.Accounts;

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
    public required string HeldUsd { get; init; }
    public required string? CapTotalUsd { get; init; }
    public required string? CapDayUsd { get; init; }
    public required string? CapWeekUsd { get; init; }
    public required string? CapMonthUsd { get; init; }
    public required long? RequestsPerMinute { get; init; }
    public required long? TokensPerMinute { get; init; }
    public required long? Concurrency { get; init; }
    public required bool ShowCost { get; init; }

    public static KeyAnswer Of(KeyView view) => Of(view.Settings, view.Spend.TotalNanos, view.HeldNanos);

    public static KeyAnswer Of(KeySettings settings, long spentNanos, long heldNanos) => new()
    {
        Id = settings.KeyId,
        Name = settings.Name,
        Status = settings.Status,
        ExpiresAt = settings.ExpiresAt,
        Models = settings.Models,
        Addresses = settings.Addresses,
        SpentUsd = Money.FormatUsd(spentNanos),
        HeldUsd = Money.FormatUsd(heldNanos),
        CapTotalUsd = Usd(settings.Caps.TotalNanos),
        CapDayUsd = Usd(settings.Caps.DayNanos),
        CapWeekUsd = Usd(settings.Caps.WeekNanos),
        CapMonthUsd = Usd(settings.Caps.MonthNanos),
        RequestsPerMinute = settings.Limits.RequestsPerMinute,
        TokensPerMinute = settings.Limits.TokensPerMinute,
        Concurrency = settings.Limits.Concurrency,
        ShowCost = settings.ShowCost,
    };

    private static string? Usd(long? nanos) => nanos is { } amount ? Money.FormatUsd(amount) : null;
}

/// <summary>What a credit or debit did.</summary>
internal sealed record MoveResult(string AccountId, EntryKind Kind, string Ref, string AmountUsd, string BalanceUsd, string AvailableUsd, bool IsRepeat);
