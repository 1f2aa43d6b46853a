using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Tests.Integration.Edge.Cases;
using OrleansGateway.Tests.Programs.Faults;
using Xunit;
using static OrleansGateway.Tests.Integration.Edge.Cases.Wire;

namespace OrleansGateway.Tests.Integration.Edge;

/// <summary>What is held for a request, and that no stream costs more. Per million tokens: input $1, output $10.</summary>
public sealed class BoundTests
{
    private const int Cap = 100;

    /// <summary>A provider whose cap does not count all that it makes is stopped at what is held; the client gets an end as of a length limit.</summary>
    [Theory]
    [InlineData("reasoning_content")]
    [InlineData("content")]
    public async Task Stream_BeyondItsCap_EndsAsAtTheLengthLimit(string field)
    {
        await using var backend = new Backend(_ =>
            [Step.Send(Stream([.. Enumerable.Repeat(Delta($$"""{"{{field}}":"some words of an answer "}"""), 1000)])), Step.Silence]);
        await using var edge = await EdgeFixture.StartAsync(provider: (_, provider) => provider["base_url"] = backend.Url);

        using var response = await edge.PostAsync(Body(stream: true, body => body["max_tokens"] = Cap));

        var text = await response.TextAsync();
        Assert.EndsWith(Done, text, StringComparison.Ordinal);
        Assert.Contains("\"finish_reason\":\"length\"", text, StringComparison.Ordinal);
        Assert.DoesNotContain("og_notice", text, StringComparison.Ordinal);
        var settled = Assert.Single(edge.Account.Settled);
        Assert.Equal((RequestStatus.Completed, (long)Cap), (settled.Status, settled.Usage.TotalOutput));
        Assert.InRange(settled.CostNanos, 1, Assert.Single(edge.Account.Admitted).MostNanos);
    }

    /// <summary>Text that the estimate takes for twice the tokens that it has is not cut: only what cannot be within the cap is.</summary>
    [Fact]
    public async Task Stream_WhoseTextIsEstimatedTooHigh_IsNotCut()
    {
        await using var backend = new Backend(_ => [Step.Send(Stream(Text(new string('é', 6 * Cap / 2)), Fin(reason: "stop"), Use(10, Cap), Done))]);
        await using var edge = await EdgeFixture.StartAsync(provider: (_, provider) => provider["base_url"] = backend.Url);

        using var response = await edge.PostAsync(Body(stream: true, body => body["max_tokens"] = Cap));

        Assert.Contains("\"finish_reason\":\"stop\"", await response.TextAsync(), StringComparison.Ordinal);
        Assert.Equal(10_000 + (Cap * 10_000), Assert.Single(edge.Account.Settled).CostNanos);
    }

    /// <summary>A hold that cannot grow ends the stream while what is held still covers the most that it can cost.</summary>
    [Fact]
    public async Task Stream_WhoseHoldDoesNotGrow_NeverCostsMoreThanIsHeld()
    {
        // A long prompt in bytes, few tokens by the estimate: between the two there is room for much output.
        await using var backend = new Backend(_ =>
            [Step.Send(Stream([.. Enumerable.Repeat(Text("some words of an answer "), 500)])), Step.Silence]);
        await using var edge = await EdgeFixture.StartAsync(provider: (_, provider) => provider["base_url"] = backend.Url);
        edge.Account.OnAdmit = request => Task.FromResult(FakeAccount.Admit(request, most: false));
        edge.Account.OnExtend = request => Task.FromResult(new ExtendAnswer(ExtendOutcome.Refused, 1, request.Ticket.TotalNanos));

        using var response = await edge.PostAsync(Body(stream: true, body => body["messages"]![0]!["content"] = new string('x', 20_000)));

        Assert.Contains(": og_notice: ", await response.TextAsync(), StringComparison.Ordinal);
        var settled = Assert.Single(edge.Account.Settled);
        Assert.Equal(RequestStatus.FundsExhausted, settled.Status);

        // The provider's own count of the prompt may be a token a byte: even then the charge would be covered.
        var held = Assert.Single(edge.Account.Admitted).LeastNanos;
        Assert.InRange((20_000 * 1000) + (settled.Usage.TotalOutput * 10_000), 1, held);
    }

