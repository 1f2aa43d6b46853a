using System.Buffers;
using System.Net.Http.Headers;
using System.Text;
using OrleansGateway.Edge.Channels;
using OrleansGateway.Edge.Dialects;
using OrleansGateway.Edge.Http;
using OrleansGateway.Grains.Contracts.Catalog;
using OrleansGateway.Protocols.Exchange;

namespace OrleansGateway.Edge.Pipeline;

/// <summary>Step 5: sends the request to one channel and waits for its answer to begin.</summary>
internal sealed class Forwarder(ChannelClients clients, AddedFields addedFields, TimeProvider time)
{
    private const int ErrorBytesMax = 64 * 1024;

    /// <summary>What a provider says of a field that it does not know.</summary>
    private static readonly SearchValues<string> OfUnknownFields = SearchValues.Create(
        ["unknown", "unrecognized", "unexpected", "unsupported", "not supported", "not permitted", "not allowed", "extra", "additional"],
        StringComparison.OrdinalIgnoreCase);

    /// <summary>
    /// The provider's answer with a status of success, or how the attempt failed. A provider that refuses the field that only we put in, or what
    /// it cannot decrypt, is asked again without it.
    /// </summary>
    public async ValueTask<(AnswerBody? Answer, AttemptEnd Failure)> SendAsync(Call call, Route route, CancellationToken cancellationToken)
    {
        call.Running.WaitFor(Waiting.Provider, route.Channel.Times.FirstByteMs);
        var sent = await TryAsync(call, addedFields.RouteFor(route), cancellationToken);
        if (sent.Answer is null && call.Request.WithoutWhatIsSealed(sent.Failure.Cause) is { } open)
        {
            // The conversation began on another channel, or elsewhere: it goes on without its reasoning so far.
            call.SendInstead(open);
            sent = await TryAsync(call, addedFields.RouteFor(route), cancellationToken);
        }

        if (sent.RefusedField is { } field)
        {
            // Only a provider that says what it finds wrong is remembered: without the field, what a stream uses is not reported.
            var isSaid = sent.SaysWhy;
            sent = await TryAsync(call, AddedFields.Without(route), cancellationToken);
            if (sent.Answer is not null && isSaid)
            {
                addedFields.Refused(route, field);
            }
        }

        return (sent.Answer, sent.Failure);
    }

    private async ValueTask<Sent> TryAsync(Call call, Route route, CancellationToken cancellationToken)
    {
        var dialect = call.Dialect;
        var request = dialect.Frame(call.Request, route, call.Bound, call.Client.Body);
        HttpResponseMessage? response = null;
        AnswerBody? answer = null;
        var isUsable = false;
        try
        {
            response = await clients.For(route.Channel).SendAsync(request, cancellationToken);
            answer = await AnswerBody.OpenAsync(response, cancellationToken);
            if (!response.IsSuccessStatusCode)
            {
                return await ReadErrorAsync(dialect, response, answer, route.Channel, call.Request.AddedField(route.Channel), cancellationToken);
            }

            if (answer is null)
            {
                return new Sent(null, AttemptEnd.Unreadable with { MayHaveRun = true });
            }

            await answer.BeginAsync(cancellationToken);
            isUsable = true;
            return new Sent(answer, AttemptEnd.Completed);
        }
        catch (Exception exception) when (AttemptEnd.IsBroken(exception))
        {
            var end = AttemptEnd.BrokenBy(exception, call.Running);
            if (response is not null)
            {
                return new Sent(null, end with { MayHaveRun = response.IsSuccessStatusCode });
            }

            // Of content that is not ours nobody knows how far it came.
            return new Sent(null, request.Content is BodyContent { MayBeSent: false } ? end : end.AsLost());
        }
        finally
        {
            if (!isUsable)
            {
                request.Dispose();
                response?.Dispose();
                if (answer is not null)
                {
                    await answer.DisposeAsync();
                }
            }
        }
    }

    private async ValueTask<Sent> ReadErrorAsync(
        IDialect dialect, HttpResponseMessage response, AnswerBody? answer, Channel channel, string? addedField, CancellationToken cancellationToken)
    {
        using var body = new PooledBytes();
        try
        {
            while (answer is not null && body.Length < ErrorBytesMax
                && await answer.ReadAsync(body.GetMemory(1024), cancellationToken) is var read and > 0)
            {
                body.Advance(read);
            }
        }
        catch (InvalidDataException)
        {
            // The status says enough.
        }

        // A redirect is not followed, so it is a provider that is set up wrongly.
        var status = (int)response.StatusCode is >= 300 and < 400 ? 502 : (int)response.StatusCode;
        var error = dialect.ReadError(status, body.Span, channel);
        var failure = AttemptEnd.Failed(error with
        {
            RetryAfterMs = Math.Max(error.RetryAfterMs, RetryAfterMs(response.Headers.RetryAfter)),
            RequestId = (response.Headers.TryGetValues("x-request-id", out var ids) || response.Headers.TryGetValues("request-id", out ids))
                && ids.First() is { Length: <= 128 } id ? id : null,
        }) with
        {
            // What stands before the provider did not get its answer.
            MayHaveRun = (int)response.StatusCode is 502 or 504 or 524,
        };
        return addedField is not null && MayBlame(addedField, error)
            ? new Sent(null, failure, addedField, error.Message is not null || body.Span.IndexOf(Encoding.ASCII.GetBytes(addedField)) >= 0)
            : new Sent(null, failure);
    }

    /// <summary>Whether an error may be about a field, named or not: asking again without it shows whether it is.</summary>
    private static bool MayBlame(string field, in UpstreamError error) =>
        error.Status is 400 or 422
        && (IsNamed(field, error)
            || (error.Param is null && (error.Message is null || error.Message.AsSpan().ContainsAny(OfUnknownFields))));

    private static bool IsNamed(string field, in UpstreamError error) =>
        error.Param?.StartsWith(field, StringComparison.Ordinal) == true || error.Message?.Contains(field, StringComparison.Ordinal) == true;

    private long RetryAfterMs(RetryConditionHeaderValue? header)
    {
        var wait = header?.Delta ?? header?.Date - time.GetUtcNow() ?? TimeSpan.Zero;
        return (long)Math.Clamp(wait.TotalMilliseconds, 0, 86_400_000);
    }

    /// <param name="RefusedField">The field of ours that the provider seems to have refused.</param>
    /// <param name="SaysWhy">Whether the provider said anything of it.</param>
    private readonly record struct Sent(AnswerBody? Answer, AttemptEnd Failure, string? RefusedField = null, bool SaysWhy = false);
}
