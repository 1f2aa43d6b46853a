using System.Text;
using System.Text.Json.Nodes;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.OpenAI.Responses;
using OrleansGateway.SimulatedProvider;
using OrleansGateway.Tests.Unit.Protocols.Gemini;
using Xunit;

namespace OrleansGateway.Tests.Unit.SimulatedProvider;

/// <summary>What the simulated provider answers to those who speak Responses: as the gateway reads it.</summary>
public sealed class ResponsesShapeTests : IAsyncLifetime
{
    private const string Ask = """{"model":"m","input":[{"role":"user","content":[{"type":"input_text","text":"read_file {\"path\":\"a\"}"}]}],"reasoning":{"effort":"low"},"tools":[{"type":"function","name":"read_file"}],"sim":{"cached_tokens":2}""";

    private readonly HttpClient _client = new();
    private SimulatedProviderHost _provider = null!;

    public async ValueTask InitializeAsync()
    {
        _provider = await SimulatedProviderHost.StartAsync(new SimulatedProviderOptions { ApiKey = "secret" }, TestContext.Current.CancellationToken);
        _client.BaseAddress = _provider.BaseAddress;
        _client.DefaultRequestHeaders.Authorization = new("Bearer", "secret");
    }

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        await _provider.DisposeAsync();
    }

    [Fact]
    public async Task Responses_WholeAndStreamed_SayTheSame()
    {
        var (whole, streamed) = (new ResponsesAnswerReader(), new ResponsesAnswerReader());
        var (all, pieces) = (new Answers(), new Answers());
        var answer = await PostAsync("", Ask + "}");
        Assert.Equal(AnswerRead.End, whole.ReadWhole(Encoding.UTF8.GetBytes(answer), all));
        Assert.Equal(AnswerRead.End, Answers.Read(streamed, Encoding.UTF8.GetBytes(await PostAsync("", Ask + ",\"stream\":true}")), 100, pieces));
        Assert.Equal(whole.Reported, streamed.Reported);
        Assert.Equal((2, 4, 12), (whole.Reported!.Value.CacheRead, whole.Reported.Value.Reasoning, whole.Reported.Value.Output));
        Assert.Equal(["0 Reasoning Let me think. ", "0 ToolArguments 0 {\\\"path\\\":\\\"a\\\"}", "0 ChoiceEnd ToolCalls"], all.All.Where(line => !line.Contains("ToolStart", StringComparison.Ordinal)));
        Assert.Equal(all.All.Count(line => line.Contains("ToolStart", StringComparison.Ordinal)), pieces.All.Count(line => line.Contains("ToolStart", StringComparison.Ordinal)));
        Assert.Equal(["reasoning", "function_call"], JsonNode.Parse(answer)!["output"]!.AsArray().Select(item => (string)item!["type"]!));
    }

    [Fact]
    public async Task Responses_BeyondTheirLimit_AreIncomplete()
    {
        var answer = JsonNode.Parse(await PostAsync("", """{"model":"m","input":"x","max_output_tokens":3}"""))!;
        Assert.Equal(("incomplete", "max_output_tokens", 3), ((string)answer["status"]!, (string)answer["incomplete_details"]!["reason"]!, (int)answer["usage"]!["output_tokens"]!));
        Assert.Equal("""{"object":"response.input_tokens","input_tokens":1}""", await PostAsync("/input_tokens", """{"model":"m","input":"x"}"""));
        Assert.Contains("\"error\"", await PostAsync("", """{"model":"m","input":"x","sim":{"error":429}}"""), StringComparison.Ordinal);
        Assert.Contains("Missing required parameter", await PostAsync("", """{"model":"m"}"""), StringComparison.Ordinal);
    }

    private async Task<string> PostAsync(string path, string body)
    {
        using var answer = await _client.PostAsync("/v1/responses" + path, new StringContent(body, Encoding.UTF8, "application/json"), TestContext.Current.CancellationToken);
        return await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
    }
}
