using System.Net.Http.Headers;
using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using OrleansGateway.Grains.Contracts;
using OrleansGateway.Operations;
using OrleansGateway.Web.Components;

namespace OrleansGateway.Web.Playground;

/// <summary>What a part of an answer is; its name in lower case is the event's name.</summary>
internal enum PlaygroundPartKind
{
    /// <summary>More of the answer.</summary>
    Text,

    /// <summary>What the answer cost and used, in words: it is complete.</summary>
    Cost,

    /// <summary>What went wrong, in words.</summary>
    Problem,
}

/// <summary>A part of an answer, as it came.</summary>
internal readonly record struct PlaygroundPart(PlaygroundPartKind Kind, string Text);

/// <summary>Sends what a person typed through the relay, like any client. Nothing of it is kept.</summary>
internal sealed class PlaygroundCalls(RelayAddress relay, ISiteHost host, IOptions<SiteOptions> options, TimeProvider time) : IDisposable
{
    private const int ErrorLengthMax = 4_096;

    private readonly HttpClient _client = new(new SocketsHttpHandler
    {
        UseProxy = false,

        // What the relay's address says of another one is not followed: prompt and key are the relay's alone.
        AllowAutoRedirect = false,
        SslOptions = new() { RemoteCertificateValidationCallback = (_, _, _, errors) => relay.IsOwn || errors == System.Net.Security.SslPolicyErrors.None },
    })
    { Timeout = Timeout.InfiniteTimeSpan };

    /// <summary>The models to choose from.</summary>
    public IReadOnlyList<ShownModel> Models => PlaygroundRequest.Models(host.Catalog!, time.GetUtcNow());

    /// <summary>The same request as a command, with a place for a key.</summary>
    public string Curl(PlaygroundRequest request) =>
        $$"""
        curl -N {{options.Value.Url.TrimEnd('/')}}/v1/chat/completions \
          -H 'content-type: application/json' -H "authorization: Bearer {{Samples.KeyPlace}}" \
          -d '{{request.Body().Replace("'", "'\\''", StringComparison.Ordinal)}}'
        """;

    /// <summary>Sends it. To be called before the page's answer begins: the key may be made now.</summary>
    public async Task<IAsyncEnumerable<PlaygroundPart>> RunAsync(HttpContext http, PlaygroundRequest request)
    {
        string? refusal = null;
        while (true)
        {
            var key = await http.RequestServices.GetRequiredService<PlaygroundKeys>().EnsureAsync(http, refusal);
            if (key.Value is not { } usable)
            {
                return Only(key.Failure!.Kind == FailureKind.Unavailable ? Texts.NotReady : key.Failure.Message);
            }

            HttpResponseMessage answer;
            try
            {
                answer = await SendAsync(http, request, usable);
            }
            catch (HttpRequestException)
            {
                return Only(Texts.NotReady);
            }

            if (answer.IsSuccessStatusCode)
            {
                return ReadAsync(answer, http.RequestAborted);
            }

            var (code, message) = await ErrorAsync(answer, http.RequestAborted);
            answer.Dispose();
            if (refusal is null && code is "invalid_api_key" or "key_disabled" or "key_expired")
            {
                // It was disabled or revoked among the account's keys, or another session's sign-out disabled it.
                refusal = code;
                continue;
            }

            return Only(Words(code, message));
        }
    }

    public void Dispose() => _client.Dispose();

    /// <summary>Asks the relay, and nobody that it may name.</summary>
    internal async Task<HttpResponseMessage> SendAsync(HttpContext http, PlaygroundRequest request, PlaygroundKey key)
    {
        using var message = new HttpRequestMessage(HttpMethod.Post, new Uri(relay.Uri, "/v1/chat/completions"))
        {
            Content = new StringContent(request.Body(), Encoding.UTF8, "application/json"),
        };
        message.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key.Secret);

