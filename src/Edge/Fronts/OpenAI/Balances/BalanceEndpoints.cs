using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using OrleansGateway.Edge.Http;
using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Grains.Contracts.Accounts;
using static OrleansGateway.Grains.Contracts.Money;

namespace OrleansGateway.Edge.Fronts.OpenAI.Balances;

/// <summary>
/// Tells a key what it has spent and can still spend: in our own shape, and in those that the status lines of coding tools ask other gateways
/// and providers for. From the account grain's memory, in one call.
/// </summary>
internal static class BalanceEndpoints
{
    /// <summary>What new-api counts a dollar as.</summary>
    private const long NanosPerQuota = NanosPerUsd / 500_000;

    public static void Map(FrontRoutes routes, IFront front)
    {
        Map("/v1/key", WriteKey);
        foreach (var start in (ReadOnlySpan<string>)["/v1/dashboard", "/dashboard"])
        {
            Map(start + "/billing/subscription", WriteSubscription);
            Map(start + "/billing/usage", WriteUsage);
        }

        Map("/api/usage/token", WriteQuota);
        Map("/api/v1/key", WriteOpenRouterKey);
        Map("/api/v1/auth/key", WriteOpenRouterKey);
        Map("/api/v1/credits", WriteOpenRouterCredits);
        Map("/v1/credits", WriteVercelCredits);
        Map("/user/balance", WriteDeepSeekBalance);
        Map("/v1/users/me/balance", WriteMoonshotBalance);

        void Map(string path, Action<Utf8JsonWriter, KeyMoney> write) => routes.Get(path, async context =>
        {
            var callers = context.RequestServices.GetRequiredService<Callers>();
            if (await callers.AuthenticateAsync(context, front, isRequest: true) is not (_, var key))
            {
                return;
            }

            if (key.Standing is { } standing)
            {
                context.Response.Headers.CacheControl = "no-store";
                await JsonReply.WriteAsync(context, json =>
                {
                    json.WriteStartObject();
                    write(json, new KeyMoney(standing));
                    json.WriteEndObject();
                });
            }
            else
            {
                // A silo of an earlier release.
                await ErrorReply.WriteAsync(context, front, Refusals.Of(key with { Outcome = AdmitOutcome.Unavailable }));
            }
        });
    }

