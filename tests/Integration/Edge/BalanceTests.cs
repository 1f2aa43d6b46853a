using System.Net;
using System.Text.Json.Nodes;
using OrleansGateway.Grains.Contracts.Accounts;
using Xunit;

namespace OrleansGateway.Tests.Integration.Edge;

/// <summary>What a key is told of money, in our own shape and in those of others.</summary>
public sealed class BalanceTests
{
    private static readonly KeySpend Spend = new(
        4_000_000_000, new DateOnly(2026, 11, 30), 1_000_000_000, new DateOnly(2026, 11, 30), 2_000_000_000, new DateOnly(2026, 11, 1), 3_000_000_000);

    private static readonly KeyStanding Capped = new()
    {
        Name = "laptop",
        ExpiresAt = DateTimeOffset.FromUnixTimeSeconds(1_800_000_000),
        Caps = new SpendCaps(100_000_000_000, null, null, 5_500_000_000),
        Spend = Spend,
        HeldNanos = 500_000_000,
        Account = null,
    };

    private static readonly KeyStanding Uncapped = Capped with
    {
        ExpiresAt = null,
        Caps = SpendCaps.None,
        Account = new AccountFunds(10_000_000_001, 2_000_000_000, 500_000_000),
    };

    /// <summary>Path, answer to a key with caps, answer to one without.</summary>
    public static TheoryData<string, string, string> Answers => new()
    {
        {
            "/v1/key",
            """{"object":"key","name":"laptop","currency":"usd","left":"2.00","held":"0.50","spent":{"total":"4.00","day":"1.00","week":"2.00","month":"3.00"},"caps":[{"window":"month","limit":"5.50","spent":"3.00","left":"2.00","resets_at":"2026-12-01T00:00:00Z"},{"window":"total","limit":"100.00","spent":"4.00","left":"95.50","resets_at":null}],"balance":null,"expires_at":"2027-01-15T08:00:00Z"}""",
            """{"object":"key","name":"laptop","currency":"usd","left":"9.500000001","held":"0.50","spent":{"total":"4.00","day":"1.00","week":"2.00","month":"3.00"},"caps":[],"balance":{"total":"10.000000001","bonus":"2.00","held":"0.50"},"expires_at":null}"""
        },
        {
            "/v1/dashboard/billing/subscription",
            """{"object":"billing_subscription","has_payment_method":true,"soft_limit_usd":5.5,"hard_limit_usd":5.5,"system_hard_limit_usd":5.5,"access_until":1800000000}""",
            """{"object":"billing_subscription","has_payment_method":true,"soft_limit_usd":13.500000001,"hard_limit_usd":13.500000001,"system_hard_limit_usd":13.500000001,"access_until":0}"""
        },
        { "/dashboard/billing/usage?start_date=2026-11-01&end_date=2026-11-30", """{"object":"list","total_usage":350.0}""", """{"object":"list","total_usage":400}""" },
        {
            "/api/usage/token/",
            """{"code":true,"message":"ok","data":{"object":"token_usage","name":"laptop","total_granted":2750000,"total_used":1750000,"total_available":1000000,"unlimited_quota":false,"expires_at":1800000000}}""",
            """{"code":true,"message":"ok","data":{"object":"token_usage","name":"laptop","total_granted":6750000,"total_used":2000000,"total_available":4750000,"unlimited_quota":false,"expires_at":0}}"""
        },
        {
            "/api/v1/key",
            """{"data":{"label":"laptop","limit":5.5,"limit_remaining":2,"limit_reset":"monthly","include_byok_in_limit":false,"usage":4,"usage_daily":1,"usage_weekly":2,"usage_monthly":3,"byok_usage":0,"byok_usage_daily":0,"byok_usage_weekly":0,"byok_usage_monthly":0,"is_free_tier":false,"is_management_key":false,"is_provisioning_key":false,"expires_at":"2027-01-15T08:00:00Z"}}""",
            """{"data":{"label":"laptop","limit":null,"limit_remaining":null,"limit_reset":null,"include_byok_in_limit":false,"usage":4,"usage_daily":1,"usage_weekly":2,"usage_monthly":3,"byok_usage":0,"byok_usage_daily":0,"byok_usage_weekly":0,"byok_usage_monthly":0,"is_free_tier":false,"is_management_key":false,"is_provisioning_key":false,"expires_at":null}}"""
        },
        { "/api/v1/credits", """{"data":{"total_credits":5.5,"total_usage":3.5}}""", """{"data":{"total_credits":13.500000001,"total_usage":4}}""" },
        { "/v1/credits", """{"balance":"2.00","total_used":"3.50"}""", """{"balance":"9.500000001","total_used":"4.00"}""" },
        {
            "/user/balance",
            """{"is_available":true,"balance_infos":[{"currency":"USD","total_balance":"2.00","granted_balance":"0.00","topped_up_balance":"2.00"}]}""",
            """{"is_available":true,"balance_infos":[{"currency":"USD","total_balance":"9.500000001","granted_balance":"1.50","topped_up_balance":"8.000000001"}]}"""
        },
        {
            "/v1/users/me/balance",
            """{"code":0,"scode":"0x0","status":true,"data":{"available_balance":2,"voucher_balance":0,"cash_balance":2}}""",
            """{"code":0,"scode":"0x0","status":true,"data":{"available_balance":9.500000001,"voucher_balance":1.5,"cash_balance":8.000000001}}"""
        },
    };