        // Believed where this machine is a trusted proxy.
        message.Headers.Add("X-Forwarded-For", host.AddressOf(http));
        message.Headers.Add("X-Forwarded-Proto", http.Request.Scheme);
        return await _client.SendAsync(message, HttpCompletionOption.ResponseHeadersRead, http.RequestAborted);
    }

    private static async IAsyncEnumerable<PlaygroundPart> ReadAsync(HttpResponseMessage answer, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var whole = answer;
        await using var stream = await answer.Content.ReadAsStreamAsync(cancellationToken);
        var isComplete = false;
        await using var events = SseParser.Create(stream).EnumerateAsync(cancellationToken).GetAsyncEnumerator(cancellationToken);
        while (await NextAsync())
        {
            var data = events.Current.Data;
            if (data == "[DONE]")
            {
                break;
            }

            foreach (var part in Parts(data))
            {
                isComplete |= part.Kind != PlaygroundPartKind.Text;
                yield return part;
            }
        }

        if (!isComplete)
        {
            yield return new PlaygroundPart(PlaygroundPartKind.Problem, Texts.PlaygroundBrokeOff);
        }

        async Task<bool> NextAsync()
        {
            try
            {
                return await events.MoveNextAsync();
            }
            catch (Exception exception) when (exception is HttpRequestException or IOException)
            {
                return false;
            }
        }
    }

    private static IEnumerable<PlaygroundPart> Parts(string data)
    {
        using var json = JsonDocument.Parse(data);
        if (json.RootElement.TryGetProperty("error", out var error))
        {
            yield return new PlaygroundPart(PlaygroundPartKind.Problem, Words(Text(error, "code"), Text(error, "message")));
            yield break;
        }

        if (json.RootElement.TryGetProperty("choices", out var choices))
        {
            foreach (var choice in choices.EnumerateArray())
            {
                if (choice.TryGetProperty("delta", out var delta) && Text(delta, "content") is { Length: > 0 } text)
                {
                    yield return new PlaygroundPart(PlaygroundPartKind.Text, text);
                }
            }
        }

        if (json.RootElement.TryGetProperty("usage", out var usage) && usage.ValueKind == JsonValueKind.Object && usage.TryGetProperty("cost", out var cost))
        {
            yield return new PlaygroundPart(PlaygroundPartKind.Cost, Format.Fill(
                Texts.PlaygroundCost,
                Money.TryParseUsd(cost.GetDecimal().ToString("0.#########", System.Globalization.CultureInfo.InvariantCulture), out var nanos) ? Format.Usd(nanos) : "",
                Format.Count(usage.GetProperty("prompt_tokens").GetInt64()),
                Format.Count(usage.GetProperty("completion_tokens").GetInt64())));
        }
    }

    private static async Task<(string? Code, string? Message)> ErrorAsync(HttpResponseMessage answer, CancellationToken cancellationToken)
    {
        try
        {
            var text = await answer.Content.ReadAsStringAsync(cancellationToken);
            using var json = JsonDocument.Parse(text.Length <= ErrorLengthMax ? text : "{}");
            return json.RootElement.TryGetProperty("error", out var error) ? (Text(error, "code"), Text(error, "message")) : (null, null);
        }
        catch (Exception exception) when (exception is JsonException or HttpRequestException or IOException)
        {
            return (null, null);
        }
    }

    private static string? Text(JsonElement parent, string name) =>
        parent.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    /// <summary>An error of the relay in the reader's language, or in its own words where there are none.</summary>
    private static string Words(string? code, string? message) =>
        code is null ? Format.Fill(Texts.PlaygroundRefused, message ?? "")
        : Texts.ResourceManager.GetString($"Playground_{code}", Texts.Culture) is { } words ? Format.Fill(words, Format.Usd(PlaygroundKeys.CapNanos))
        : Format.Fill(Texts.PlaygroundRefused, message ?? code);

    private static async IAsyncEnumerable<PlaygroundPart> Only(string problem)
    {
        await Task.CompletedTask;
        yield return new PlaygroundPart(PlaygroundPartKind.Problem, problem);
    }
}