    /// <summary>Our own: amounts are US dollars as text, exact to the last digit.</summary>
    private static void WriteKey(Utf8JsonWriter json, KeyMoney money)
    {
        var standing = money.Standing;
        json.WriteString("object"u8, "key"u8);
        json.WriteString("name"u8, standing.Name);
        json.WriteString("currency"u8, "usd"u8);
        json.WriteString("left"u8, FormatUsd(money.LeftNanos));
        json.WriteString("held"u8, FormatUsd(standing.HeldNanos));
        json.WriteStartObject("spent"u8);
        json.WriteString("total"u8, FormatUsd(standing.Spend.TotalNanos));
        json.WriteString("day"u8, FormatUsd(standing.Spend.DayNanos));
        json.WriteString("week"u8, FormatUsd(standing.Spend.WeekNanos));
        json.WriteString("month"u8, FormatUsd(standing.Spend.MonthNanos));
        json.WriteEndObject();
        json.WriteStartArray("caps"u8);
        foreach (var cap in money.Caps)
        {
            json.WriteStartObject();
            json.WriteString("window"u8, Name(cap.Window));
            json.WriteString("limit"u8, FormatUsd(cap.LimitNanos));
            json.WriteString("spent"u8, FormatUsd(cap.SpentNanos));
            json.WriteString("left"u8, FormatUsd(cap.LeftNanos));
            WriteTime(json, "resets_at"u8, cap.ResetsAt);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        if (standing.Account is { } account)
        {
            json.WriteStartObject("balance"u8);
            json.WriteString("total"u8, FormatUsd(account.BalanceNanos));
            json.WriteString("bonus"u8, FormatUsd(account.BonusNanos));
            json.WriteString("held"u8, FormatUsd(account.HeldNanos));
            json.WriteEndObject();
        }
        else
        {
            json.WriteNull("balance"u8);
        }

        WriteTime(json, "expires_at"u8, standing.ExpiresAt);
    }

    /// <summary>OpenAI's of old, which one-api and new-api serve: clients show the limit less <see cref="WriteUsage"/>.</summary>
    private static void WriteSubscription(Utf8JsonWriter json, KeyMoney money)
    {
        json.WriteString("object"u8, "billing_subscription"u8);
        json.WriteBoolean("has_payment_method"u8, true);
        foreach (var name in (ReadOnlySpan<string>)["soft_limit_usd", "hard_limit_usd", "system_hard_limit_usd"])
        {
            json.WriteNumber(name, Usd(money.GrantedNanos));
        }

        json.WriteNumber("access_until"u8, money.Standing.ExpiresAt?.ToUnixTimeSeconds() ?? 0);
    }

    /// <summary>In hundredths of a dollar, whatever dates are asked for.</summary>
    private static void WriteUsage(Utf8JsonWriter json, KeyMoney money)
    {
        json.WriteString("object"u8, "list"u8);
        json.WriteNumber("total_usage"u8, Usd(money.UsedNanos) * 100);
    }

    /// <summary>new-api's.</summary>
    private static void WriteQuota(Utf8JsonWriter json, KeyMoney money)
    {
        json.WriteBoolean("code"u8, true);
        json.WriteString("message"u8, "ok"u8);
        json.WriteStartObject("data"u8);
        json.WriteString("object"u8, "token_usage"u8);
        json.WriteString("name"u8, money.Standing.Name);
        json.WriteNumber("total_granted"u8, money.GrantedNanos / NanosPerQuota);
        json.WriteNumber("total_used"u8, money.UsedNanos / NanosPerQuota);
        json.WriteNumber("total_available"u8, money.LeftNanos / NanosPerQuota);
        json.WriteBoolean("unlimited_quota"u8, false);
        json.WriteNumber("expires_at"u8, money.Standing.ExpiresAt?.ToUnixTimeSeconds() ?? 0);
        json.WriteEndObject();
    }

    private static void WriteOpenRouterKey(Utf8JsonWriter json, KeyMoney money)
    {
        var spend = money.Standing.Spend;
        json.WriteStartObject("data"u8);
        json.WriteString("label"u8, money.Standing.Name);
        if (money.Tightest is { } cap)
        {
            json.WriteNumber("limit"u8, Usd(cap.LimitNanos));
            json.WriteNumber("limit_remaining"u8, Usd(cap.LeftNanos));
            json.WriteString("limit_reset"u8, cap.Window switch
            {
                SpendWindow.Day => "daily",
                SpendWindow.Week => "weekly",
                SpendWindow.Month => "monthly",
                _ => null,
            });
        }
        else
        {
            json.WriteNull("limit"u8);
            json.WriteNull("limit_remaining"u8);
            json.WriteNull("limit_reset"u8);
        }

        json.WriteBoolean("include_byok_in_limit"u8, false);
        json.WriteNumber("usage"u8, Usd(spend.TotalNanos));
        json.WriteNumber("usage_daily"u8, Usd(spend.DayNanos));
        json.WriteNumber("usage_weekly"u8, Usd(spend.WeekNanos));
        json.WriteNumber("usage_monthly"u8, Usd(spend.MonthNanos));
        foreach (var name in (ReadOnlySpan<string>)["byok_usage", "byok_usage_daily", "byok_usage_weekly", "byok_usage_monthly"])
        {
            json.WriteNumber(name, 0);
        }

        json.WriteBoolean("is_free_tier"u8, false);
        json.WriteBoolean("is_management_key"u8, false);
        json.WriteBoolean("is_provisioning_key"u8, false);
        WriteTime(json, "expires_at"u8, money.Standing.ExpiresAt);
        json.WriteEndObject();
    }

    private static void WriteOpenRouterCredits(Utf8JsonWriter json, KeyMoney money)
    {
        json.WriteStartObject("data"u8);
        json.WriteNumber("total_credits"u8, Usd(money.GrantedNanos));
        json.WriteNumber("total_usage"u8, Usd(money.UsedNanos));
        json.WriteEndObject();
    }

    private static void WriteVercelCredits(Utf8JsonWriter json, KeyMoney money)
    {
        json.WriteString("balance"u8, FormatUsd(money.LeftNanos));
        json.WriteString("total_used"u8, FormatUsd(money.UsedNanos));
    }

    private static void WriteDeepSeekBalance(Utf8JsonWriter json, KeyMoney money)
    {
        var bonus = BonusOf(money);
        json.WriteBoolean("is_available"u8, money.LeftNanos > 0);
        json.WriteStartArray("balance_infos"u8);
        json.WriteStartObject();
        json.WriteString("currency"u8, "USD"u8);
        json.WriteString("total_balance"u8, FormatUsd(money.LeftNanos));
        json.WriteString("granted_balance"u8, FormatUsd(bonus));
        json.WriteString("topped_up_balance"u8, FormatUsd(money.LeftNanos - bonus));
        json.WriteEndObject();
        json.WriteEndArray();
    }

    private static void WriteMoonshotBalance(Utf8JsonWriter json, KeyMoney money)
    {
        var bonus = BonusOf(money);
        json.WriteNumber("code"u8, 0);
        json.WriteString("scode"u8, "0x0"u8);
        json.WriteBoolean("status"u8, true);
        json.WriteStartObject("data"u8);
        json.WriteNumber("available_balance"u8, Usd(money.LeftNanos));
        json.WriteNumber("voucher_balance"u8, Usd(bonus));
        json.WriteNumber("cash_balance"u8, Usd(money.LeftNanos - bonus));
        json.WriteEndObject();
    }

    /// <summary>The part of what is left that came as bonus, nanos: running requests take that first.</summary>
    private static long BonusOf(KeyMoney money) =>
        money.Standing.Account is { } account ? Math.Min(money.LeftNanos, Math.Max(0, account.BonusNanos - account.HeldNanos)) : 0;

    private static decimal Usd(long nanos) => nanos / (decimal)NanosPerUsd;

    private static string Name(SpendWindow window) => window switch
    {
        SpendWindow.Day => "day",
        SpendWindow.Week => "week",
        SpendWindow.Month => "month",
        _ => "total",
    };

    private static void WriteTime(Utf8JsonWriter json, ReadOnlySpan<byte> name, DateTimeOffset? time)
    {
        if (time is { } known)
        {
            json.WriteString(name, known.UtcDateTime);
        }
        else
        {
            json.WriteNull(name);
        }
    }
}