    /// <summary>The same where the provider reports as it goes, and where one of two choices has ended: what was dropped is not charged, and every choice ends.</summary>
    [Fact]
    public async Task Stream_WhoseHoldDoesNotGrow_IsChargedForWhatTheClientGot()
    {
        string Piece(int index, int completion, string? end = null) =>
            $$$"""data: {"id":"c1","choices":[{"index":{{{index}}},"delta":{"content":"some words of an answer "},"finish_reason":{{{end ?? "null"}}}}],"usage":{{{Usage(20_000, completion)}}}}""" + "\n\n";
        await using var backend = new Backend(_ =>
            [Step.Send(Stream([Piece(0, 10), Piece(1, 10), Piece(1, 20, "\"stop\""), .. Enumerable.Range(1, 500).Select(number => Piece(0, 20 + (10 * number)))])), Step.Silence]);
        await using var edge = await EdgeFixture.StartAsync(provider: (_, provider) => provider["base_url"] = backend.Url);
        edge.Account.OnAdmit = request => Task.FromResult(FakeAccount.Admit(request, most: false));
        edge.Account.OnExtend = request => Task.FromResult(new ExtendAnswer(ExtendOutcome.Refused, 1, request.Ticket.TotalNanos));

        using var response = await edge.PostAsync(Body(stream: true, body =>
        {
            body["messages"]![0]!["content"] = new string('x', 20_000);
            body["n"] = 2;
        }));

        var ends = StreamReading.Payloads(await response.TextAsync()).Where(payload => payload != "[DONE]").Select(payload => JsonNode.Parse(payload)!["choices"]?.AsArray() is [{ } choice] ? ((int)choice["index"]!, (string?)choice["finish_reason"]) : default)
            .Where(end => end.Item2 is not null).ToList();
        Assert.Equal([0, 1], ends.Select(end => end.Item1).Order());
        Assert.InRange(Assert.Single(edge.Account.Settled).CostNanos, 1, Assert.Single(edge.Account.Admitted).LeastNanos);
    }

    /// <summary>A provider that answers whole where a stream was asked for: the first slice alone is held, and more is not given away.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task WholeAnswerForAStream_IsCoveredBeforeItIsSent(bool grows)
    {
        await using var backend = new Backend(_ => [Step.Send(Http(Whole(Usage(10, 4000))))]);
        await using var edge = await EdgeFixture.StartAsync(provider: (_, provider) => provider["base_url"] = backend.Url);
        edge.Account.OnAdmit = request => Task.FromResult(FakeAccount.Admit(request, most: false));
        if (!grows)
        {
            edge.Account.OnExtend = request => Task.FromResult(new ExtendAnswer(ExtendOutcome.Refused, 1, request.Ticket.TotalNanos));
        }

        using var response = await edge.PostAsync(Body(stream: true, _ => { }));

        var text = await response.TextAsync();
        var settled = Assert.Single(edge.Account.Settled);
        Assert.EndsWith(Done, text, StringComparison.Ordinal);
        Assert.Equal(grows ? "hi" : "", StreamReading.Content(text));
        Assert.Contains(grows ? "\"stop\"" : "\"length\"", text, StringComparison.Ordinal);
        Assert.Equal(grows ? 10_000 + (4000 * 10_000) : 10_000, settled.CostNanos);
        Assert.True(!grows || !edge.Account.Extended.IsEmpty);
    }

    /// <summary>A short answer of long words is within its cap, and reasoning that is told under two names counts once.</summary>
    [Theory]
    [InlineData("""{"content":" Donaudampfschifffahrtsgesellschaft"}""", 1)]
    [InlineData("""{"reasoning":"@","reasoning_content":"@"}""", 120)]
    public async Task Stream_WithinItsCap_IsNotCut(string delta, int cap)
    {
        var sent = Delta(delta.Replace("@", string.Concat(Enumerable.Repeat("some words ", 6)), StringComparison.Ordinal));
        await using var backend = new Backend(_ => [Step.Send(Stream([.. Enumerable.Repeat(sent, cap == 1 ? 1 : 10)])), Step.Send(Fin() + Use(10, cap) + Done)]);
        await using var edge = await EdgeFixture.StartAsync(provider: (_, provider) => provider["base_url"] = backend.Url);

        using var response = await edge.PostAsync(Body(stream: true, body => body["max_tokens"] = cap));

        Assert.Contains("\"finish_reason\":\"stop\"", await response.TextAsync(), StringComparison.Ordinal);
        Assert.Equal(10_000 + (cap * 10_000), Assert.Single(edge.Account.Settled).CostNanos);
    }

