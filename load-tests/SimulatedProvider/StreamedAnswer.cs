using System.Diagnostics;

namespace OrleansGateway.SimulatedProvider;

/// <summary>
/// A streamed answer: <c>chat.completion.chunk</c> events. Content events are sent one by one; the role event goes with the
/// first of them and the closing events go together, unless the behaviour asks for anything odd: then each is sent alone.
/// </summary>
internal sealed class StreamedAnswer(Exchange exchange, ByteBuffer buffer, BodyOutput output)
{
    private readonly SimulatedBehaviour _behaviour = exchange.Behaviour;
    private readonly bool _isPlain = exchange.Behaviour.IsPlain;
    private readonly bool _hasUsageNull = exchange.Request.IncludeUsage && !exchange.Behaviour.MissingUsage;
    private int _prefixLength;
    private int _events;
    private bool _first = true;

    public static async Task<ExchangeOutcome> SendAsync(Exchange exchange)
    {
        var response = exchange.Context.Response;
        if (exchange.Behaviour.Malformed)
        {
            response.ContentType = "text/html";
            await response.BodyWriter.WriteAsync(Faults.Html.ToArray());
            return ExchangeOutcome.Completed;
        }

        response.ContentType = "text/event-stream; charset=utf-8";
        response.Headers.CacheControl = "no-cache";
        using var buffer = new ByteBuffer();
        var output = new BodyOutput(response.BodyWriter, exchange.Behaviour);
        return await new StreamedAnswer(exchange, buffer, output).RunAsync();
    }

    private async Task<ExchangeOutcome> RunAsync()
    {
        await OpenAsync();
        var outcome = await SendEventsAsync();
        switch (outcome)
        {
            case ExchangeOutcome.Broken:
                await output.FlushAsync();
                exchange.Context.Abort();
                return outcome;
            case ExchangeOutcome.Failed:
                buffer.Length = 0;
                Faults.AddErrorBody(buffer.Add("data: "u8), _behaviour.Error ?? 500, _behaviour);
                output.Hold(Shape(buffer.Add("\n\n"u8).Span, isLast: true));
                break;
            default:
                break;
        }

        await output.FlushAsync();
        return output.IsClosed ? ExchangeOutcome.ClientGone : outcome;
    }

    /// <summary>Writes the part that all events share, and waits for the first byte's time.</summary>
    private async Task OpenAsync()
    {
        buffer.Add("data: {\"id\":\""u8).Add(exchange.ResponseId)
            .Add("\",\"object\":\"chat.completion.chunk\",\"created\":"u8).Add(exchange.Created)
            .Add(",\"model\":\""u8).Add(exchange.Request.Model)
            .Add("\",\"service_tier\":\"default\",\"system_fingerprint\":\"fp_simulated\""u8);
        _prefixLength = buffer.Length;
        if (_behaviour.Bom)
        {
            output.Hold([0xEF, 0xBB, 0xBF]);
        }

        if (!_isPlain)
        {
            await output.FlushAsync();
        }

        if (_behaviour.FirstByteMs > 0)
        {
            await WaitAsync(TimeSpan.FromMilliseconds(_behaviour.FirstByteMs));
        }
    }

    private async ValueTask<ExchangeOutcome> SendEventsAsync()
    {
        var request = exchange.Request;
        var (tokens, cut) = request.CompletionTokens(_behaviour);
        for (var choice = 0; choice < request.Choices; choice++)
        {
            BeginChoice(choice);
            buffer.Add("\"role\":\"assistant\",\"content\":\"\",\"refusal\":null},\"logprobs\":null,\"finish_reason\":null}]"u8);
            if (await EndEventAsync(alone: false) is { } role)
            {
                return role;
            }
        }

        var started = Stopwatch.GetTimestamp();
        for (long position = 0; position < tokens - _behaviour.ReasoningTokens; position++)
        {
            if (_behaviour.TokenRate > 0)
            {
                await WaitAsync(TimeSpan.FromSeconds((position + 1) / _behaviour.TokenRate) - Stopwatch.GetElapsedTime(started));
            }

            for (var choice = 0; choice < request.Choices; choice++)
            {
                BeginChoice(choice);
                buffer.Add("\"content\":\""u8);
                exchange.AddToken(buffer, choice, position);
                buffer.Add("\"},\"logprobs\":null,\"finish_reason\":null}]"u8);
                if (await EndEventAsync(alone: true) is { } content)
                {
                    return content;
                }
            }
        }

        return await CloseAsync(cut);
    }

