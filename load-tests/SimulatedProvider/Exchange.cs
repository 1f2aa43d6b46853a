namespace OrleansGateway.SimulatedProvider;

/// <summary>How a chat request ended.</summary>
public enum ExchangeOutcome
{
    /// <summary>It is still being answered.</summary>
    Running,

    /// <summary>The whole answer was sent, faults of its form included.</summary>
    Completed,

    /// <summary>An error was answered, or sent in the stream.</summary>
    Failed,

    /// <summary>The provider reset the connection, as it was told to.</summary>
    Broken,

    /// <summary>The client closed the connection first.</summary>
    ClientGone,
}

/// <summary>One chat request being answered.</summary>
internal sealed class Exchange(HttpContext context, long number, ChatRequest request, SimulatedBehaviour behaviour)
{
    public HttpContext Context { get; } = context;

    public ChatRequest Request { get; } = request;

    public SimulatedBehaviour Behaviour { get; } = behaviour;

    /// <summary>Unix seconds.</summary>
    public long Created { get; } = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds();

    public string ResponseId { get; } = string.Create(null, stackalloc char[32], $"chatcmpl-sim{number:x12}");

    public CancellationToken ClientGone => Context.RequestAborted;

    /// <summary>Adds <c>"usage"</c>'s value.</summary>
    public void AddUsage(ByteBuffer buffer)
    {
        if (Behaviour.Usage is { } usage)
        {
            buffer.Add(usage.ToJsonString());
            return;
        }

        var prompt = Request.PromptTokens;
        var completion = Request.CompletionTokens(Behaviour).Tokens * Request.Choices;
        buffer.Add("{\"prompt_tokens\":"u8).Add(prompt)
            .Add(",\"completion_tokens\":"u8).Add(completion)
            .Add(",\"total_tokens\":"u8).Add(prompt + completion)
            .Add(",\"prompt_tokens_details\":{\"cached_tokens\":"u8).Add(Behaviour.CachedTokens);
        if (Behaviour.CacheWriteTokens != 0)
        {
            buffer.Add(",\"cache_write_tokens\":"u8).Add(Behaviour.CacheWriteTokens);
        }

        buffer.Add(",\"audio_tokens\":"u8).Add(Behaviour.AudioTokens)
            .Add("},\"completion_tokens_details\":{\"reasoning_tokens\":"u8).Add(Behaviour.ReasoningTokens)
            .Add(",\"audio_tokens\":"u8).Add(Behaviour.OutputAudioTokens)
            .Add(",\"accepted_prediction_tokens\":0,\"rejected_prediction_tokens\":0}}"u8);
    }

    /// <summary>Adds <c>,"echo_headers":{…}</c> when the behaviour asks for it.</summary>
    public void AddEcho(ByteBuffer buffer)
    {
        if (Behaviour.EchoHeaders)
        {
            var headers = Context.Request.Headers.ToDictionary(header => header.Key, header => header.Value.ToString());
            buffer.Add(",\"echo_headers\":"u8).Add(System.Text.Json.JsonSerializer.SerializeToUtf8Bytes(headers));
        }
    }

    /// <summary>Adds the text of one token, <see cref="SimulatedBehaviour.Big"/> included.</summary>
    public void AddToken(ByteBuffer buffer, int choice, long position)
    {
        buffer.Add(Words.At(Request.Seed, choice, position));
        if (position == 0 && Behaviour.Big > 0)
        {
            buffer.Fill((byte)'x', Behaviour.Big);
        }
    }

    /// <summary>Falls silent until the client has gone; <paramref name="comment"/> sends a comment, if there are to be any.</summary>
    public async Task HangAsync(Func<ValueTask>? comment)
    {
        while (comment is not null && Behaviour.Comments > 0)
        {
            await Task.Delay(Behaviour.Comments, ClientGone);
            await comment();
        }

        await Task.Delay(Timeout.Infinite, ClientGone);
    }
}