    /// <summary>The same bytes of the provider cost the same, whenever the client leaves.</summary>
    [Theory]
    [InlineData("cancel")]
    [InlineData("drain")]
    public async Task ClientGone_SameBytesOfTheProvider_SameCharge(string policy)
    {
        const int Times = 200;
        await using var backend = new Backend(_ => [Step.Send(Stream(Text("some words of an answer"))), Step.Silence]);
        await using var edge = await EdgeFixture.StartAsync(
            provider: (_, provider) => provider["base_url"] = backend.Url,
            channel: (_, channel) => channel["on_client_gone"] =
                policy == "cancel" ? "cancel" : JsonNode.Parse("""{"drain":{"max_ms":1,"max_tokens":100}}"""));

        for (var i = 0; i < Times; i++)
        {
            using var response = await edge.PostAsync(Body(stream: true, _ => { }));
            await using var stream = await response.Content.ReadAsStreamAsync(TestContext.Current.CancellationToken);

            // At one or another byte of the text.
            await stream.ReadAtLeastAsync(new byte[(i % 3 * 40) + 1], (i % 3 * 40) + 1, throwOnEndOfStream: false, TestContext.Current.CancellationToken);
        }

        await Load.UntilAsync(() => edge.Account.Settled.Count == Times, "all to be settled");
        Assert.Single(edge.Account.Settled.Select(settled => settled.CostNanos).Distinct());
        Assert.All(edge.Account.Settled, settled => Assert.True(settled.CostNanos > 0));
    }

    /// <summary>Of a client that left nothing is charged before there was any output, and pictures count when there was.</summary>
    [Theory]
    [InlineData(false, 0)]
    [InlineData(true, 85)]
    public async Task ClientGone_WithAPicture_ChargesItByTheModelsRule(bool hasOutput, int pictureTokens)
    {
        // 64 × 64 pixels.
        var png = Convert.ToBase64String([0x89, .. "PNG\r\n\u001a\n"u8, 0, 0, 0, 13, .. "IHDR"u8, 0, 0, 0, 64, 0, 0, 0, 64, 8, 6, 0, 0, 0, 0, 0, 0, 0]);
        await using var backend = new Backend(_ => [Step.Send(Stream(hasOutput ? Text("some words") : Delta("""{"role":"assistant"}"""))), Step.Silence]);
        await using var edge = await EdgeFixture.StartAsync(
            provider: (_, provider) => provider["base_url"] = backend.Url,
            model: model =>
            {
                model["modalities"] = JsonNode.Parse("""{"input":["text","image"],"output":["text"]}""");
                model["bounds"] = JsonNode.Parse("""{"image_tokens":1445,"image_squares":{"side":512,"base":0,"tokens":85}}""");
            });

        using var leave = new CancellationTokenSource();
        var posting = SendAsync(
            edge, Body(stream: true, body => body["messages"]![0]!["content"] = JsonNode.Parse(
                $$"""[{"type":"image_url","image_url":{"url":"data:image/png;base64,{{png}}"} }]""")), leave.Token);
        await Load.UntilAsync(() => !backend.Requests.IsEmpty, "the request");
        if (hasOutput)
        {
            using var response = await posting;
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        }
        else
        {
            await leave.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => posting);
        }

        await Load.UntilAsync(() => !edge.Account.Settled.IsEmpty, "the settlement");
        var settled = Assert.Single(edge.Account.Settled);
        Assert.InRange(settled.Usage.TotalInput, pictureTokens, pictureTokens + (hasOutput ? 10 : 0));

        // The hold has the picture by its size, not by the window.
        Assert.InRange(Assert.Single(edge.Account.Admitted).LeastNanos, 1, 10_000_000);
    }

    private static async Task<HttpResponseMessage> SendAsync(EdgeFixture edge, JsonObject body, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "v1/chat/completions")
        {
            Content = new StringContent(body.ToJsonString(), Encoding.UTF8, "application/json"),
        };
        request.Headers.Authorization = new("Bearer", edge.Key);
        return await edge.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
    }

    private static JsonObject Body(bool stream, Action<JsonObject> change)
    {
        var body = new JsonObject
        {
            ["model"] = "test-model", ["messages"] = new JsonArray(new JsonObject { ["role"] = "user", ["content"] = "hi" }), ["stream"] = stream,
        };
        change(body);
        return body;
    }
}