    private async ValueTask<ExchangeOutcome> CloseAsync(bool cut)
    {
        var hasUsageEvent = _hasUsageNull && !_behaviour.UsageWithFinish;
        for (var choice = 0; choice < exchange.Request.Choices; choice++)
        {
            BeginChoice(choice);
            buffer.Add("},\"logprobs\":null,\"finish_reason\":\""u8).Add(cut ? "length"u8 : "stop"u8).Add("\"}]"u8);
            var isLastChoice = choice == exchange.Request.Choices - 1;
            if (await EndEventAsync(alone: false, hasUsage: isLastChoice && _behaviour.UsageWithFinish,
                isLast: isLastChoice && !hasUsageEvent && _behaviour.NoDone) is { } finish)
            {
                return finish;
            }
        }

        if (hasUsageEvent)
        {
            buffer.Length = _prefixLength;
            buffer.Add(",\"choices\":[]"u8);
            if (await EndEventAsync(alone: false, hasUsage: true, isLast: _behaviour.NoDone) is { } usage)
            {
                return usage;
            }
        }

        if (!_behaviour.NoDone)
        {
            output.Hold(Shape("data: [DONE]\n\n"u8, isLast: true));
        }

        return ExchangeOutcome.Completed;
    }

    private void BeginChoice(int choice)
    {
        buffer.Length = _prefixLength;
        buffer.Add(",\"choices\":[{\"index\":"u8).Add(choice).Add(",\"delta\":{"u8);
    }

    /// <summary>Ends the event in the buffer and sends it, or does instead what the behaviour has for its turn.</summary>
    /// <returns>Null to go on; else how the exchange ends.</returns>
    private ValueTask<ExchangeOutcome?> EndEventAsync(bool alone, bool hasUsage = false, bool isLast = false)
    {
        if (hasUsage && !_behaviour.MissingUsage)
        {
            exchange.AddUsage(buffer.Add(",\"usage\":"u8));
        }
        else if (_hasUsageNull)
        {
            buffer.Add(",\"usage\":null"u8);
        }

        if (_first)
        {
            _first = false;
            exchange.AddEcho(buffer);
        }

        buffer.Add("}\n\n"u8);
        return SendEventAsync(alone, isLast);
    }

    private async ValueTask<ExchangeOutcome?> SendEventAsync(bool alone, bool isLast)
    {
        if (_isPlain)
        {
            if (!alone)
            {
                output.Hold(buffer.Span);
                return null;
            }

            await output.SendAsync(buffer.Memory);
            return output.IsClosed ? ExchangeOutcome.ClientGone : null;
        }

        if (await FaultBeforeAsync(_events++) is { } fault)
        {
            return fault;
        }

        await output.SendAsync(Shape(buffer.Span, isLast));
        return output.IsClosed ? ExchangeOutcome.ClientGone : null;
    }

    private async ValueTask<ExchangeOutcome?> FaultBeforeAsync(int eventNumber)
    {
        if (eventNumber == _behaviour.BreakAfter)
        {
            return ExchangeOutcome.Broken;
        }

        if (eventNumber == _behaviour.HangAfter)
        {
            await output.FlushAsync();
            await exchange.HangAsync(SendCommentAsync);
        }

        if (eventNumber == _behaviour.ErrorAfter)
        {
            return ExchangeOutcome.Failed;
        }

        if (eventNumber == _behaviour.BrokenJson)
        {
            await output.SendAsync(Shape([.. buffer.Span[..(buffer.Length / 2)], (byte)'\n', (byte)'\n'], isLast: false));
        }

        return null;
    }

    private async ValueTask WaitAsync(TimeSpan time)
    {
        var pause = TimeSpan.FromMilliseconds(_behaviour.Comments);
        while (pause > TimeSpan.Zero && time > pause)
        {
            await Task.Delay(pause, exchange.ClientGone);
            await SendCommentAsync();
            time -= pause;
        }

        if (time > TimeSpan.Zero)
        {
            await Task.Delay(time, exchange.ClientGone);
        }
    }

    private async ValueTask SendCommentAsync()
    {
        output.Hold(Shape(": keep-alive\n\n"u8, isLast: false));
        await output.FlushAsync();
    }

    private byte[] Shape(ReadOnlySpan<byte> usualForm, bool isLast) => BodyOutput.Shape(usualForm, _behaviour, isLast);
}
