using OrleansGateway.Grains.Contracts.Accounts;

namespace OrleansGateway.Edge.Idempotency;

/// <summary>An answer that was not streamed, as it was sent.</summary>
/// <param name="CostNanos">Its charge.</param>
/// <param name="Type">Its <c>Content-Type</c>.</param>
internal sealed record KeptAnswer(byte[] Body, long CostNanos, string Type, DateTimeOffset KeptAt);

/// <summary>
/// The answers that a repeated Idempotency-Key gets again, by the id of the request that made them: in memory only, bounded,
/// the oldest forgotten first, none older than a day.
/// </summary>
internal sealed class AnswerCache(long bytesMax, TimeProvider time)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, KeptAnswer> _answers = new(StringComparer.Ordinal);
    private readonly Queue<string> _order = new();
    private long _bytes;

    /// <summary>The largest answer that is kept, bytes.</summary>
    public int LargestBytes { get; } = (int)Math.Min(bytesMax / 8, int.MaxValue);

    public void Keep(string requestId, ReadOnlySpan<byte> body, long costNanos, string type = "application/json")
    {
        if (body.Length > LargestBytes)
        {
            return;
        }

        var answer = new KeptAnswer(body.ToArray(), costNanos, type, time.GetUtcNow());
        lock (_lock)
        {
            if (!_answers.TryAdd(requestId, answer))
            {
                return;
            }

            _order.Enqueue(requestId);
            _bytes += body.Length;
            while (_bytes > bytesMax || time.GetUtcNow() - _answers[_order.Peek()].KeptAt > AccountProtocol.IdempotencyAgeMax)
            {
                _answers.Remove(_order.Dequeue(), out var oldest);
                _bytes -= oldest!.Body.Length;
            }
        }
    }

    public KeptAnswer? Find(string requestId)
    {
        lock (_lock)
        {
            return _answers.TryGetValue(requestId, out var answer) && time.GetUtcNow() - answer.KeptAt <= AccountProtocol.IdempotencyAgeMax ? answer : null;
        }
    }
}
