using System.Text;
using OrleansGateway.Edge.Accounting;
using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Protocols.Metering;

namespace OrleansGateway.Edge.Fronts.OpenAI.Realtime;

/// <summary>One response, or one transcription, of a session: its hold, and what has come of it. Ready until it begins.</summary>
internal sealed class RealtimeCall(CostBound bound, HoldSession hold, TimeProvider time)
{
    private long _beganAt = time.GetTimestamp();
    private byte[] _id = [];
    private TokenEstimate _text;
    private long _audioTokens;

    public CostBound Bound => bound;

    public HoldSession Hold => hold;

    public string Id { get; private set; } = "";

    /// <summary>The most that its input can be, tokens.</summary>
    public long InputTokensMax { get; private set; }

    /// <summary>The most that its output can become, tokens.</summary>
    public long OutputTokensMax { get; private set; }

    /// <summary>Its input as far as it can be told, for want of its provider's report.</summary>
    public TokenUsage EstimatedInput { get; private set; }

    /// <summary>Output so far at the most: no model writes a token that is no byte.</summary>
    public long MostOutputTokens => _text.Bytes + _audioTokens;

    /// <summary>What it has used, as far as it can be told from what came.</summary>
    public TokenUsage Estimated => (EstimatedInput with { Output = _text.Tokens, AudioOutput = _audioTokens, IsEstimated = true }).CappedAt(OutputTokensMax);

    public bool HasOutput => MostOutputTokens > 0;

    /// <summary>Whether only its end tells how long the turn is that it transcribes.</summary>
    public bool IsOfUnknownLength { get; set; }

    public bool ClientGotOutput { get; set; }

    /// <summary>From its beginning to its first content, ms; -1 until it comes.</summary>
    public long FirstByteMs { get; private set; } = -1;

    public long ElapsedMs => (long)time.GetElapsedTime(_beganAt).TotalMilliseconds;

    public bool Is(ReadOnlySpan<byte> id) => _id.AsSpan().SequenceEqual(id);

    public void Begin(string id, long inputTokensMax, long outputTokensMax, in TokenUsage estimatedInput)
    {
        (Id, _id, _beganAt) = (id, Encoding.UTF8.GetBytes(id), time.GetTimestamp());
        (InputTokensMax, OutputTokensMax, EstimatedInput) = (inputTokensMax, outputTokensMax, estimatedInput);
    }

    public void AddText(ReadOnlySpan<byte> delta)
    {
        _text.AddJson(delta);
        GotOutput();
    }

    public void AddAudio(long tokens)
    {
        _audioTokens += tokens;
        GotOutput();
    }

    private void GotOutput() => FirstByteMs = FirstByteMs < 0 ? ElapsedMs : FirstByteMs;
}
