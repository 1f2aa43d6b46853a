using System.ClientModel;
using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;
using OpenAI;
using OpenAI.Chat;
using OrleansGateway.Operator.Contracts;
using OrleansGateway.Tests.Programs.Gateway;
using OrleansGateway.Tests.Programs.Postgres;
using Xunit;

namespace OrleansGateway.Tests.Integration.Gateway;

/// <summary>The relay over the whole stack: edge, account, ledger.</summary>
public sealed class RelayTests(PostgresServer server, SharedGateway shared) : IClassFixture<SharedGateway>
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Complete_WithTheOfficialClient_IsChargedToTheNano()
    {
        var gateway = shared.Gateway;
        var account = await gateway.CreateAccountAsync("1");
        var client = new ChatClient(
            GatewayFixture.Model,
            new ApiKeyCredential(await gateway.CreateKeyAsync(account)),
            new OpenAIClientOptions { Endpoint = new Uri(gateway.Url, "v1") });

        var whole = (await client.CompleteChatAsync([new UserChatMessage("Say something.")], cancellationToken: Cancellation)).Value.Usage;
        ChatTokenUsage? streamed = null;
        await foreach (var update in client.CompleteChatStreamingAsync([new UserChatMessage("Say more.")], cancellationToken: Cancellation))
        {
            streamed = update.Usage ?? streamed;
        }

        // 0.15 and 0.60 USD a million tokens are 150 and 600 nanos a token.
        var cost = Cost(whole) + Cost(streamed!);
        Assert.Equal(1_000_000_000 - cost, (await gateway.Operator.GetAccountAsync(account)).BalanceNanos);
        await gateway.VerifyAsync();

        static long Cost(ChatTokenUsage usage) => (usage.InputTokenCount * 150L) + (usage.OutputTokenCount * 600L);
    }

    [Fact]
    public async Task Key_SignedWithAnOlderSecret_IsGoodUntilThatSecretGoes()
    {
        await using var gateway = await GatewayFixture.StartAsync(server);
        var key = await gateway.CreateKeyAsync(await gateway.CreateAccountAsync("1"));
        (gateway.Settings["Gateway:SigningSecrets:0"], gateway.Settings["Gateway:SigningSecrets:1"]) = ("the-newest-signing-secret-0123456789", TestSettings.SigningSecret);
        await gateway.StartGatewayAsync();
        Assert.Equal(HttpStatusCode.OK, await CallAsync(gateway, key));
        var newer = await gateway.CreateKeyAsync(await gateway.CreateAccountAsync("1"));

        gateway.Settings.Remove("Gateway:SigningSecrets:1");
        await gateway.StartGatewayAsync();
        Assert.Equal((HttpStatusCode.Unauthorized, HttpStatusCode.OK), (await CallAsync(gateway, key), await CallAsync(gateway, newer)));

        static async Task<HttpStatusCode> CallAsync(GatewayFixture gateway, string key)
        {
            using var client = gateway.CreateClient(key);
            using var answer = await client.PostAsync("chat/completions", GatewayFixture.Chat(), Cancellation);
            return answer.StatusCode;
        }
    }

    [Theory]
    [InlineData("""{"models":["other"]}""", 403, "model_not_allowed")]
    [InlineData("""{"addresses":["203.0.113.0/24"]}""", 403, "address_not_allowed")]
    [InlineData("""{"expires_at":"2020-01-01T00:00:00Z"}""", 403, "key_expired")]
    [InlineData("""{"caps":{"day_nanos":100}}""", 402, "spend_cap_reached")]
    [InlineData("""{"limits":{"tokens_per_minute":1000,"requests_per_minute":1}}""", 429, "rate_limit_exceeded")]
    public async Task Key_WithALimit_IsHeldToIt(string settings, int status, string code)
    {
        var gateway = shared.Gateway;
        var account = await gateway.CreateAccountAsync("1");
        using var client = gateway.CreateClient(await gateway.CreateKeyAsync(account, KeySettings.Parser.ParseJson(settings)));
        var before = gateway.Provider.Stats.Requests;

        if (code == "rate_limit_exceeded")
        {
            // The minute's one request.
            using var first = await client.PostAsync("chat/completions", GatewayFixture.Chat(), Cancellation);
            Assert.Equal(HttpStatusCode.OK, first.StatusCode);
        }

        using var response = await client.PostAsync("chat/completions", GatewayFixture.Chat(), Cancellation);

        Assert.Equal(status, (int)response.StatusCode);
        var error = JsonNode.Parse(await response.Content.ReadAsStringAsync(Cancellation))!["error"]!.AsObject();
        Assert.Equal(code, (string?)error["code"]);
        Assert.Equal(["message", "type", "param", "code"], error.Select(field => field.Key));
        Assert.Equal(code == "rate_limit_exceeded" ? 1 : 0, gateway.Provider.Stats.Requests - before);
    }

    /// <summary>What the headers tell is what the account's grain has counted: one request, and the tokens that it was estimated at.</summary>
    [Fact]
    public async Task Headers_OfAKeyWithLimits_TellWhatIsLeftOfThem()
    {
        var gateway = shared.Gateway;
        var settings = KeySettings.Parser.ParseJson("""{"limits":{"tokens_per_minute":60,"requests_per_minute":2}}""");
        using var client = gateway.CreateClient(await gateway.CreateKeyAsync(await gateway.CreateAccountAsync("1"), settings));

        // "Hello" and its role are three tokens and their message four, and the answer ten at most. A token comes back in a second.
        using var response = await client.PostAsync("chat/completions", GatewayFixture.Chat(fields: new JsonObject { ["max_tokens"] = 10 }), Cancellation);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(
            ["2", "1", "60", "43"],
            ((string[])["limit-requests", "remaining-requests", "limit-tokens", "remaining-tokens"]).Select(Header));
        Assert.InRange(Seconds("reset-requests"), 29, 30);
        Assert.InRange(Seconds("reset-tokens"), 16, 17);

        string Header(string name) => response.Headers.GetValues($"x-ratelimit-{name}").Single();

        decimal Seconds(string name) => decimal.Parse(Header(name).TrimEnd('s'), CultureInfo.InvariantCulture);
    }

    [Fact]
    public async Task Models_AreThoseOfAKeyInForce()
    {
        var gateway = shared.Gateway;
        var account = await gateway.CreateAccountAsync("1");
        Assert.Equal((HttpStatusCode.OK, 1), await ModelsAsync("{}"));
        Assert.Equal((HttpStatusCode.OK, 0), await ModelsAsync("""{"models":["other"]}"""));
        Assert.Equal((HttpStatusCode.Forbidden, 0), await ModelsAsync("""{"addresses":["203.0.113.0/24"]}"""));
        Assert.Equal(0, (await gateway.CommandAsync("account", "suspend", account)).ExitCode);
        Assert.Equal((HttpStatusCode.Forbidden, 0), await ModelsAsync("{}"));

        async Task<(HttpStatusCode, int)> ModelsAsync(string settings)
        {
            using var client = gateway.CreateClient(await gateway.CreateKeyAsync(account, KeySettings.Parser.ParseJson(settings)));
            using var response = await client.GetAsync(new Uri("models", UriKind.Relative), Cancellation);
            var body = JsonNode.Parse(await response.Content.ReadAsStringAsync(Cancellation))!;
            return (response.StatusCode, body["data"]?.AsArray().Count ?? 0);
        }
    }

    [Fact]
    public async Task Key_DisabledAndEnabled_IsHeldToIt()
    {
        var gateway = shared.Gateway;
        var account = await gateway.CreateAccountAsync("1");
        using var client = gateway.CreateClient(await gateway.CreateKeyAsync(account));
        var keys = await gateway.Operator.Keys.ListKeysAsync(new ListKeysRequest { AccountId = account }, cancellationToken: Cancellation);
        var id = Assert.Single(keys.Keys).KeyId;

        await SetStatusAsync(KeyStatus.Disabled);
        using (var refused = await client.PostAsync("chat/completions", GatewayFixture.Chat(), Cancellation))
        {
            Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
            Assert.Contains("key_disabled", await refused.Content.ReadAsStringAsync(Cancellation), StringComparison.Ordinal);
        }

        using (var models = await client.GetAsync(new Uri("models", UriKind.Relative), Cancellation))
        {
            Assert.Equal(HttpStatusCode.Forbidden, models.StatusCode);
        }

        await SetStatusAsync(KeyStatus.Active);
        using var served = await client.PostAsync("chat/completions", GatewayFixture.Chat(), Cancellation);
        Assert.Equal(HttpStatusCode.OK, served.StatusCode);

        async Task SetStatusAsync(KeyStatus status) => await gateway.Operator.Keys.SetKeyStatusAsync(
            new SetKeyStatusRequest { RequestId = OperatorClient.NewRequestId(), AccountId = account, KeyId = id, Status = status }, cancellationToken: Cancellation);
    }

    [Fact]
    public async Task Account_SuspendedResumedAndClosed_IsHeldToIt()
    {
        var gateway = shared.Gateway;
        var account = await gateway.CreateAccountAsync("1");
        using var client = gateway.CreateClient(await gateway.CreateKeyAsync(account));

        Assert.Equal(0, (await gateway.CommandAsync("account", "suspend", account)).ExitCode);
        Assert.Equal(HttpStatusCode.Forbidden, await StatusAsync());
        Assert.Equal(0, (await gateway.CommandAsync("account", "resume", account)).ExitCode);
        Assert.Equal(HttpStatusCode.OK, await StatusAsync());
        Assert.Equal(0, (await gateway.CommandAsync("account", "close", account)).ExitCode);
        Assert.Equal(HttpStatusCode.Forbidden, await StatusAsync());
        Assert.Equal(1, (await gateway.CommandAsync("account", "resume", account)).ExitCode);

        async Task<HttpStatusCode> StatusAsync()
        {
            using var response = await client.PostAsync("chat/completions", GatewayFixture.Chat(), Cancellation);
            return response.StatusCode;
        }
    }

    [Fact]
    public async Task Idempotency_RepeatedKey_RunsOnce()
    {
        await using var gateway = await GatewayFixture.StartAsync(server);
        using var client = gateway.CreateClient(await gateway.CreateKeyAsync(await gateway.CreateAccountAsync("1")));
        client.DefaultRequestHeaders.Add("Idempotency-Key", "order-17");

        var first = await (await client.PostAsync("chat/completions", GatewayFixture.Chat(), Cancellation)).Content.ReadAsStringAsync(Cancellation);
        var second = await (await client.PostAsync("chat/completions", GatewayFixture.Chat(), Cancellation)).Content.ReadAsStringAsync(Cancellation);
        using var other = await client.PostAsync("chat/completions", GatewayFixture.Chat(fields: new JsonObject { ["max_tokens"] = 3 }), Cancellation);
        gateway.Process.Signal(GatewayProcess.SigTerm);
        await gateway.Process.EndAsync();
        await gateway.StartGatewayAsync();
        using var afterRestart = await client.PostAsync("chat/completions", GatewayFixture.Chat(), Cancellation);

        Assert.Equal(first, second);
        Assert.Equal(HttpStatusCode.UnprocessableEntity, other.StatusCode);
        Assert.Equal(HttpStatusCode.Conflict, afterRestart.StatusCode);
        Assert.Equal("false", Assert.Single(afterRestart.Headers.GetValues("x-should-retry")));
        Assert.Equal(1, gateway.Provider.Stats.Requests);
        await gateway.VerifyAsync();
    }
}
