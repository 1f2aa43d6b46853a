using System.Net;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Grains.Contracts.Pricing;
using Xunit;

namespace OrleansGateway.Tests.Integration.Edge.Endpoints;

public sealed class CompletionTests
{
    private const string Path = "/v1/completions";
    private const string Whole =
        """{"id":"cmpl-1","object":"text_completion","created":1,"model":"up","choices":[{"text":" a time","index":0,"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":2,"completion_tokens":3,"total_tokens":5}}""";

    private static readonly string Stream = Event(" a") + Event(" time") + Event("", "\"stop\"")
        + """data: {"id":"cmpl-1","object":"text_completion","created":1,"model":"up","choices":[],"usage":{"prompt_tokens":2,"completion_tokens":3,"total_tokens":5}}""" + "\n\n"
        + "data: [DONE]\n\n";

    [Theory]
    [InlineData("\"once upon\"", 1)]
    [InlineData("[\"once\",\"upon\"]", 2)]
    [InlineData("[1,2]", 1)]
    [InlineData("[[1],[2]]", 2)]
    public async Task Post_OfPrompts_PassesOnAndIsHeldForAnAnswerEach(string prompt, int prompts)
    {
        await using var edge = await EndpointEdge.StartAsync(Whole);
        var answer = await edge.PostAsync(Path, $$"""{"model":"test-model","prompt":{{prompt}},"max_tokens":20,"n":2,"echo":true}""");
        Assert.Equal((HttpStatusCode.OK, Whole.Replace("\"up\"", "\"test-model\"", StringComparison.Ordinal)), (answer.Status, answer.Text));
        Assert.Equal($$"""{"model":"up","prompt":{{prompt}},"max_tokens":20,"n":2,"echo":true}""", edge.SentBody);
        Assert.Equal((2, 3, 32_000), (edge.Settled.Usage[Unit.Input], edge.Settled.Usage[Unit.Output], edge.Settled.CostNanos));
        var input = prompt.Contains('"', StringComparison.Ordinal) ? prompt.Count(char.IsLetter) + prompt.Count(letter => letter == ' ') : 2;
        Assert.Equal(((input + 64) * 1000) + (prompts * 2 * 20 * 10_000), Assert.Single(edge.Edge.Account.Admitted).MostNanos);
    }

    [Fact]
    public async Task Post_OfManyPrompts_IsNotBoundByTheMostChoices()
    {
        await using var edge = await EndpointEdge.StartAsync(Whole);
        var prompts = string.Join(',', Enumerable.Repeat("\"x\"", 20));
        var answer = await edge.PostAsync(Path, $$"""{"model":"test-model","prompt":[{{prompts}}],"max_tokens":1}""");
        Assert.True(answer.Status == HttpStatusCode.OK, answer.Text);
    }