    [Theory]
    [MemberData(nameof(Answers), DisableDiscoveryEnumeration = true)]
    public async Task Get_ByAKey_TellsWhatItMayKnow(string path, string capped, string uncapped)
    {
        await using var edge = await EdgeFixture.StartAsync();
        foreach (var (standing, expected) in new[] { (Capped, capped), (Uncapped, uncapped) })
        {
            edge.Account.OnFindKey = request => new KeyAnswer { Outcome = AdmitOutcome.Admitted, Epoch = 1, Standing = request.IsRequest ? standing : null };
            using var answer = await edge.Client.GetAsync(new Uri(path, UriKind.Relative), TestContext.Current.CancellationToken);
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
            var text = await answer.TextAsync();
            Assert.True(JsonNode.DeepEquals(JsonNode.Parse(expected), JsonNode.Parse(text)), text);
            Assert.Equal("no-store", answer.Headers.CacheControl!.ToString());
        }

        Assert.Empty(edge.Account.Admitted);
    }

    [Fact]
    public async Task Get_WithoutAKeyInForce_IsRefusedInOpenAIsShape()
    {
        await using var edge = await EdgeFixture.StartAsync();
        edge.Account.OnFindKey = _ => new KeyAnswer { Outcome = AdmitOutcome.KeyDisabled, Epoch = 1 };
        using var disabled = await edge.Client.GetAsync(new Uri("/v1/key", UriKind.Relative), TestContext.Current.CancellationToken);
        Assert.Equal((HttpStatusCode.Forbidden, "key_disabled"), (disabled.StatusCode, (string?)(await disabled.ErrorAsync())["code"]));

        edge.Client.DefaultRequestHeaders.Authorization = null;
        using var missing = await edge.Client.GetAsync(new Uri("/api/v1/credits", UriKind.Relative), TestContext.Current.CancellationToken);
        Assert.Equal((HttpStatusCode.Unauthorized, "invalid_api_key"), (missing.StatusCode, (string?)(await missing.ErrorAsync())["code"]));
    }

    [Fact]
    public async Task Get_FromASiloThatTellsNoStanding_IsToldToComeBack()
    {
        await using var edge = await EdgeFixture.StartAsync();
        using var answer = await edge.Client.GetAsync(new Uri("/v1/key", UriKind.Relative), TestContext.Current.CancellationToken);
        Assert.Equal((HttpStatusCode.ServiceUnavailable, "service_unavailable"), (answer.StatusCode, (string?)(await answer.ErrorAsync())["code"]));
    }

    [Fact]
    public async Task Get_OverItsLimit_IsToldWhenToComeBack()
    {
        await using var edge = await EdgeFixture.StartAsync();
        edge.Account.OnFindKey = _ => new KeyAnswer
        {
            Outcome = AdmitOutcome.RequestRateLimited,
            Epoch = 1,
            RetryAfterMs = 1500,
            Scope = LimitScope.Account,
            Rates = new RateStanding { RequestsLimit = 2, RequestsResetMs = 1500 },
        };
        using var answer = await edge.Client.GetAsync(new Uri("/v1/key", UriKind.Relative), TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.TooManyRequests, answer.StatusCode);
        Assert.Equal(("2", "0"), (answer.Header("retry-after"), answer.Header("x-ratelimit-remaining-requests")));
        Assert.Equal("The account's limit of requests a minute is reached. Try again in 1.5s.", (string?)(await answer.ErrorAsync())["message"]);
    }
}
