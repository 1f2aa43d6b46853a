using System.Net.Http.Headers;
using OrleansGateway.Edge.Channels;
using OrleansGateway.Edge.Dialects;
using OrleansGateway.Edge.Http;
using OrleansGateway.Grains.Contracts.Catalog;

namespace OrleansGateway.Edge.Pipeline;

/// <summary>Step 5: sends the request to one channel and reads its status.</summary>
internal sealed class Forwarder(DialectSet dialects, ChannelClients clients, TimeProvider time)
{
    private const int ErrorBytesMax = 64 * 1024;

    /// <summary>
    /// The provider's answer with a status of success, or how the attempt failed. Over HTTP/2 the answer's request may still be on its
    /// way: whoever ends the one ends the other.
    /// </summary>
    public async ValueTask<(HttpResponseMessage? Answer, AttemptEnd Failure)> SendAsync(Call call, Route route, CancellationToken cancellationToken)
    {
        call.Running.WaitFor(Waiting.Provider, route.Channel.Times.FirstByteMs);
        var dialect = dialects.Of(route.Channel);
        var request = dialect.Frame(call.Exchange, route, call.Bound, call.Client.Body);
        HttpResponseMessage? answer = null;
        var isUsable = false;
        try
        {
            answer = await clients.For(route.Channel).SendAsync(request, cancellationToken);
            isUsable = answer.IsSuccessStatusCode;
            return isUsable ? (answer, default) : (null, await ReadErrorAsync(dialect, answer, route.Channel, cancellationToken));
        }
        catch (Exception exception) when (AttemptEnd.IsBroken(exception))
        {
            // Of content that is not ours nobody knows how far it came.
            var end = AttemptEnd.BrokenBy(exception, call.Running);
            return (null, request.Content is BodyContent { MayBeSent: false } ? end : end.AsLost());
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

    private async ValueTask<AttemptEnd> ReadErrorAsync(IDialect dialect, HttpResponseMessage answer, Channel channel, CancellationToken cancellationToken)
    {
        using var body = new PooledBytes();
        await using var stream = await AnswerBody.OpenAsync(answer, cancellationToken);
        try
        {
            while (stream is not null && body.Length < ErrorBytesMax
                && await AnswerBody.ReadAsync(stream, body.GetMemory(1024), cancellationToken) is var read and > 0)
            {
                body.Advance(read);
            }
        }
        catch (InvalidDataException)
        {
            // The status says enough.
        }

        // A redirect is not followed, so it is a provider that is set up wrongly.
        var status = (int)answer.StatusCode is >= 300 and < 400 ? 502 : (int)answer.StatusCode;
        var error = dialect.ReadError(status, body.Span, channel);
        return AttemptEnd.Failed(error with
        {
            RetryAfterMs = Math.Max(error.RetryAfterMs, RetryAfterMs(answer.Headers.RetryAfter)),
            RequestId = answer.Headers.TryGetValues("x-request-id", out var ids) && ids.First() is { Length: <= 128 } id ? id : null,
        }) with
        {
            // What stands before the provider did not get its answer.
            MayHaveRun = (int)answer.StatusCode is 502 or 504 or 524,
        };
    }

    private long RetryAfterMs(RetryConditionHeaderValue? header)
    {
        var wait = header?.Delta ?? header?.Date - time.GetUtcNow() ?? TimeSpan.Zero;
        return (long)Math.Clamp(wait.TotalMilliseconds, 0, 86_400_000);
    }
}
