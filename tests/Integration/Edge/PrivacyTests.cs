using System.Text.Json.Nodes;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Tests.Integration.Edge.Cases;
using Xunit;

namespace OrleansGateway.Tests.Integration.Edge;

/// <summary>What crosses the relay, and what does not.</summary>
public sealed class PrivacyTests
{
    [Fact]
    public async Task Post_ClientsHeaders_AreNotForwarded()
    {
        await using var edge = await EdgeFixture.StartAsync();

        using var response = await edge.PostAsync(EdgeFixture.Body(), request =>
        {
            request.Headers.TryAddWithoutValidation("Cookie", "session=secret");
            request.Headers.TryAddWithoutValidation("X-Forwarded-For", "203.0.113.9");
            request.Headers.TryAddWithoutValidation("X-Api-Key", "client-secret");
            request.Headers.TryAddWithoutValidation("X-Custom", "custom");
            request.Headers.TryAddWithoutValidation("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
        });

        await response.TextAsync();
        var sent = Assert.Single(edge.Provider.Requests);
        string[] allowed = ["accept", "authorization", "content-length", "content-type", "host", "user-agent"];
        Assert.Equal(allowed, sent.Headers.Keys.Select(name => name.ToLowerInvariant()).Order());
        Assert.Equal("Bearer " + EdgeFixture.ProviderKey, sent.Headers["Authorization"]);
        Assert.Equal(edge.Provider.BaseAddress.Authority, sent.Headers["Host"]);
        Assert.DoesNotContain(edge.Key, sent.Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Post_ProvidersHeaders_DoNotReachTheClient()
    {
        await using var edge = await EdgeFixture.StartAsync();
        var headers = new JsonObject
        {
            ["set-cookie"] = "a=b", ["server"] = "cloud", ["openai-organization"] = "org-secret", ["x-request-id"] = "theirs", ["x-ratelimit-limit-requests"] = "5",
        };

        foreach (var stream in new[] { false, true })
        {
            using var response = await edge.PostAsync(EdgeFixture.Body(stream, change: body =>
                body["sim"] = new JsonObject { ["tokens"] = 3, ["headers"] = headers.DeepClone() }));

            await response.TextAsync();
            string[] allowed = stream
                ? ["cache-control", "date", "request-id", "transfer-encoding", "x-accel-buffering", "x-request-id"]
                : ["date", "request-id", "x-og-cost", "x-request-id"];
            Assert.Equal(allowed, response.Headers.Select(header => header.Key.ToLowerInvariant()).Order(StringComparer.Ordinal));
            Assert.NotEqual("theirs", response.Header("x-request-id"));
        }
    }

    /// <summary>All customers of a channel are one account to its provider: it keeps nothing of theirs.</summary>
    [Theory]
    [InlineData("openai", "/v1/chat/completions")]
    [InlineData("gemini", "/v1beta/models/test-model:generateContent")]
    public async Task Post_AnswerThatIsToBeKept_ProviderIsNotAskedTo(string kind, string path)
    {
        await using var backend = new Backend(_ => [Step.Send(Wire.Http(Wire.Whole(Wire.Usage(5, 2))))]);
        await using var edge = await EdgeFixture.StartAsync(provider: (_, provider) => (provider["kind"], provider["base_url"]) = (kind, backend.Url));
        foreach (var store in (string[])["true", "false"])
        {
            var body = kind == "gemini"
                ? $$"""{"store":{{store}},"contents":[{"parts":[{"text":"x"}]}]}"""
                : $$"""{"model":"test-model","store":{{store}},"metadata":{"a":"b"},"messages":[{"role":"user","content":"x"}]}""";
            using var response = await edge.Client.PostAsync(path, new StringContent(body, System.Text.Encoding.UTF8, "application/json"), TestContext.Current.CancellationToken);
            await response.TextAsync();
            var sent = backend.Requests.Last();
            Assert.Equal(store == "false", sent.Contains("\"store\":false", StringComparison.Ordinal));
            Assert.DoesNotContain("\"store\":true", sent, StringComparison.Ordinal);
            Assert.Equal(store == "false" && kind == "openai", sent.Contains("metadata", StringComparison.Ordinal));
        }
    }

    [Fact]
    public async Task Post_UnknownFieldsAndNumbers_ReachTheProviderUntouched()
    {
        await using var edge = await EdgeFixture.StartAsync();
        const string Body = """{"model":"test-alias","messages":[{"role":"user","content":"x"}],"temperature":1.000,"vendor_field":{"a":[1e3]},"sim":{"tokens":2}}""";

        using var response = await edge.PostAsync(Body);

        await response.TextAsync();
        Assert.Equal(Body.Replace("test-alias", "test-model", StringComparison.Ordinal), Assert.Single(edge.Provider.Requests).Body);
        Assert.Equal("test-model", Assert.Single(edge.Account.Admitted).Model);
    }

    [Fact]
    public async Task Post_FieldsThatTheChannelDrops_AreLeftOutForItAlone()
    {
        await using var edge = await EdgeFixture.StartAsync(2, (index, channel) =>
        {
            if (index == 0)
            {
                channel["drop_params"] = new JsonArray("seed", "logprobs", "user");
            }
        });
        const string Body = """{"seed":5, "model":"test-model","logprobs":true,"messages":[{"role":"user","content":"x"}],"sim":{"error":500},"user":"u"}""";

        using var response = await edge.PostAsync(Body);

        Assert.Equal(
            """{"model":"test-model","messages":[{"role":"user","content":"x"}],"sim":{"error":500}}""", Assert.Single(edge.Providers[0].Requests).Body);
        Assert.Equal(Body, Assert.Single(edge.Providers[1].Requests).Body);
    }

    [Fact]
    public async Task Post_ModelHasAnotherNameAtTheProvider_TheClientSeesThePublicOne()
    {
        await using var edge = await EdgeFixture.StartAsync(channel: (_, channel) => channel["models"] = new JsonObject { ["test-model"] = "vendor/internal-7" });

        foreach (var stream in new[] { false, true })
        {
            using var response = await edge.PostAsync(EdgeFixture.Body(stream));

            var text = await response.TextAsync();
            Assert.DoesNotContain("internal-7", text, StringComparison.Ordinal);
            Assert.Contains("\"model\":\"test-model\"", text, StringComparison.Ordinal);
        }

        Assert.All(edge.Provider.Requests, request => Assert.Contains("\"vendor/internal-7\"", request.Body, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Post_BehindATrustedProxy_TheForwardedAddressCounts()
    {
        await using var edge = await EdgeFixture.StartAsync(settings: [new("Edge:TrustedProxies:0", "127.0.0.0/8")]);

        using var response = await edge.PostAsync(
            EdgeFixture.Body(), request => request.Headers.TryAddWithoutValidation("X-Forwarded-For", "198.51.100.1, 203.0.113.9, 127.0.0.5"));

        await response.TextAsync();
        Assert.Equal("203.0.113.9", Assert.Single(edge.Account.Admitted).ClientAddress);
    }

    [Fact]
    public async Task Post_RepeatedIdempotencyKey_GetsTheSameBytes()
    {
        await using var edge = await EdgeFixture.StartAsync();
        using var first = await edge.PostAsync(EdgeFixture.Body(), request => request.Headers.Add("Idempotency-Key", "one"));
        var admitted = Assert.Single(edge.Account.Admitted);
        edge.Account.OnAdmit = request => Task.FromResult(new AdmitAnswer
        {
            Outcome = AdmitOutcome.IdempotencyCompleted,
            Epoch = 1,
            EarlierRequestId = request.BodyHash == admitted.BodyHash ? admitted.HoldId : "",
        });

        using var second = await edge.PostAsync(EdgeFixture.Body(), request => request.Headers.Add("Idempotency-Key", "one"));

        Assert.Equal("one", admitted.IdempotencyKey);
        Assert.Equal(await first.TextAsync(), await second.TextAsync());
        Assert.Equal(first.Header("x-og-cost"), second.Header("x-og-cost"));
        Assert.Single(edge.Provider.Requests);
    }
}
