using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using OrleansGateway.Edge.Http;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Grains.Contracts.Keys;
using Xunit;

namespace OrleansGateway.Tests.Integration.Edge;

/// <summary>Everything that is refused: with which status and body, and that nothing is charged.</summary>
public sealed class RefusalTests
{
    public static TheoryData<string, int, string?> BadBodies => new()
    {
        { "", 400, null },
        { "{\"model\":\"test-model\"", 400, null },
        { "[]", 400, null },
        { """{"messages":[{"role":"user","content":"x"}]}""", 400, "missing_required_parameter" },
        { """{"model":"test-model"}""", 400, "missing_required_parameter" },
        { """{"model":"test-model","messages":[]}""", 400, "empty_array" },
        { """{"model":5,"messages":[{"role":"user","content":"x"}]}""", 400, "invalid_type" },
        { """{"model":"test-model","messages":"x"}""", 400, "invalid_type" },
        { """{"model":"test-model","model":"other","messages":[{"role":"user","content":"x"}]}""", 400, "duplicate_parameter" },
        { """{"model":"test-model","messages":[{"role":"user","content":"x"}],"stream":1}""", 400, "invalid_type" },
        { """{"model":"test-model","messages":[{"role":"user","content":"x"}],"max_tokens":-1}""", 400, "integer_below_min_value" },
        { """{"model":"test-model","messages":[{"role":"user","content":"x"}],"max_tokens":4097}""", 400, "invalid_value" },
        { """{"model":"test-model","messages":[{"role":"user","content":"x"}],"n":9}""", 400, "integer_above_max_value" },
        { """{"model":"nobody","messages":[{"role":"user","content":"x"}]}""", 404, "model_not_found" },
    };

    [Theory]
    [MemberData(nameof(BadBodies))]
    public async Task Post_BadBody_IsRefusedBeforeAdmission(string body, int status, string? code)
    {
        await using var edge = await EdgeFixture.StartAsync();

        using var response = await edge.PostAsync(body);

        var error = await response.ErrorAsync();
        Assert.Equal(status, (int)response.StatusCode);
        Assert.Equal("invalid_request_error", (string?)error["type"]);
        if (code is not null)
        {
            Assert.Equal(code, (string?)error["code"]);
        }

        Assert.NotNull(response.Header("x-request-id"));
        Assert.Empty(edge.Account.Admitted);
        Assert.Empty(edge.Account.Settled);
        Assert.Empty(edge.Provider.Requests);
    }

    [Theory]
    [InlineData("POST", "/v1/chat/completions")]
    [InlineData("GET", "/v1/models")]
    [InlineData("GET", "/v1/models/test-model")]
    public async Task Request_BeforeThereIsACatalog_IsSentAwayForASecond(string method, string path)
    {
        await using var edge = await EdgeFixture.StartAsync();
        edge.Current = null;
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        request.Content = method == "POST" ? new StringContent(EdgeFixture.Body().ToJsonString()) : null;

        using var response = await edge.Client.SendAsync(request, TestContext.Current.CancellationToken);

        Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
        Assert.Equal("service_unavailable", (string?)(await response.ErrorAsync())["code"]);
        Assert.Equal("1", response.Header("retry-after"));
        Assert.Empty(edge.Account.Admitted);
    }

