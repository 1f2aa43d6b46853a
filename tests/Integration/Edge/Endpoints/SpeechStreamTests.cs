using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Grains.Contracts.Pricing;
using Xunit;

namespace OrleansGateway.Tests.Integration.Edge.Endpoints;

/// <summary>Speech goes out as it comes, but for its last part, which is paid for first.</summary>
public sealed class SpeechStreamTests
{
    private const string Path = "/v1/audio/speech";

    private const string Done = "data: {\"type\":\"speech.audio.done\",\"usage\":{\"input_tokens\":4,\"output_tokens\":30,\"total_tokens\":34}}\n\n";

    private static readonly byte[] Sound = [.. Enumerable.Range(0, 40_000).Select(static i => (byte)i)];

    private static readonly JsonObject ByCharacters = new() { ["per_million"] = new JsonObject { ["input"] = 0, ["output"] = 0, ["characters"] = 15 } };

    [Fact]
    public async Task Speak_ByCharacters_PassesOnBeforeItIsSettledAndHoldsBackTheEnd()
    {
        await using var edge = await EndpointEdge.StartAsync(Sound, "audio/mpeg", ByCharacters);
        var settling = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        edge.Edge.Account.OnSettle = async request =>
        {
            await settling.Task;
            return new SettleAnswer(SettleOutcome.Committed, 1, request.CostNanos, 0);
        };

        using var response = await SendAsync(edge, """{"model":"test-model","input":"Hello.","voice":"alloy"}""");
        Assert.Equal((HttpStatusCode.OK, "audio/mpeg"), (response.StatusCode, response.Content.Headers.ContentType!.ToString()));
        await using var stream = await response.Content.ReadAsStreamAsync(TestContext.Current.CancellationToken);
        var got = new byte[Sound.Length];
        await stream.ReadExactlyAsync(got.AsMemory(0, Sound.Length - 8192), TestContext.Current.CancellationToken);
        var rest = stream.ReadExactlyAsync(got.AsMemory(Sound.Length - 8192), TestContext.Current.CancellationToken);
        Assert.False(rest.IsCompleted);
        settling.SetResult();
        await rest;

        Assert.Equal(Sound, got);
        Assert.Equal(0, await stream.ReadAsync(new byte[1], TestContext.Current.CancellationToken));
        Assert.Equal((6, 90_000), (edge.Settled.Usage[Unit.Characters], edge.Settled.CostNanos));
    }

    [Fact]
    public async Task Speak_ByCharactersNotSettled_CutsTheConnectionBeforeTheEnd()
    {
        await using var edge = await EndpointEdge.StartAsync(Sound, "audio/mpeg", ByCharacters);
        edge.Edge.Account.OnSettle = request => Task.FromResult(new SettleAnswer(SettleOutcome.ClosedByLease, 1, 0, 0));
        using var response = await SendAsync(edge, """{"model":"test-model","input":"Hello.","voice":"alloy"}""");

        await Assert.ThrowsAnyAsync<Exception>(() => response.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Speak_ByCharactersThatBreaksOff_CutsTheConnectionAndChargesWhatTheProviderDoes()
    {
        await using var edge = await EndpointEdge.StartAsync(Sound, "audio/mpeg", ByCharacters, missing: 10_000);
        using var response = await SendAsync(edge, """{"model":"test-model","input":"Hello.","voice":"alloy"}""");

        await Assert.ThrowsAnyAsync<Exception>(() => response.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken));
        Assert.Equal((90_000, RequestStatus.ProviderError), (edge.Settled.CostNanos, edge.Settled.Status));
    }

    [Fact]
    public async Task Speak_ByCharactersWithAnIdempotencyKey_IsKeptForItsRepeat()
    {
        await using var edge = await EndpointEdge.StartAsync(Sound, "audio/mpeg", ByCharacters);
        using var response = await SendAsync(edge, """{"model":"test-model","input":"Hello.","voice":"alloy"}""", "once");

        Assert.Equal(Sound.Length, response.Content.Headers.ContentLength);
        Assert.Equal("0.00009", response.Headers.GetValues("x-og-cost").Single());
    }

    [Theory]
    [InlineData("")]
    [InlineData(""","stream_format":"audio" """)]
    public async Task Speak_ByTokens_IsAskedForAsEventsAndHandedOutAsBytes(string format)
    {
        var events = new StringBuilder();
        foreach (var part in Sound.Chunk(10_000))
        {
            events.Append("data: {\"type\":\"speech.audio.delta\",\"audio\":\"").Append(Convert.ToBase64String(part).Replace("/", "\\/", StringComparison.Ordinal)).Append("\"}\n\n");
        }

        events.Append("data: {\"type\":\"speech.audio.done\",\"usage\":{\"input_tokens\":4,\"output_tokens\":30,\"total_tokens\":34}}\n\n");
        await using var edge = await EndpointEdge.StartAsync(Encoding.UTF8.GetBytes(events.ToString()), "text/event-stream", model: Speaks);
        var answer = await edge.PostAsync(Path, $$"""{"model":"test-model","input":"Hello.","voice":"alloy","response_format":"wav"{{format}}}""");

        Assert.Equal((HttpStatusCode.OK, "audio/wav"), (answer.Status, answer.Type));
        Assert.Equal(Sound, answer.Bytes);
        Assert.Equal("sse", (string?)JsonNode.Parse(edge.SentBody)!["stream_format"]);
        Assert.Equal((4, 30, false), (edge.Settled.Usage[Unit.Input], edge.Settled.Usage[Unit.AudioOutput], edge.Settled.Usage.IsEstimated));
    }

    [Fact]
    public async Task Speak_ByTokensThatBreaksOffBeforeItsUsage_CutsTheConnectionAndIsCharged()
    {
        var delta = "data: {\"type\":\"speech.audio.delta\",\"audio\":\"" + Convert.ToBase64String(Sound) + "\"}\n\n";
        await using var edge = await EndpointEdge.StartAsync(Encoding.UTF8.GetBytes(delta + delta), "text/event-stream", model: Speaks, missing: 100);
        using var response = await SendAsync(edge, """{"model":"test-model","input":"Hello.","voice":"alloy"}""");

        Assert.Equal("audio/mpeg", response.Content.Headers.ContentType!.ToString());
        await Assert.ThrowsAnyAsync<Exception>(() => response.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken));
        Assert.Equal(RequestStatus.ProviderError, edge.Settled.Status);

        // 1.7 s of samples, which are 2 begun ones.
        Assert.Equal((40, true), (edge.Settled.Usage[Unit.AudioOutput], edge.Settled.Usage.IsEstimated));
        Assert.InRange(edge.Settled.CostNanos, 1, edge.Settled.Ticket.TotalNanos);
    }

