using System.Net;
using System.Text.Json.Nodes;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Grains.Contracts.Pricing;
using Xunit;

namespace OrleansGateway.Tests.Integration.Edge;

public sealed class ProviderFailureTests
{
    public static TheoryData<string> MovesOn => new()
    {
        """{"error":500}""", """{"error":503}""", """{"error":429}""", """{"error":401}""", """{"error":402}""", """{"error":403}""", """{"error":404}""",
        """{"error":301}""", """{"malformed":true}""", """{"break_after":0}""",
    };

    [Theory]
    [MemberData(nameof(MovesOn))]
    public async Task Post_FirstChannelFailsBeforeTheFirstByte_TheNextServes(string behaviour)
    {
        foreach (var stream in new[] { false, true })
        {
            await using var edge = await EdgeFixture.StartAsync(2, (_, channel) => channel["times"] = new JsonObject { ["first_byte_ms"] = 500 });
            edge.Provider.Defaults = edge.Provider.Defaults.With(JsonNode.Parse(behaviour)!.AsObject());

            using var response = await edge.PostAsync(EdgeFixture.Body(stream, change: body => body.Remove("sim")));

            Assert.True(response.StatusCode == HttpStatusCode.OK, await response.TextAsync());
            var settled = Assert.Single(edge.Account.Settled);
            Assert.Equal("channel-1", settled.Ticket.Channel);
            Assert.Equal(RequestStatus.Completed, settled.Status);
        }
    }

    [Theory]
    [InlineData(400, null, 400)]
    [InlineData(413, null, 413)]
    [InlineData(422, null, 422)]
    [InlineData(400, "content_filter", 400)]
    public async Task Post_ProviderRefusesTheRequest_IsPassedOnOnceAndScrubbed(int error, string? code, int status)
    {
        await using var edge = await EdgeFixture.StartAsync(2);

        using var response = await edge.PostAsync(EdgeFixture.Body(sim: new
        {
            error,
            error_code = code,
            error_message = $"Bad value; key {EdgeFixture.ProviderKey} at {edge.Provider.BaseAddress} of org-abc123XYZ",
            error_type = "invalid_request_error",
        }));

        var message = (string)(await response.ErrorAsync())["message"]!;
        Assert.Equal(status, (int)response.StatusCode);
        Assert.Contains("Bad value", message, StringComparison.Ordinal);
        Assert.DoesNotContain(EdgeFixture.ProviderKey, message, StringComparison.Ordinal);
        Assert.DoesNotContain("127.0.0.1", message, StringComparison.Ordinal);
        Assert.DoesNotContain("org-abc", message, StringComparison.Ordinal);
        Assert.Empty(edge.Providers[1].Requests);
        var settled = Assert.Single(edge.Account.Settled);
        Assert.Equal(0, settled.CostNanos);
        Assert.Equal(RequestStatus.ProviderRefused, settled.Status);
    }

    [Fact]
    public async Task Post_EveryChannelFails_IsTheirErrorAndFree()
    {
        await using var edge = await EdgeFixture.StartAsync(5, settings: [new("Edge:MaxAttempts", "3")]);
        foreach (var provider in edge.Providers)
        {
            provider.Defaults = provider.Defaults.With(new JsonObject { ["error"] = 503, ["retry_after"] = 7 });
        }

        using var response = await edge.PostAsync(EdgeFixture.Body(change: body => body.Remove("sim")));

        Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
        Assert.Equal("7", response.Header("retry-after"));
        await response.ErrorAsync();
        Assert.Equal(3, edge.Providers.Sum(provider => provider.Requests.Count));
        Assert.Equal(0, Assert.Single(edge.Account.Settled).CostNanos);
    }

    [Theory]
    [InlineData("""{"error":500}""", 503, "15")]
    [InlineData("""{"error":502}""", 503, "15")]
    [InlineData("""{"error":408}""", 503, "15")]
    [InlineData("""{"error":409}""", 503, "15")]
    [InlineData("""{"error":503,"retry_after":600}""", 503, "60")]
    [InlineData("""{"error":401}""", 502, null)]
    [InlineData("""{"error":402}""", 503, "15")]
    [InlineData("""{"break_after":-1}""", 503, "15")]
    [InlineData("""{"break_after":0}""", 503, "15")]
    [InlineData("""{"malformed":true}""", 502, null)]
    [InlineData("""{"hang_after":-1}""", 504, null)]
    public async Task Post_ProviderFailsBeforeTheFirstByte_TellsWhenToTryAgain(string sim, int status, string? retryAfter)
    {
        await using var edge = await EdgeFixture.StartAsync(channel: (_, channel) => channel["times"] = new JsonObject { ["first_byte_ms"] = 500 });

        using var response = await edge.PostAsync(EdgeFixture.Body(change: body => body["sim"] = JsonNode.Parse(sim)));

        Assert.Equal(status, (int)response.StatusCode);
        Assert.Equal("server_error", (string?)(await response.ErrorAsync())["type"]);
        Assert.Equal(retryAfter, response.Header("retry-after"));
    }

