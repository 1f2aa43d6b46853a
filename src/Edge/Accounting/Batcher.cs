using System.Collections.Immutable;

namespace OrleansGateway.Edge.Accounting;

/// <summary>
/// Messages of one kind to one account in another process. A few calls are on their way at a time; what comes meanwhile goes together with
/// the next. So a message to an account with little to do never waits, and one to a hot account costs a part of a call.
/// </summary>
/// <param name="callsMax">The most calls on their way.</param>
/// <param name="itemsMax">The most messages in one call.</param>
/// <param name="stamp">What a message is told last, when it goes.</param>
/// <param name="ask">Answers in the order of the messages; the default array if no answer came. Never fails.</param>
internal sealed class Batcher<TRequest, TAnswer>(
    int callsMax, int itemsMax, Func<TRequest, TRequest> stamp, Func<ImmutableArray<TRequest>, Task<ImmutableArray<TAnswer>>> ask)
{
    private readonly Lock _lock = new();
    private readonly Queue<(TRequest Request, TaskCompletionSource<(bool, TAnswer?)> Answer)> _waiting = new();
    private int _running;

    /// <summary>The answer, if one came in time.</summary>
    public Task<(bool IsAnswered, TAnswer? Answer)> AskAsync(TRequest request)
    {
        var answer = new TaskCompletionSource<(bool, TAnswer?)>(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_lock)
        {
            _waiting.Enqueue((request, answer));
            if (_running == callsMax)
            {
                return answer.Task;
            }

            _running++;
        }

        // It goes on for others, and must not keep what belongs to this request.
        using (ExecutionContext.SuppressFlow())
        {
            _ = RunAsync();
        }

        return answer.Task;
    }

    private async Task RunAsync()
    {
        while (TryTake(out var requests, out var waiters))
        {
            var answers = await ask(requests);
            var answered = answers.IsDefault ? 0 : answers.Length;
            for (var i = 0; i < waiters.Length; i++)
            {
                waiters[i].SetResult(i < answered ? (true, answers[i]) : (false, default));
            }
        }
    }

    /// <summary>Takes what waits; where nothing does, the caller is done.</summary>
    private bool TryTake(out ImmutableArray<TRequest> requests, out TaskCompletionSource<(bool, TAnswer?)>[] waiters)
    {
        lock (_lock)
        {
            var count = Math.Min(_waiting.Count, itemsMax);
            var taken = ImmutableArray.CreateBuilder<TRequest>(count);
            waiters = new TaskCompletionSource<(bool, TAnswer?)>[count];
            for (var i = 0; i < count; i++)
            {
                (var request, waiters[i]) = _waiting.Dequeue();
                taken.Add(stamp(request));
            }

            requests = taken.MoveToImmutable();
            _running -= count > 0 ? 0 : 1;
            return count > 0;
        }
    }
}
