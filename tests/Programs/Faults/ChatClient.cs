using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Text.Json.Nodes;
using OrleansGateway.Tests.Programs.Gateway;

namespace OrleansGateway.Tests.Programs.Faults;

/// <summary>What a request asks for, and how its client behaves.</summary>
/// <param name="Tokens">How long the answer is.</param>
/// <param name="TokenRate">Tokens a second that the provider makes.</param>
/// <param name="LeaveAfter">After how many events of a stream the client leaves; 0 stays.</param>
internal sealed record ChatPlan(bool IsStream, int Tokens, double TokenRate, int LeaveAfter = 0)
{
    /// <summary>Bounds the cost of what cannot be seen coming.</summary>
    public int TokensMax { get; init; } = 200;

    /// <summary>The prompt; without it, one that differs from all others.</summary>
    public string? Text { get; init; }
}

/// <summary>A client that notes what it saw, and believes nothing else.</summary>
internal sealed class ChatClient : IDisposable
{
    /// <summary>Longer than the gateway keeps any of these requests open.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

    private readonly HttpClient _http = new(new SocketsHttpHandler { UseProxy = false, UseCookies = false }) { Timeout = Patience };
    private long _events;
    private int _number;

    /// <summary>Events of streams and whole answers that were seen so far.</summary>
    public long Events => Interlocked.Read(ref _events);

    /// <summary>Sends a request and reads its answer.</summary>
    /// <param name="target">Where clients reach the gateway.</param>
    /// <param name="begun">Told when the answer's first event is there.</param>
    /// <exception cref="TaskCanceledException">The gateway has left the client waiting.</exception>
    public async Task<Sent> SendAsync(Uri target, Customer customer, ChatPlan plan, Action? begun = null)
    {
        var text = plan.Text ?? $"Request {Interlocked.Increment(ref _number)}";
        var sent = new Sent(customer, Fate.NotSent) { Plan = plan, Text = text, From = Events, SentAt = Stopwatch.GetTimestamp() };
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(target, "v1/chat/completions"));
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", customer.Key);
        request.Content = new OnceContent(Body(plan, text));
        HttpResponseMessage response;
        try
        {
            response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        }
        catch (HttpRequestException failed)
        {
            return sent with { Fate = failed.HttpRequestError == HttpRequestError.ConnectionError ? Fate.NotSent : Fate.Unanswered, To = Events };
        }

        using (response)
        {
            sent = sent with
            {
                Fate = Fate.Cut,
                AnsweredAt = Stopwatch.GetTimestamp(),
                RequestId = response.Headers.TryGetValues("x-request-id", out var ids) ? ids.Single() : null,
                Status = (int)response.StatusCode,
                HasRetryAfter = response.Headers.RetryAfter is not null,
            };
            try
            {
                sent = plan.IsStream && response.StatusCode == HttpStatusCode.OK
                    ? await ReadStreamAsync(sent, plan, response, begun)
                    : await ReadWholeAsync(sent, response);
            }
            catch (Exception cut) when (cut is HttpRequestException or IOException)
            {
            }
        }

        return sent with { To = Events };
    }

    public void Dispose() => _http.Dispose();

    private async Task<Sent> ReadWholeAsync(Sent sent, HttpResponseMessage response)
    {
        var answer = JsonNode.Parse(await response.Content.ReadAsStringAsync())!;
        Interlocked.Increment(ref _events);
        return response.StatusCode == HttpStatusCode.OK
            ? WithUsage(sent, answer["usage"]) with { Fate = Fate.Completed }
            : sent with
            {
                Fate = Fate.Refused,
                ErrorCode = (string?)answer["error"]?["code"],
                ErrorMessage = (string?)answer["error"]?["message"],
            };
    }

    private async Task<Sent> ReadStreamAsync(Sent sent, ChatPlan plan, HttpResponseMessage response, Action? begun)
    {
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
        var hasFinished = false;
        for (var seen = 0; await reader.ReadLineAsync() is { } line;)
        {
            if (!line.StartsWith("data: ", StringComparison.Ordinal))
            {
                continue;
            }

            Interlocked.Increment(ref _events);
            begun?.Invoke();
            if (line == "data: [DONE]")
            {
                return hasFinished ? sent with { Fate = Fate.Completed } : sent;
            }

            if (++seen == plan.LeaveAfter)
            {
                return sent with { HasLeft = true };
            }

            var chunk = JsonNode.Parse(line["data: ".Length..])!;
            if (chunk["error"] is { } error)
            {
                return sent with { ErrorCode = (string?)error["code"] };
            }

            sent = sent with { Seen = sent.Seen + (string?)chunk["choices"]?.AsArray().FirstOrDefault()?["delta"]?["content"] };
            hasFinished |= chunk["choices"]?.AsArray().Any(choice => choice!["finish_reason"] is not null) == true;
            sent = WithUsage(sent, chunk["usage"]);
        }

        return sent;
    }

    private static Sent WithUsage(Sent sent, JsonNode? usage) => usage is null
        ? sent
        : sent with { Input = (long)usage["prompt_tokens"]!, Output = (long)usage["completion_tokens"]! };

    private static byte[] Body(ChatPlan plan, string text)
    {
        var body = new JsonObject
        {
            ["model"] = TestSettings.Model,
            ["messages"] = new JsonArray(new JsonObject { ["role"] = "user", ["content"] = text }),
            ["max_tokens"] = plan.TokensMax,
            ["stream"] = plan.IsStream,
            ["sim"] = new JsonObject { ["tokens"] = plan.Tokens, ["token_rate"] = plan.TokenRate },
        };
        if (plan.IsStream)
        {
            body["stream_options"] = new JsonObject { ["include_usage"] = true };
        }

        return System.Text.Encoding.UTF8.GetBytes(body.ToJsonString());
    }

    /// <summary>
    /// A body that is sent once. <see cref="HttpClient"/> sends a request again, unasked, when a kept connection ends without
    /// an answer; then the first one would be a request that nobody knows of.
    /// </summary>
    private sealed class OnceContent : HttpContent
    {
        private readonly byte[] _body;
        private bool _isSent;

        public OnceContent(byte[] body)
        {
            _body = body;
            Headers.ContentType = new MediaTypeHeaderValue("application/json");
        }

        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            if (_isSent)
            {
                throw new IOException("The request was sent before.");
            }

            _isSent = true;
            return stream.WriteAsync(_body).AsTask();
        }

        protected override bool TryComputeLength(out long length)
        {
            length = _body.Length;
            return true;
        }
    }
}