    [Fact]
    public async Task Post_WithoutALimit_SendsTheUsualOne()
    {
        await using var edge = await EndpointEdge.StartAsync(Whole);
        await edge.PostAsync(Path, """{"model":"test-model","prompt":"x","best_of":3}""");
        Assert.Equal("""{"max_tokens":16,"model":"up","prompt":"x","best_of":3}""", edge.SentBody);
        Assert.Equal(((1 + 64) * 1000) + (3 * 16 * 10_000), Assert.Single(edge.Edge.Account.Admitted).MostNanos);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Post_OfAStream_PassesItOnAndTellsTheUsageIfAsked(bool includeUsage)
    {
        await using var edge = await EndpointEdge.StartAsync(Stream, "text/event-stream");
        var options = includeUsage ? ",\"stream_options\":{\"include_usage\":true}" : "";
        var answer = await edge.PostAsync(Path, $$"""{"model":"test-model","prompt":"x","max_tokens":20,"stream":true{{options}}}""");
        Assert.Equal((HttpStatusCode.OK, "text/event-stream; charset=utf-8"), (answer.Status, answer.Type));
        Assert.Contains("\"stream_options\":{\"include_usage\":true}", edge.SentBody, StringComparison.Ordinal);
        Assert.DoesNotContain("\"up\"", answer.Text, StringComparison.Ordinal);
        Assert.EndsWith("data: [DONE]\n\n", answer.Text, StringComparison.Ordinal);
        Assert.Equal(includeUsage, answer.Text.Contains("\"completion_tokens\":3", StringComparison.Ordinal));
        Assert.Equal(includeUsage ? 3 : 0, answer.Text.Split("\"usage\":null").Length - 1);
        Assert.Equal((2, 3, RequestStatus.Completed), (edge.Settled.Usage[Unit.Input], edge.Settled.Usage[Unit.Output], edge.Settled.Status));
    }

    [Fact]
    public async Task Post_OfAStreamWithoutUsage_CountsTheText()
    {
        await using var edge = await EndpointEdge.StartAsync(Event("once upon a time") + Event("", "\"length\"") + "data: [DONE]\n\n", "text/event-stream");
        var answer = await edge.PostAsync(Path, """{"model":"test-model","prompt":"x","stream":true}""");
        Assert.Contains("\"finish_reason\":\"length\"", answer.Text, StringComparison.Ordinal);
        Assert.Equal((4, true), (edge.Settled.Usage[Unit.Output], edge.Settled.Usage.IsEstimated));
    }

    [Fact]
    public async Task Post_OfAStreamThatBreaksOff_EndsWithAnErrorAndChargesWhatCame()
    {
        await using var edge = await EndpointEdge.StartAsync(Event("once upon a time"), "text/event-stream");
        var answer = await edge.PostAsync(Path, """{"model":"test-model","prompt":"x","stream":true}""");
        Assert.Contains("once upon a time", answer.Text, StringComparison.Ordinal);
        Assert.Contains("data: {\"error\":", answer.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("[DONE]", answer.Text, StringComparison.Ordinal);
        Assert.Equal(4, edge.Settled.Usage[Unit.Output]);
    }

    [Fact]
    public async Task Post_OfAStreamThatTheProviderAnswersWhole_IsOne()
    {
        await using var edge = await EndpointEdge.StartAsync(Whole);
        var answer = await edge.PostAsync(Path, """{"model":"test-model","prompt":"x","stream":true,"stream_options":{"include_usage":true}}""");
        var events = answer.Text.Split("\n\n", StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(3, events.Length);
        Assert.Contains("\"text\":\" a time\"", events[0], StringComparison.Ordinal);
        Assert.Contains("\"choices\":[],\"usage\":{\"prompt_tokens\":2", events[1], StringComparison.Ordinal);
        Assert.Equal("data: [DONE]", events[2]);
        Assert.Equal(3, edge.Settled.Usage[Unit.Output]);
    }

    [Fact]
    public async Task Post_WhoseEndIsNotPaidFor_LacksIt()
    {
        await using var edge = await EndpointEdge.StartAsync(Stream, "text/event-stream");
        edge.Edge.Account.OnSettle = request => Task.FromResult(new SettleAnswer(SettleOutcome.ClosedByLease, 1, 0, 0));
        var answer = await edge.PostAsync(Path, """{"model":"test-model","prompt":"x","stream":true}""");
        Assert.Contains(" time", answer.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("\"stop\"", answer.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("[DONE]", answer.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"model":"test-model","prompt":[1,"a"]}""", "prompt[1]")]
    [InlineData("""{"model":"test-model","prompt":"x","best_of":2,"n":3}""", "best_of")]
    [InlineData("""{"model":"test-model","prompt":"x","best_of":2,"stream":true}""", "best_of")]
    [InlineData("""{"model":"test-model","prompt":"x","n":9}""", "n")]
    [InlineData("""{"model":"test-model","prompt":"x","n":0}""", "n")]
    [InlineData("""{"model":"test-model","prompt":"x","max_tokens":-1}""", "max_tokens")]
    [InlineData("""{"model":"test-model","prompt":"x","max_tokens":5000}""", "max_tokens")]
    [InlineData("""{"model":"test-model","prompt":"x","stream":"yes"}""", "stream")]
    [InlineData("""{"model":"test-model","prompt":"x","stream_options":{"include_usage":true}}""", "stream_options")]
    [InlineData("""{"model":"test-model","prompt":"x","use_beam_search":true}""", "use_beam_search")]
    [InlineData("""{"model":"test-model","prompt":"x","service_tier":"priority"}""", "service_tier")]
    public async Task Post_OfWhatIsWrong_IsRefusedAndCostsNothing(string body, string param)
    {
        await using var edge = await EndpointEdge.StartAsync(Whole);
        edge.AssertRefused(await edge.PostAsync(Path, body), param);
    }

    private static string Event(string text, string finish = "null") =>
        "data: {\"id\":\"cmpl-1\",\"object\":\"text_completion\",\"created\":1,\"model\":\"up\",\"choices\":[{\"text\":\"" + text + "\",\"index\":0,\"logprobs\":null,\"finish_reason\":" + finish + "}]}\n\n";
}
