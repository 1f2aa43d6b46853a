using Microsoft.Extensions.Options;
using OrleansGateway.Edge.Pipeline;

namespace OrleansGateway.Edge.Bodies;

/// <summary>
/// The memory for answers that have to be kept until they are paid for. Ordinary ones are too small to count; what is larger takes its room
/// here.
/// </summary>
internal sealed class AnswerBodies
{
    private readonly BodyBudget _budget;

    public AnswerBodies(EdgeMetrics metrics, TimeProvider time, IOptions<EdgeOptions> options)
    {
        MaxBytes = options.Value.MaxAnswerBytes;
        _budget = new BodyBudget(options.Value.AnswerBytes, time);
        metrics.WatchAnswers(_budget);
    }

    /// <summary>The largest answer, bytes.</summary>
    public int MaxBytes { get; }

    /// <summary>The room of one answer.</summary>
    public AnswerRoom Open(Caller caller) => new(_budget, new BodyOwner(caller.Key.KeyId, caller.Address), MaxBytes);
}

/// <summary>What one answer takes.</summary>
internal sealed class AnswerRoom(BodyBudget budget, BodyOwner owner, int maxBytes) : IDisposable
{
    private BodyRoom _room;
    private long _bytes = Math.Min(BodyBudget.LargeBytes, maxBytes);

    /// <summary>Whether an answer of this size is more than what it has room for.</summary>
    public bool IsFull(long bytes) => bytes > _bytes;

    /// <summary>Makes room for an answer that grows.</summary>
    /// <returns>How the attempt ends for want of it; null when there is room.</returns>
    public async ValueTask<AttemptEnd?> GrowAsync(long bytes, CancellationToken cancellationToken)
    {
        if (bytes > maxBytes)
        {
            return AttemptEnd.TooLarge;
        }

        // Memory that grows by doubling holds old and new for a moment.
        var (next, old) = (Math.Min(Math.Max(2 * _bytes, bytes), maxBytes), _room);
        if (await budget.TakeAsync(owner, next, cancellationToken) is not { } room)
        {
            return AttemptEnd.NoRoom;
        }

        old.GiveBack();
        (_room, _bytes) = (room, next);
        return null;
    }

    public void Dispose() => _room.GiveBack();
}
