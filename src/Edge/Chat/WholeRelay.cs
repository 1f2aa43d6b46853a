using Microsoft.AspNetCore.Http;
using OrleansGateway.Edge.Http;
using OrleansGateway.Edge.Idempotency;
using OrleansGateway.Grains.Contracts;
using OrleansGateway.Protocols.OpenAI;

namespace OrleansGateway.Edge.Chat;

/// <summary>
/// Step 6 of an answer that is not streamed: reads all of it. None of it goes out before its settlement, whatever its size.
/// </summary>
internal sealed class WholeRelay(ChatCall call, EdgeOptions options) : IRelay
{
    /// <summary>What is written at once: a client that reads gets the write limit anew for each part.</summary>
    private const int WriteBytes = 64 * 1024;

    private readonly PooledBytes _body = new(4096);
    private ChatResponse _response;

    public Metered Metered => new(_response.Usage(call.Request.EstimatedInputTokens), _response.HasOutput);

    /// <summary>Reads the provider's answer.</summary>
    public async ValueTask<Relayed> RunAsync(HttpResponseMessage answer, CancellationToken cancellationToken)
    {
        var idleMs = call.Route!.Channel.Times.IdleMs;
        call.WaitFor(Waiting.Provider, idleMs);
        try
        {
            await using var stream = await answer.Content.ReadAsStreamAsync(cancellationToken);
            while (true)
            {
                var memory = _body.GetMemory(4096);
                var read = await stream.ReadAsync(memory, cancellationToken);
                if (read == 0)
                {
                    break;
                }

                // Blank lines keep a connection alive: they are no progress.
                if (!memory.Span[..read].Trim(" \t\r\n"u8).IsEmpty)
                {
                    call.FirstByteMs = call.FirstByteMs < 0 ? call.ElapsedMs : call.FirstByteMs;
                    call.WaitFor(Waiting.Provider, idleMs);
                }

                _body.Advance(read);
                if (_body.Length > options.MaxAnswerBytes)
                {
                    return Relayed.Unusable();
                }
            }
        }
        catch (Exception exception) when (exception is HttpRequestException or IOException or OperationCanceledException)
        {
            return Forwarder.Broken(call, exception);
        }

        return Understand();
    }

    public async ValueTask CompleteAsync(bool isExhausted, long chargedNanos, AnswerCache answers)
    {
        using var edited = new PooledBytes(256);
        var body = Edited(call.Admitted.ShowCost ? chargedNanos : null, edited);
        if (call.IdempotencyKey is not null)
        {
            answers.Keep(call.RequestId, body.Span, chargedNanos);
        }

        RateHeaders.Write(call.Context.Response.Headers, call.Admitted.Rates);
        call.WaitFor(Waiting.Client, options.WriteTimeoutMs);
        await SendAsync(call, body, chargedNanos, options.WriteTimeoutMs);
    }

    public async ValueTask CutAsync(Refusal refusal) => await ErrorReply.WriteAsync(call.Context, refusal);

    /// <summary>Sends a whole answer; a client that leaves it unread is cut.</summary>
    public static async ValueTask SendAsync(ChatCall call, ReadOnlyMemory<byte> body, long chargedNanos, int writeTimeoutMs)
    {
        var response = call.Context.Response;
        response.StatusCode = StatusCodes.Status200OK;
        response.ContentType = "application/json";
        response.ContentLength = body.Length;
        response.Headers["x-og-cost"] = Money.FormatUsd(chargedNanos);
        while (!body.IsEmpty && !call.IsClientGone)
        {
            var part = body[..Math.Min(body.Length, WriteBytes)];
            body = body[part.Length..];
            call.WaitFor(Waiting.Client, writeTimeoutMs);
            await response.BodyWriter.WriteAsync(part);
        }

        call.WaitForNothing();
    }

    public void Dispose() => _body.Dispose();

    /// <summary>The answer as the client gets it.</summary>
    /// <param name="costNanos">The charge to show in its usage, or null.</param>
    /// <param name="edited">Holds the answer where it differs from the provider's.</param>
    private ReadOnlyMemory<byte> Edited(long? costNanos, PooledBytes edited)
    {
        var edits = new ChatEdits { ModelJson = PublicModel.JsonFor(call) };
        using var usageJson = new PooledBytes(256);
        if (costNanos is not null && _response.Reported is not null)
        {
            ChatUsageJson.Write(usageJson, _response.UsageJson(_body.Span), costNanos);
            edits = edits with { Usage = UsageEdit.Replace, UsageJson = usageJson.Memory };
        }

        if (edits.ModelJson.IsEmpty && edits.Usage == UsageEdit.Keep)
        {
            return _body.Memory;
        }

        _response.WriteTo(edited, _body.Span, edits);
        return edited.Memory;
    }

    private Relayed Understand()
    {
        _response = ChatResponse.Read(_body.Span);
        return _response.Kind switch
        {
            ChatPayloadKind.Choices => new Relayed(RelayEnd.Completed),
            ChatPayloadKind.Error => new Relayed(
                RelayEnd.ProviderFailed, UpstreamError.Read(200, _body.Span, Forwarder.Secrets(call.Route!.Channel))),
            _ => Relayed.Unusable(),
        };
    }
}