    [Fact]
    public async Task Speak_ByTokensNotSettled_WithholdsTheLastSoundThoughAnEmptyPartFollows()
    {
        var events = string.Concat(Sound.Chunk(10_000).Append([]).Select(Delta)) + Done;
        await using var edge = await EndpointEdge.StartAsync(Encoding.UTF8.GetBytes(events), "text/event-stream", model: Speaks);
        var settling = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        edge.Edge.Account.OnSettle = async request =>
        {
            await settling.Task;
            return new SettleAnswer(SettleOutcome.ClosedByLease, 1, 0, 0);
        };

        using var response = await SendAsync(edge, """{"model":"test-model","input":"Hello.","voice":"alloy"}""");
        await using var stream = await response.Content.ReadAsStreamAsync(TestContext.Current.CancellationToken);
        await stream.ReadExactlyAsync(new byte[30_000], TestContext.Current.CancellationToken);
        settling.SetResult();

        await Assert.ThrowsAnyAsync<Exception>(async () => await stream.ReadExactlyAsync(new byte[10_000], TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Speak_ByTokensInOnePart_IsSoundOfTheTypeThatWasAskedFor()
    {
        await using var edge = await EndpointEdge.StartAsync(Encoding.UTF8.GetBytes(Delta(Sound) + Done), "text/event-stream", model: Speaks);
        var answer = await edge.PostAsync(Path, """{"model":"test-model","input":"Hello.","voice":"alloy"}""");

        Assert.Equal((HttpStatusCode.OK, "audio/mpeg"), (answer.Status, answer.Type));
        Assert.Equal(Sound, answer.Bytes);
    }

    [Fact]
    public async Task Speak_ByTokensWithAnIdempotencyKey_IsAskedForWholeAndKept()
    {
        await using var edge = await EndpointEdge.StartAsync(Sound, "audio/mpeg", model: Speaks);
        using var response = await SendAsync(edge, """{"model":"test-model","input":"Hello.","voice":"alloy"}""", "once");

        Assert.Equal(Sound.Length, response.Content.Headers.ContentLength);
        Assert.DoesNotContain("stream_format", edge.SentBody, StringComparison.Ordinal);
        Assert.True(edge.Settled.CostNanos > 0);
    }

    [Fact]
    public async Task Speak_ByTokensOnAChannelThatTakesNoAddedFields_IsAskedForAsItWas()
    {
        await using var edge = await EndpointEdge.StartAsync(Sound, "audio/mpeg", model: Speaks, channel: channel => channel["supports_stream_usage"] = false);
        var answer = await edge.PostAsync(Path, """{"model":"test-model","input":"Hello.","voice":"alloy"}""");

        Assert.Equal(Sound, answer.Bytes);
        Assert.DoesNotContain("stream_format", edge.SentBody, StringComparison.Ordinal);
    }

    private static string Delta(byte[] sound) => "data: {\"type\":\"speech.audio.delta\",\"audio\":\"" + Convert.ToBase64String(sound) + "\"}\n\n";

    private static void Speaks(JsonObject model) => model["modalities"] = new JsonObject { ["output"] = new JsonArray("audio") };

    private static Task<HttpResponseMessage> SendAsync(EndpointEdge edge, string json, string? idempotencyKey = null)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, Path) { Content = new StringContent(json, Encoding.UTF8, "application/json") };
        if (idempotencyKey is not null)
        {
            request.Headers.Add("Idempotency-Key", idempotencyKey);
        }

        return edge.Edge.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, TestContext.Current.CancellationToken);
    }
}