    [Theory]
    [InlineData(4)]
    [InlineData(129)]
    [InlineData(int.MaxValue)]
    public async Task Post_MoreChoicesThanTheModelHas_TellsTheModelsBound(int choices)
    {
        await using var edge = await EdgeFixture.StartAsync(model: model => model["max_n"] = 3);

        using var response = await edge.PostAsync(EdgeFixture.Body(change: body => body["n"] = choices));

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Contains("<= 3.", (string?)(await response.ErrorAsync())["message"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Post_GatewayStops_SaysSo()
    {
        await using var edge = await EdgeFixture.StartAsync();
        Assert.True(await edge.Accounts.StopAsync(TimeSpan.FromSeconds(1)));

        using var response = await edge.PostAsync(EdgeFixture.Body());

        Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
        Assert.Equal("1", response.Header("retry-after"));
        Assert.StartsWith("The gateway is stopping; ", (string?)(await response.ErrorAsync())["message"], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("sk-og-nonsense")]
    [InlineData("forged")]
    [InlineData("other secret")]
    public async Task Post_KeyNotOurs_Is401WithoutAskingTheAccount(string? key)
    {
        await using var edge = await EdgeFixture.StartAsync();
        Assert.True(SigningSecrets.TryParse([new string('t', 40)], out var other));
        edge.Client.DefaultRequestHeaders.Authorization = key switch
        {
            null => null,
            "forged" => new("Bearer", edge.Key[..^1] + (edge.Key[^1] == 'a' ? 'b' : 'a')),
            "other secret" => new("Bearer", ApiKey.Create(EdgeFixture.AccountId, EdgeFixture.KeyId, RandomSource.Secure, other, out _)),
            _ => new("Bearer", key),
        };

        using var response = await edge.PostAsync(EdgeFixture.Body());
        using var models = await edge.Client.GetAsync(new Uri("/v1/models", UriKind.Relative), TestContext.Current.CancellationToken);

        var error = await response.ErrorAsync();
        Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
        Assert.Equal("invalid_api_key", (string?)error["code"]);
        Assert.Equal(HttpStatusCode.Unauthorized, models.StatusCode);
        Assert.Empty(edge.Account.Admitted);
    }

    /// <summary>C076: keys that no client library sends.</summary>
    public static TheoryData<string> OddKeys => new()
    {
        "Authorization: Bearer hush", "Authorization: hush", "Authorization: Bearer sk-og-\"hush'\\", "Authorization: Bearer sk-og-hush%00%0a",
        "Authorization: Bearer sk-og-hush🙂", $"Authorization: Bearer sk-og-hush{new string('x', 8 * 1024)}", "x-api-key: hush", "x-goog-api-key: hush",
        "Authorization: Bearer sk-og-hush\r\nAuthorization: Bearer sk-og-hush",
    };

    [Theory]
    [MemberData(nameof(OddKeys), DisableDiscoveryEnumeration = true)]
    public async Task Post_OddKey_IsRefusedLikeAnyOtherAndToldNowhere(string header)
    {
        await using var edge = await EdgeFixture.StartAsync();
        using var client = new TcpClient();
        await client.ConnectAsync(edge.Client.BaseAddress!.Host, edge.Client.BaseAddress.Port, TestContext.Current.CancellationToken);
        var request = $"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{header}\r\ncontent-length: 2\r\n\r\n{{}}";
        await client.GetStream().WriteAsync(Encoding.UTF8.GetBytes(request), TestContext.Current.CancellationToken);
        using var reader = new StreamReader(client.GetStream());
        var answer = await reader.ReadToEndAsync(TestContext.Current.CancellationToken);
        edge.Client.DefaultRequestHeaders.Authorization = new("Bearer", "another");
        using var other = await edge.PostAsync(EdgeFixture.Body());

        Assert.StartsWith("HTTP/1.1 401 ", answer, StringComparison.Ordinal);
        Assert.Contains(await other.TextAsync(), answer, StringComparison.Ordinal);
        Assert.Null((await other.ErrorAsync())["param"]);
        Assert.DoesNotContain("hush", answer, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain(edge.Log.Lines, line => line.Text.Contains("hush", StringComparison.OrdinalIgnoreCase));
    }

    public static TheoryData<AdmitOutcome, int, string, string, string?> Outcomes => new()
    {
        { AdmitOutcome.UnknownKey, 401, "invalid_request_error", "invalid_api_key", null },
        { AdmitOutcome.KeyDisabled, 403, "invalid_request_error", "key_disabled", null },
        { AdmitOutcome.KeyExpired, 403, "invalid_request_error", "key_expired", null },
        { AdmitOutcome.AccountSuspended, 403, "invalid_request_error", "account_suspended", null },
        { AdmitOutcome.AccountClosed, 403, "invalid_request_error", "account_closed", null },
        { AdmitOutcome.ModelNotAllowed, 403, "invalid_request_error", "model_not_allowed", null },
        { AdmitOutcome.AddressNotAllowed, 403, "invalid_request_error", "address_not_allowed", null },
        { AdmitOutcome.SpendCapReached, 402, "insufficient_quota", "spend_cap_reached", "false" },
        { AdmitOutcome.InsufficientFunds, 402, "insufficient_quota", "insufficient_quota", "false" },
        { AdmitOutcome.RequestRateLimited, 429, "rate_limit_error", "rate_limit_exceeded", null },
        { AdmitOutcome.TokenRateLimited, 429, "rate_limit_error", "rate_limit_exceeded", null },
        { AdmitOutcome.ConcurrencyLimited, 429, "rate_limit_error", "rate_limit_exceeded", null },
        { AdmitOutcome.FundsInQuarantine, 503, "server_error", "service_unavailable", null },
        { AdmitOutcome.IdempotencyRunning, 409, "invalid_request_error", "idempotency_key_in_use", null },
        { AdmitOutcome.IdempotencyCompleted, 409, "invalid_request_error", "idempotency_key_completed", "false" },
        { AdmitOutcome.IdempotencyBodyDiffers, 422, "invalid_request_error", "idempotency_key_reused", null },
        { AdmitOutcome.HoldClosed, 503, "server_error", "service_unavailable", null },
        { AdmitOutcome.Unavailable, 503, "server_error", "service_unavailable", null },
    };

    [Theory]
    [MemberData(nameof(Outcomes))]
    public async Task Post_NotAdmitted_IsAnsweredAsTheRuleSays(AdmitOutcome outcome, int status, string type, string code, string? shouldRetry)
    {
        await using var edge = await EdgeFixture.StartAsync();
        var mayRetry = outcome is AdmitOutcome.RequestRateLimited or AdmitOutcome.TokenRateLimited or AdmitOutcome.FundsInQuarantine
            or AdmitOutcome.IdempotencyRunning or AdmitOutcome.Unavailable;
        edge.Account.OnAdmit = _ => Task.FromResult(new AdmitAnswer
        {
            Outcome = outcome,
            Epoch = 1,
            AvailableNanos = 1_500_000,
            RetryAfterMs = mayRetry ? 2500 : 0,
            EarlierRequestId = "req_earlier",
            EarlierChargeNanos = 42_000,
        });

        using var response = await edge.PostAsync(EdgeFixture.Body());

        var error = await response.ErrorAsync();
        Assert.Equal(status, (int)response.StatusCode);
        Assert.Equal(type, (string?)error["type"]);
        Assert.Equal(code, (string?)error["code"]);
        Assert.Equal(shouldRetry, response.Header("x-should-retry"));
        Assert.Equal(mayRetry ? "3" : response.Header("retry-after"), response.Header("retry-after"));
        Assert.Equal(mayRetry ? "2500" : response.Header("retry-after-ms"), response.Header("retry-after-ms"));
        Assert.Empty(edge.Account.Settled);
        Assert.Empty(edge.Provider.Requests);
    }

    [Fact]
    public async Task Post_NotEnoughMoney_TellsTheBoundAndWhatIsFree()
    {
        await using var edge = await EdgeFixture.StartAsync();
        AdmitRequest? asked = null;
        edge.Account.OnAdmit = request =>
        {
            asked = request;
            return Task.FromResult(new AdmitAnswer { Outcome = AdmitOutcome.InsufficientFunds, Epoch = 1, AvailableNanos = 1_500_000 });
        };

        using var response = await edge.PostAsync(EdgeFixture.Body());

        var message = (string)(await response.ErrorAsync())["message"]!;
        Assert.Contains("$" + OrleansGateway.Grains.Contracts.Money.FormatUsd(asked!.LeastNanos), message, StringComparison.Ordinal);
        Assert.Contains("$0.0015", message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(SpendWindow.Total, null, "cap in all, ", "Raise the cap or lower")]
    [InlineData(SpendWindow.Day, "2026-11-22", "cap for the day, ", "anew at 2026-11-22 00:00 UTC.")]
    [InlineData(SpendWindow.Week, "2026-11-23", "cap for the week, ", "anew at 2026-11-23 00:00 UTC.")]
    [InlineData(SpendWindow.Month, "2026-12-01", "cap for the month, ", "anew at 2026-12-01 00:00 UTC.")]
    public async Task Post_SpendCapReached_TellsWhichAndWhenItFrees(SpendWindow window, string? end, string cap, string advice)
    {
        await using var edge = await EdgeFixture.StartAsync();
        edge.Account.OnAdmit = request => Task.FromResult(new AdmitAnswer
        {
            Outcome = AdmitOutcome.SpendCapReached,
            Epoch = 1,
            AvailableNanos = 1_500_000,
            CapWindow = window,
            CapEnd = end is null ? null : DateTimeOffset.Parse(end + "T00:00:00Z", System.Globalization.CultureInfo.InvariantCulture),
        });

        using var response = await edge.PostAsync(EdgeFixture.Body());

        var message = (string)(await response.ErrorAsync())["message"]!;
        Assert.Contains("$0.0015 left", message, StringComparison.Ordinal);
        Assert.Contains(cap, message, StringComparison.Ordinal);
        Assert.Contains(advice, message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Post_BodyTooLarge_Is413()
    {
        await using var edge = await EdgeFixture.StartAsync(settings: [new("Edge:MaxBodyBytes", "4096")]);

        using var whole = await edge.PostAsync(EdgeFixture.Body(change: body => body["user"] = new string('x', 5000)));
        using var chunked = await edge.PostAsync("", request =>
        {
            request.Content = new StreamContent(new MemoryStream(Encoding.UTF8.GetBytes(new string(' ', 5000))));
            request.Headers.TransferEncodingChunked = true;
        });

        Assert.Equal(413, (int)whole.StatusCode);
        Assert.Equal("request_too_large", (string?)(await whole.ErrorAsync())["code"]);
        Assert.Equal(413, (int)chunked.StatusCode);
        Assert.Empty(edge.Account.Admitted);
    }

    [Fact]
    public async Task Post_CompressedBody_Is415()
    {
        await using var edge = await EdgeFixture.StartAsync();

        using var response = await edge.PostAsync(EdgeFixture.Body().ToJsonString(), request => request.Content!.Headers.ContentEncoding.Add("gzip"));

        Assert.Equal(HttpStatusCode.UnsupportedMediaType, response.StatusCode);
        await response.ErrorAsync();
    }

    [Fact]
    public async Task Post_HeadersTooLong_Is431()
    {
        await using var edge = await EdgeFixture.StartAsync();

        using var response = await edge.PostAsync(
            EdgeFixture.Body(), request => request.Headers.TryAddWithoutValidation("x-long", new string('x', RequestHeaders.MaxBytes)));

        Assert.Equal(431, (int)response.StatusCode);
        Assert.Equal("request_header_fields_too_large", (string?)(await response.ErrorAsync())["code"]);
        Assert.Empty(edge.Account.Admitted);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(256)]
    public async Task Post_IdempotencyKeyOfBadLength_Is400(int length)
    {
        await using var edge = await EdgeFixture.StartAsync();

        using var response = await edge.PostAsync(
            EdgeFixture.Body(), request => request.Headers.TryAddWithoutValidation("Idempotency-Key", new string('k', length)));

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Equal("invalid_idempotency_key", (string?)(await response.ErrorAsync())["code"]);
    }

    [Fact]
    public async Task Post_BodyCutOff_IsNotAdmitted()
    {
        await using var edge = await EdgeFixture.StartAsync();
        using (var socket = new TcpClient())
        {
            await socket.ConnectAsync(edge.Client.BaseAddress!.Host, edge.Client.BaseAddress.Port, TestContext.Current.CancellationToken);
            var head = $"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {edge.Key}\r\nContent-Length: 500\r\n\r\n{{\"model\":";
            var stream = socket.GetStream();
            await stream.WriteAsync(Encoding.ASCII.GetBytes(head), TestContext.Current.CancellationToken);
            socket.Client.Shutdown(SocketShutdown.Send);
            Assert.DoesNotContain("HTTP/1.1 2", await ReadToEndAsync(stream), StringComparison.Ordinal);
        }

        Assert.Empty(edge.Account.Admitted);
    }

    [Fact]
    public async Task Any_UnknownRouteOrMethod_IsToldInOpenAIsForm()
    {
        await using var edge = await EdgeFixture.StartAsync();

        using var route = await edge.Client.GetAsync(new Uri("/v1/nothing", UriKind.Relative), TestContext.Current.CancellationToken);
        using var elsewhere = await edge.Client.GetAsync(new Uri("/chat/completions", UriKind.Relative), TestContext.Current.CancellationToken);
        using var method = await edge.Client.GetAsync(new Uri("/v1/chat/completions", UriKind.Relative), TestContext.Current.CancellationToken);

        Assert.Equal(HttpStatusCode.NotFound, route.StatusCode);
        Assert.Equal("unknown_url", (string?)(await route.ErrorAsync())["code"]);
        Assert.Equal(HttpStatusCode.NotFound, elsewhere.StatusCode);
        Assert.Equal("unknown_url", (string?)(await elsewhere.ErrorAsync())["code"]);
        Assert.NotNull(elsewhere.Header("x-request-id"));
        Assert.Equal(HttpStatusCode.MethodNotAllowed, method.StatusCode);
        Assert.Equal("POST", method.Content.Headers.Allow.Single());
        await method.ErrorAsync();
        using var odd = await edge.Client.SendAsync(new HttpRequestMessage(new HttpMethod("BREW"), "/v1/chat/completions"), TestContext.Current.CancellationToken);
        Assert.Equal((HttpStatusCode.MethodNotAllowed, "method_not_supported"), (odd.StatusCode, (string?)(await odd.ErrorAsync())["code"]));
    }

    [Fact]
    public async Task Models_ListsAndFindsWhatIsServed()
    {
        await using var edge = await EdgeFixture.StartAsync(model: model => model["aliases"] = new JsonArray("vendor/alias"));

        var list = JsonNode.Parse(await edge.Client.GetStringAsync(new Uri("/v1/models", UriKind.Relative), TestContext.Current.CancellationToken))!;
        var one = JsonNode.Parse(await edge.Client.GetStringAsync(new Uri("/v1/models/test-model", UriKind.Relative), TestContext.Current.CancellationToken))!;
        using var none = await edge.Client.GetAsync(new Uri("/v1/models/a/b", UriKind.Relative), TestContext.Current.CancellationToken);

        Assert.Equal("list", (string?)list["object"]);
        Assert.Equal(["test-model", "vendor/alias"], list["data"]!.AsArray().Select(model => (string?)model!["id"]));
        foreach (var path in new[] { "vendor/alias", "vendor%2Falias" })
        {
            var alias = JsonNode.Parse(await edge.Client.GetStringAsync($"/v1/models/{path}", TestContext.Current.CancellationToken))!;
            Assert.Equal("vendor/alias", (string?)alias["id"]);
        }

        Assert.Equal("model", (string?)one["object"]);
        Assert.Equal("tests", (string?)one["owned_by"]);
        Assert.Equal(HttpStatusCode.NotFound, none.StatusCode);
        Assert.Equal("model_not_found", (string?)(await none.ErrorAsync())["code"]);
    }

    [Theory]
    [InlineData(AdmitOutcome.UnknownKey, 401, "invalid_api_key")]
    [InlineData(AdmitOutcome.KeyDisabled, 403, "key_disabled")]
    [InlineData(AdmitOutcome.AccountSuspended, 403, "account_suspended")]
    [InlineData(AdmitOutcome.Unavailable, 503, "service_unavailable")]
    public async Task Models_KeyNotInForce_IsRefused(AdmitOutcome outcome, int status, string code)
    {
        await using var edge = await EdgeFixture.StartAsync();
        edge.Account.OnFindKey = _ => new KeyAnswer { Outcome = outcome, Epoch = 1 };

        foreach (var path in new[] { "/v1/models", "/v1/models/test-model" })
        {
            using var response = await edge.Client.GetAsync(new Uri(path, UriKind.Relative), TestContext.Current.CancellationToken);

            Assert.Equal(status, (int)response.StatusCode);
            Assert.Equal(code, (string?)(await response.ErrorAsync())["code"]);
            Assert.Equal(status == 503, response.Header("retry-after") is not null);
        }
    }

    [Fact]
    public async Task Models_NotOnTheKeysList_AreNotShown()
    {
        await using var edge = await EdgeFixture.StartAsync();
        edge.Account.OnFindKey = _ => new KeyAnswer { Outcome = AdmitOutcome.Admitted, Epoch = 1, Models = ["other"] };

        var list = JsonNode.Parse(await edge.Client.GetStringAsync(new Uri("/v1/models", UriKind.Relative), TestContext.Current.CancellationToken))!;
        using var alias = await edge.Client.GetAsync(new Uri("/v1/models/test-alias", UriKind.Relative), TestContext.Current.CancellationToken);

        Assert.Empty(list["data"]!.AsArray());
        Assert.Equal(HttpStatusCode.Forbidden, alias.StatusCode);
        Assert.Equal("model_not_allowed", (string?)(await alias.ErrorAsync())["code"]);
    }

    private static async Task<string> ReadToEndAsync(NetworkStream stream)
    {
        try
        {
            using var reader = new StreamReader(stream);
            return await reader.ReadToEndAsync(TestContext.Current.CancellationToken);
        }
        catch (IOException)
        {
            // A reset is an answer too.
            return "";
        }
    }
}