    [Fact]
    public async Task Post_ProviderNotThere_Is503()
    {
        await using var edge = await EdgeFixture.StartAsync();
        await edge.Provider.DisposeAsync();

        using var response = await edge.PostAsync(EdgeFixture.Body());

        Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
        Assert.Equal("server_error", (string?)(await response.ErrorAsync())["type"]);
        Assert.NotNull(response.Header("retry-after"));
    }

    [Fact]
    public async Task Post_FirstProviderNotThere_TheNextServesAndNoAttemptIsExtra()
    {
        await using var edge = await EdgeFixture.StartAsync(2);
        await edge.Provider.DisposeAsync();

        using var response = await edge.PostAsync(EdgeFixture.Body());

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        var ticket = Assert.Single(edge.Account.Settled).Ticket;
        Assert.Equal(("channel-1", 0), (ticket.Channel, ticket.ExtraAttempts));
    }

    [Fact]
    public async Task Post_ChannelOutOfFunds_RestsFirmly()
    {
        await using var edge = await EdgeFixture.StartAsync();
        edge.Provider.Defaults = edge.Provider.Defaults.With(new JsonObject { ["error"] = 429, ["error_code"] = "insufficient_quota" });

        using var first = await edge.PostAsync(EdgeFixture.Body(change: body => body.Remove("sim")));
        using var second = await edge.PostAsync(EdgeFixture.Body(change: body => body.Remove("sim")));

        Assert.Equal(HttpStatusCode.ServiceUnavailable, first.StatusCode);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, second.StatusCode);
        Assert.Equal("no_channel", (string?)(await second.ErrorAsync())["code"]);
        Assert.NotNull(second.Header("retry-after"));
        Assert.Single(edge.Provider.Requests);
    }

    [Theory]
    [InlineData("""{"tokens":20,"break_after":4}""")]
    [InlineData("""{"tokens":20,"error_after":4}""")]
    [InlineData("""{"tokens":20,"broken_json":4}""")]
    public async Task Post_StreamBreaksAfterTheFirstByte_EndsWithAnErrorEventAndIsChargedForWhatCame(string sim)
    {
        await using var edge = await EdgeFixture.StartAsync(2);

        using var response = await edge.PostAsync(EdgeFixture.Body(stream: true, change: body => body["sim"] = JsonNode.Parse(sim)));

        var text = await response.CutTextAsync();
        var last = StreamReading.Payloads(text).Last();
        Assert.NotNull(JsonNode.Parse(last)!["error"]!["message"]);
        Assert.DoesNotContain("[DONE]", text, StringComparison.Ordinal);
        Assert.Empty(edge.Providers[1].Requests);
        var settled = Assert.Single(edge.Account.Settled);
        Assert.True(settled.Usage.IsEstimated);
        Assert.True(settled.Usage[Unit.Output] > 0);
        Assert.True(settled.CostNanos > 0);
        Assert.Equal(RequestStatus.ProviderError, settled.Status);
    }

    [Fact]
    public async Task Post_OnlyCommentsCome_TheStreamIsStalledAllTheSame()
    {
        await using var edge = await EdgeFixture.StartAsync(channel: (_, channel) => channel["times"] = new JsonObject { ["idle_ms"] = 600 });

        using var response = await edge.PostAsync(EdgeFixture.Body(stream: true, sim: new { tokens = 20, hang_after = 4, comments = 50 }));

        var text = await response.CutTextAsync();
        Assert.Equal("provider_timeout", (string?)JsonNode.Parse(StreamReading.Payloads(text).Last())!["error"]!["code"]);
        Assert.Equal(RequestStatus.TimedOut, Assert.Single(edge.Account.Settled).Status);
    }

    [Fact]
    public async Task Post_ProviderIsSilent_TheClientGetsKeepAlivesBetweenEvents()
    {
        await using var edge = await EdgeFixture.StartAsync(settings: [new("Edge:KeepAliveMs", "150"), new("Edge:FirstKeepAliveMs", "150")]);

        using var response = await edge.PostAsync(EdgeFixture.Body(stream: true, sim: new { tokens = 3, first_byte_ms = 700, token_rate = 3 }));

        var text = await response.TextAsync();
        Assert.StartsWith(": keep-alive\n\n", text, StringComparison.Ordinal);
        Assert.Contains("}\n\n: keep-alive\n\ndata: ", text, StringComparison.Ordinal);
        Assert.EndsWith("data: [DONE]\n\n", text, StringComparison.Ordinal);
        Assert.Equal(3, Assert.Single(edge.Account.Settled).Usage[Unit.Output]);
    }

    [Fact]
    public async Task Post_UsageMissing_IsEstimatedAndSaysSo()
    {
        foreach (var stream in new[] { false, true })
        {
            await using var edge = await EdgeFixture.StartAsync();

            using var response = await edge.PostAsync(EdgeFixture.Body(stream, new { tokens = 12, missing_usage = true }));

            await response.TextAsync();
            var settled = Assert.Single(edge.Account.Settled);
            Assert.True(settled.Usage.IsEstimated);
            Assert.True(settled.Usage[Unit.Output] > 0);
            Assert.Equal(RequestStatus.Completed, settled.Status);
        }
    }

    [Fact]
    public async Task Post_UsageIsZeroBesideOutput_IsMetered()
    {
        foreach (var stream in new[] { false, true })
        {
            await using var edge = await EdgeFixture.StartAsync();

            using var response = await edge.PostAsync(EdgeFixture.Body(stream, new
            {
                tokens = 12,
                usage = new { prompt_tokens = 0, completion_tokens = 0, total_tokens = 0 },
            }));

            await response.TextAsync();
            var settled = Assert.Single(edge.Account.Settled);
            Assert.True(settled.Usage.IsEstimated);
            Assert.NotEqual(0, settled.CostNanos);
        }
    }

    [Fact]
    public async Task Post_NoDoneOrFinalNewline_TheClientStillGetsAWholeStream()
    {
        await using var edge = await EdgeFixture.StartAsync();

        using var response = await edge.PostAsync(EdgeFixture.Body(stream: true, new { tokens = 5, no_done = true, no_final_newline = true }));

        Assert.EndsWith("data: [DONE]\n\n", await response.TextAsync(), StringComparison.Ordinal);
        Assert.Equal(RequestStatus.Completed, Assert.Single(edge.Account.Settled).Status);
    }

    [Theory]
    [InlineData("""{"tokens":6,"split":[3,1,7],"line_end":"crlf"}""")]
    [InlineData("""{"tokens":6,"split":2,"line_end":"cr","bom":true}""")]
    [InlineData("""{"tokens":6,"multi_line":true,"no_space":true}""")]
    public async Task Post_HoweverTheStreamIsWritten_TheClientGetsTheSame(string sim)
    {
        await using var edge = await EdgeFixture.StartAsync();
        await AssertSameAsync(edge, await ContentAsync(edge, """{"tokens":6}"""), sim);
    }

    [Fact]
    public async Task Post_StreamInPiecesOfEverySize_TheClientGetsTheSame()
    {
        await using var edge = await EdgeFixture.StartAsync();
        var expected = await ContentAsync(edge, """{"tokens":6}""");
        for (var size = 1; size <= 300; size += size < 40 ? 1 : 13)
        {
            await AssertSameAsync(edge, expected, $$"""{"tokens":6,"split":{{size}}}""");
        }
    }

    private static async Task AssertSameAsync(EdgeFixture edge, string expected, string sim)
    {
        Assert.Equal(6, expected.Split(' ', StringSplitOptions.RemoveEmptyEntries).Length);
        Assert.Equal(expected, await ContentAsync(edge, sim));
        Assert.Equal(6, edge.Account.Settled.Last().Usage[Unit.Output]);
    }

    private static async Task<string> ContentAsync(EdgeFixture edge, string sim)
    {
        using var response = await edge.PostAsync(EdgeFixture.Body(stream: true, change: body => body["sim"] = JsonNode.Parse(sim)));
        var text = await response.TextAsync();
        Assert.EndsWith("data: [DONE]\n\n", text, StringComparison.Ordinal);
        return StreamReading.Content(text);
    }
}
