using System.Collections.Immutable;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;
using OrleansGateway.Grains.Contracts;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Grains.Contracts.Pricing;
using OrleansGateway.Ledger;
using OrleansGateway.Tests.Shared.Ledger;

namespace OrleansGateway.Tests.Integration.Ledger.Model;

/// <summary>The model's rows as PostgreSQL's <c>to_jsonb</c> writes them: every column of the five tables.</summary>
internal static class ModelRows
{
    /// <summary>Rows that never change are written once.</summary>
    private static readonly ConditionalWeakTable<object, string> Written = [];

    /// <summary>One line a row, sorted.</summary>
    public static List<string> Of(LedgerModel model)
    {
        var lines = model.Accounts.SelectMany(Of).ToList();
        lines.Sort(StringComparer.Ordinal);
        return lines;
    }

    private static IEnumerable<string> Of(LedgerModelAccount account)
    {
        var id = account.Row.AccountId;
        return
        [
            Line("account", Account(account)),
            .. account.Entries.Select(e => Written.GetValue(e, _ => Line("ledger", Entry(id, e)))),
            .. account.Usage.Select(u => Written.GetValue(u, _ => Line("usage", Usage(id, u)))),
            .. account.Keys.Values.Select(k => Line(
                "api_key", Key(id, k, account.KeyUses.TryGetValue(k.Settings.KeyId, out var use) ? use : null))),
            .. account.Idempotency.Values.Select(i => Line("idempotency", Idempotency(id, i))),
        ];
    }

    private static (string, object?)[] Account(LedgerModelAccount account)
    {
        var row = account.Row;
        return
        [
            ("id", row.AccountId), ("name", row.Name), ("status", Word(row.Status)), .. Limits(row.Limits),
            ("epoch", row.Epoch), ("version", row.Version), ("seq", row.Seq), ("balance", row.Balance), ("reserved", row.Reserved),
            ("quarantined", row.Quarantined), ("bonus", row.Bonus), ("created_at", account.CreatedAt), ("activated_at", account.ActivatedAt),
            ("activation", account.Activation), ("process", account.Process), ("earlier_process", account.EarlierProcess),
        ];
    }

    private static (string, object?)[] Entry(string account, LedgerEntry entry) =>
    [
        ("account_id", account), ("seq", entry.Seq), ("kind", Word(entry.Kind)), ("amount", entry.Amount),
        ("shortfall", entry.Shortfall), ("balance_after", entry.BalanceAfter), ("ref", entry.Ref),
        ("closed_by", entry.ClosedBy is { } by ? Word(by) : null), ("at", entry.At),
    ];

    private static (string, object?)[] Usage(string account, UsageRow row) =>
    [
        ("account_id", account), ("at", row.At), ("key_id", row.KeyId), ("request_id", row.RequestId), ("model", row.Model),
        ("channel", row.Channel), ("endpoint", row.Endpoint), ("price_id", row.PriceId), ("charge", row.Charge),
        ("first_byte_ms", row.FirstByteMs), ("duration_ms", row.DurationMs), ("status", Word(row.Status)),
        ("client_address", row.ClientAddress), .. Units.All.Select(unit => (unit.Name(), (object?)row.Usage[unit])),
        ("is_estimated", row.Usage.IsEstimated), ("extra_attempts", (long)row.ExtraAttempts),
    ];

    private static (string, object?)[] Key(string account, KeyRow key, (DateTimeOffset At, string From)? use)
    {
        var (settings, spend) = (key.Settings, key.Spend);
        return
        [
            ("account_id", account), ("id", settings.KeyId), ("hash", settings.Hash), ("name", settings.Name),
            ("status", Word(settings.Status)), ("expires_at", settings.ExpiresAt), ("models", settings.Models),
            ("addresses", settings.Addresses), ("cap_total", settings.Caps.TotalNanos), ("cap_day", settings.Caps.DayNanos),
            ("cap_week", settings.Caps.WeekNanos), ("cap_month", settings.Caps.MonthNanos), .. Limits(settings.Limits),
            ("show_cost", settings.ShowCost), ("spent_total", spend.TotalNanos), ("day", spend.Day), ("spent_day", spend.DayNanos),
            ("week", spend.Week), ("spent_week", spend.WeekNanos), ("month", spend.Month), ("spent_month", spend.MonthNanos),
            ("used_at", use?.At), ("used_from", use?.From),
        ];
    }

    private static (string, object?)[] Idempotency(string account, IdempotencyRow row) =>
    [
        ("account_id", account), ("key", row.Key), ("body_hash", row.BodyHash), ("hold_id", row.HoldId), ("state", Word(row.State)),
        ("charge", row.Charge), ("at", row.At),
    ];

    private static (string, object?)[] Limits(RateLimits limits) =>
    [
        ("requests_per_minute", limits.RequestsPerMinute), ("tokens_per_minute", limits.TokensPerMinute),
        ("concurrency", limits.Concurrency),
    ];

    /// <summary>The name of an enum's value as tables have it: <c>client_gone</c>.</summary>
    private static string Word<T>(T value)
        where T : struct, Enum =>
        string.Concat(value.ToString().Select(static (c, i) =>
            (char.IsUpper(c) && i > 0 ? "_" : "") + char.ToLowerInvariant(c)));

    /// <summary>A jsonb object has its keys by length, then bytewise.</summary>
    private static string Line(string table, (string Name, object? Value)[] columns) => table + " {" + string.Join(
        ", ",
        columns.OrderBy(static c => c.Name.Length).ThenBy(static c => c.Name, StringComparer.Ordinal)
            .Select(static c => $"\"{c.Name}\": {Json(c.Value)}")) + "}";

    private static string Json(object? value) => value switch
    {
        null => "null",
        bool flag => flag ? "true" : "false",
        long number => number.ToString(CultureInfo.InvariantCulture),
        string text => Quoted(text),
        DateTimeOffset at => $"\"{at.UtcDateTime:yyyy-MM-dd'T'HH:mm:ss.FFFFFF}+00:00\"",
        DateOnly date => date == DateOnly.MinValue ? "\"-infinity\"" : $"\"{date:yyyy-MM-dd}\"",
        Sha256Hash hash => $"\"\\\\x{Convert.ToHexStringLower(hash.ToBytes())}\"",
        ImmutableArray<string> texts => $"[{string.Join(", ", texts.Select(Quoted))}]",
        _ => throw new ArgumentOutOfRangeException(nameof(value), value, "No column has this type."),
    };

    private static string Quoted(string text)
    {
        var json = new StringBuilder("\"");
        foreach (var c in text)
        {
            json.Append(c switch { '"' => "\\\"", '\\' => "\\\\", '\n' => "\\n", _ => c.ToString() });
        }

        return json.Append('"').ToString();
    }
}
