using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using OrleansGateway.SimulatedProvider;
using Xunit;

namespace OrleansGateway.Tests.Unit.SimulatedProvider;

public sealed class SimulatedProviderTests : IAsyncLifetime
{
    // An answer that is given up closes its connection at once instead of being drained.
    private readonly HttpClient _client = new(new SocketsHttpHandler { MaxResponseDrainSize = 0 });
    private SimulatedProviderHost _provider = null!;

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _provider = await SimulatedProviderHost.StartAsync(cancellationToken: Cancelled);
        _client.BaseAddress = _provider.BaseAddress;
    }

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        await _provider.DisposeAsync();
    }

    [Fact]
    public async Task Completion_SameRequestOfTwoProviders_SameTextAndUsage()
    {
        await using var other = await SimulatedProviderHost.StartAsync(cancellationToken: Cancelled);
        using var otherClient = new HttpClient { BaseAddress = other.BaseAddress };

        var first = await AnswerAsync(_client, """{"tokens":null}""");
        var second = await AnswerAsync(otherClient, """{"tokens":null}""");

        Assert.Equal(Content(first), Content(second));
        Assert.Equal(first["usage"]!.ToJsonString(), second["usage"]!.ToJsonString());
        Assert.Equal(4 + 3, (int)first["usage"]!["prompt_tokens"]!);
    }

    [Fact]
    public async Task Completion_CutByMaxTokens_FinishesWithLength()
    {
        var answer = await AnswerAsync(_client, """{"tokens":9}""", """, "max_tokens": 4, "n": 2""");

        Assert.Equal(["length", "length"], answer["choices"]!.AsArray().Select(choice => (string)choice!["finish_reason"]!));
        Assert.Equal(8, (int)answer["usage"]!["completion_tokens"]!);
        Assert.Equal(4, Content(answer).Split(' ', StringSplitOptions.RemoveEmptyEntries).Length);
    }

    [Theory]
    [InlineData("""{"tokens":20}""")]
    [InlineData("""{"tokens":20,"split":1}""")]
    [InlineData("""{"tokens":20,"split":[3,1,700,2]}""")]
    public async Task Stream_AnySplit_SameTextAsWholeAnswerAndUsageLast(string sim)
    {
        var whole = await AnswerAsync(_client, sim);

        var text = await StreamAsync(sim);

        var events = text.Split("\n\n", StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal("data: [DONE]", events[^1]);
        var chunks = events[..^1].Select(line => JsonNode.Parse(line["data: ".Length..])!).ToArray();
        Assert.Equal(1 + 20 + 1 + 1, chunks.Length);
        Assert.Equal("assistant", (string)chunks[0]["choices"]![0]!["delta"]!["role"]!);
        Assert.Equal(Content(whole), string.Concat(chunks[..^1].Select(chunk => (string?)chunk["choices"]![0]!["delta"]!["content"])));
        Assert.Empty(chunks[^1]["choices"]!.AsArray());
        Assert.Equal(whole["usage"]!.ToJsonString(), chunks[^1]["usage"]!.ToJsonString());
    }

    [Fact]
    public async Task Stream_Split_SendsPiecesOfThoseSizes()
    {
        using var socket = new TcpClient();
        await socket.ConnectAsync(_provider.BaseAddress.Host, _provider.BaseAddress.Port, Cancelled);
        const string Body = """{"model":"m","stream":true,"messages":[{"role":"user","content":"x"}],"sim":{"tokens":2,"split":[3,17]}}""";
        var request = $"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {Body.Length}\r\n\r\n{Body}";
        await socket.GetStream().WriteAsync(Encoding.ASCII.GetBytes(request), Cancelled);
        using var reader = new StreamReader(socket.GetStream(), Encoding.Latin1);

        var raw = await reader.ReadToEndAsync(Cancelled);

        // Each piece is one chunk of HTTP: its size in hex on a line before it.
        var rest = raw[(raw.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4)..];
        var sizes = new List<int>();
        while (Convert.ToInt32(rest[..rest.IndexOf('\r')], 16) is var size and > 0)
        {
            sizes.Add(size);
            rest = rest[(rest.IndexOf('\n') + 1 + size + 2)..];
        }

        Assert.All(sizes[..^1].Select((size, piece) => (size, piece)), pair => Assert.Equal(pair.piece % 2 == 0 ? 3 : 17, pair.size));
        Assert.InRange(sizes[^1], 1, 17);
    }

    [Theory]
    [InlineData("lf", "\n")]
    [InlineData("crlf", "\r\n")]
    [InlineData("cr", "\r")]
    public async Task Stream_LineEnds_AreThoseAskedFor(string name, string lineEnd)
    {
        var text = await StreamAsync($$"""{"tokens":1,"line_end":"{{name}}","no_final_newline":true}""");

        Assert.Equal(5, text.Split(lineEnd + lineEnd).Length);
        Assert.EndsWith("data: [DONE]", text);
        Assert.DoesNotContain(text.Replace(lineEnd, "", StringComparison.Ordinal), character => character is '\r' or '\n');
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    public async Task Stream_BreakAfter_SendsThatManyEventsThenResets(int events)
    {
        using var response = await PostAsync(_client, $$"""{"tokens":20,"break_after":{{events}}}""", """, "stream": true""");
        await using var body = await response.Content.ReadAsStreamAsync(Cancelled);
        var received = new MemoryStream();

        await Assert.ThrowsAnyAsync<IOException>(() => body.CopyToAsync(received, Cancelled));

        Assert.Equal(events, Encoding.UTF8.GetString(received.ToArray()).Split("\n\n").Length - 1);
        await _provider.WaitUntilAsync(stats => stats.Broken == 1, Cancelled);
    }

    [Fact]
    public async Task Stream_HangsAndClientLeaves_IsCountedAsClientGone()
    {
        var response = await PostAsync(_client, """{"hang_after":2,"comments":1}""", """, "stream": true""");
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync(Cancelled));
        while (await reader.ReadLineAsync(Cancelled) != ": keep-alive")
        {
        }

        response.Dispose();

        await _provider.WaitUntilAsync(stats => stats.ClientGone == 1 && stats.Running == 0, Cancelled);
        Assert.Equal(ExchangeOutcome.ClientGone, Assert.Single(_provider.Requests).Outcome);
    }

    [Fact]
    public async Task Error_StatusAndRetryAfter_AreAnsweredInOpenAIsShape()
    {
        using var response = await PostAsync(_client, """{"error":429,"retry_after":7}""");

        Assert.Equal(HttpStatusCode.TooManyRequests, response.StatusCode);
        Assert.Equal(TimeSpan.FromSeconds(7), response.Headers.RetryAfter!.Delta);
        var error = JsonNode.Parse(await response.Content.ReadAsStringAsync(Cancelled))!["error"]!.AsObject();
        Assert.Equal(["message", "type", "param", "code"], error.Select(field => field.Key));
    }

    [Fact]
    public async Task ErrorRate_OneTenth_FailsEveryTenth()
    {
        _provider.Defaults = new SimulatedBehaviour { ErrorRate = 0.1, Tokens = 1 };
        var failed = new List<int>();
        for (var turn = 1; turn <= 30; turn++)
        {
            using var response = await PostAsync(_client, "{}");
            if (response.StatusCode == HttpStatusCode.InternalServerError)
            {
                failed.Add(turn);
            }
        }

        Assert.Equal([10, 20, 30], failed);
    }

    [Fact]
    public async Task Overrides_HeaderAndBody_BodyWins()
    {
        using var request = Request("""{"tokens":2}""");
        request.Headers.Add("x-sim-tokens", "5");
        request.Headers.Add("x-sim-usage", """{"prompt_tokens":-1}""");

        using var response = await _client.SendAsync(request, Cancelled);

        var answer = JsonNode.Parse(await response.Content.ReadAsStringAsync(Cancelled))!;
        Assert.Equal(2, Content(answer).Split(' ', StringSplitOptions.RemoveEmptyEntries).Length);
        Assert.Equal("""{"prompt_tokens":-1}""", answer["usage"]!.ToJsonString());
        Assert.Equal("5", Assert.Single(_provider.Requests).Headers["x-sim-tokens"]);
    }

    [Theory]
    [InlineData("""{"tokns":1}""")]
    [InlineData("""{"tokens":"many"}""")]
    [InlineData("""{"split":0}""")]
    public async Task Overrides_Wrong_AreRefused(string sim)
    {
        using var response = await PostAsync(_client, sim);

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
    }

    [Fact]
    public async Task Stall_ManyRequests_WaitUntilReleased()
    {
        const int Requests = 20;
        _provider.Stall();
        var answers = Enumerable.Range(0, Requests).Select(_ => AnswerAsync(_client, "{}")).ToArray();
        await _provider.WaitUntilAsync(stats => stats.Waiting == Requests, Cancelled);
        Assert.Equal(0, _provider.Stats.Completed);

        _provider.Release();

        await Task.WhenAll(answers);
        await _provider.WaitUntilAsync(stats => stats.Completed == Requests, Cancelled);
        Assert.Equal(Requests, _provider.Stats.RunningMax);
    }

    private static string Content(JsonNode answer) => (string)answer["choices"]![0]!["message"]!["content"]!;

    private static HttpRequestMessage Request(string sim, string more = "") => new(HttpMethod.Post, "/v1/chat/completions")
    {
        Content = new StringContent(
            $$"""{"model":"any","messages":[{"role":"user","content":"Hello there"}],"sim":{{sim}}{{more}}}""",
            MediaTypeHeaderValue.Parse("application/json")),
    };

    private static async Task<HttpResponseMessage> PostAsync(HttpClient client, string sim, string more = "")
    {
        using var request = Request(sim, more);
        return await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Cancelled);
    }

    private static async Task<JsonNode> AnswerAsync(HttpClient client, string sim, string more = "")
    {
        using var response = await PostAsync(client, sim, more);
        return JsonNode.Parse(await response.Content.ReadAsStringAsync(Cancelled))!;
    }

    private async Task<string> StreamAsync(string sim)
    {
        using var response = await PostAsync(_client, sim, """, "stream": true, "stream_options": {"include_usage": true}""");
        return await response.Content.ReadAsStringAsync(Cancelled);
    }
}
