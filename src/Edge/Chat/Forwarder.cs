using System.Net.Http.Headers;
using OrleansGateway.Edge.Channels;
using OrleansGateway.Edge.Http;
using OrleansGateway.Grains.Contracts.Catalog;
using OrleansGateway.Protocols.OpenAI;

namespace OrleansGateway.Edge.Chat;

/// <summary>Step 5: sends the request to one channel and reads its status.</summary>
internal sealed class Forwarder(ChannelClients clients, TimeProvider time)
{
    private const int ErrorBytesMax = 64 * 1024;

    /// <summary>
    /// The provider's answer with a status of success, or how the attempt failed. Over HTTP/2 the answer's request may still be on its
    /// way: whoever ends the one ends the other.
    /// </summary>
    public async ValueTask<(HttpResponseMessage? Answer, Relayed Failure)> SendAsync(ChatCall call, Route route, CancellationToken cancellationToken)
    {
        call.WaitFor(Waiting.Provider, route.Channel.Times.FirstByteMs);
        var body = RequestFor(call.Request, route.Channel).ForUpstream(new UpstreamChanges
        {
            Model = route.UpstreamModel,
            MaxOutputTokens = call.Bound.LoweredCap,
            OutputLimitField = Field(route.Channel.MaxTokensField),
            WithoutStreamOptions = !route.Channel.SupportsStreamUsage,
        });
        var request = UpstreamRequest.Make(route, body, call.Body, call.Request.Stream);
        HttpResponseMessage? answer = null;
        var isUsable = false;
        try
        {
            answer = await clients.For(route.Channel).SendAsync(request, cancellationToken);
            isUsable = answer.IsSuccessStatusCode;
            return isUsable ? (answer, default) : (null, await ReadErrorAsync(answer, route, cancellationToken));
        }
        catch (Exception exception) when (exception is HttpRequestException or IOException or OperationCanceledException)
        {
            return (null, Broken(call, exception));
        }
        finally
        {
            if (!isUsable)
            {
                request.Dispose();
                answer?.Dispose();
            }
        }
    }

    /// <summary>What it means that a provider's answer, or its beginning, did not come.</summary>
    public static Relayed Broken(ChatCall call, Exception exception)
    {
        if (call.Stopped != StopReason.None)
        {
            return new Relayed(RelayEnd.Stopped);
        }

        // The connect limit shows as a cancellation that nobody here asked for.
        return call.AttemptTimedOut || exception is OperationCanceledException ? Relayed.TimedOut() : Relayed.BrokenOff();
    }

    /// <summary>Everything in a provider's messages that would tell its account or address.</summary>
    public static string[] Secrets(Channel channel) =>
        [channel.Key?.Reveal() ?? "", channel.Provider.BaseUrl!.Host, channel.Organization ?? "", channel.Project ?? ""];

    private static ChatRequest RequestFor(ChatRequest request, Channel channel)
    {
        if (channel.DropParams.IsEmpty)
        {
            return request;
        }

        var body = DroppedParams.Remove(request.Body, channel.DropParams);
        return ChatRequest.TryRead(body, ChatRequest.MaxChoicesLimit, out var without, out _) ? without : request;
    }

    private static OutputLimitField Field(MaxTokensField field) => field switch
    {
        MaxTokensField.MaxTokens => OutputLimitField.MaxTokens,
        MaxTokensField.MaxCompletionTokens => OutputLimitField.MaxCompletionTokens,
        _ => OutputLimitField.None,
    };

    private async ValueTask<Relayed> ReadErrorAsync(HttpResponseMessage answer, Route route, CancellationToken cancellationToken)
    {
        using var body = new PooledBytes();
        await using var stream = await answer.Content.ReadAsStreamAsync(cancellationToken);
        while (body.Length < ErrorBytesMax)
        {
            var read = await stream.ReadAsync(body.GetMemory(1024), cancellationToken);
            if (read == 0)
            {
                break;
            }

            body.Advance(read);
        }

        // A redirect is not followed, so it is a provider that is set up wrongly.
        var status = (int)answer.StatusCode is >= 300 and < 400 ? 502 : (int)answer.StatusCode;
        var failure = UpstreamError.Read(status, body.Span, Secrets(route.Channel));
        return new Relayed(RelayEnd.ProviderFailed, failure, RetryAfterMs(answer.Headers.RetryAfter));
    }

    private long RetryAfterMs(RetryConditionHeaderValue? header)
    {
        var wait = header?.Delta ?? header?.Date - time.GetUtcNow() ?? TimeSpan.Zero;
        return (long)Math.Clamp(wait.TotalMilliseconds, 0, 86_400_000);
    }
}
