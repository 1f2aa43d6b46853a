using System.Collections.Immutable;

namespace OrleansGateway.Edge.Accounting;

/// <summary>
/// Messages of one kind to one account in another process. A few calls are on their way at a time; what comes meanwhile goes together with
/// the next. So a message to an account with little to do never waits, and one to a hot account costs a part of a call.
/// </summary>
/// <param name="callsMax">The most calls on their way.</param>
/// <param name="itemsMax">The most messages in one call.</param>
/// <param name="ask">Answers in the order of the messages; the default array if no answer came. Never fails.</param>
internal sealed class Lane<TRequest, TAnswer>(
    int callsMax, int itemsMax, Func<ImmutableArray<TRequest>, Task<ImmutableArray<TAnswer>>> ask)
    where TAnswer : class?
{
    private readonly Lock _lock = new();
    private readonly Queue<(TRequest Request, TaskCompletionSource<TAnswer?> Answer)> _waiting = new();
    private int _running;

    /// <summary>The answer, or null if none came in time.</summary>
    public Task<TAnswer?> AskAsync(TRequest request)
    {
        var answer = new TaskCompletionSource<TAnswer?>(TaskCreationOptions.RunContinuationsAsynchronously);
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
            for (var i = 0; i < waiters.Length; i++)
            {
                waiters[i].SetResult(answers.IsDefault ? null : answers[i]);
            }
        }
    }

    /// <summary>Takes what waits; where nothing does, the caller is done.</summary>
    private bool TryTake(out ImmutableArray<TRequest> requests, out TaskCompletionSource<TAnswer?>[] waiters)
    {
        lock (_lock)
        {
            var count = Math.Min(_waiting.Count, itemsMax);
            var taken = ImmutableArray.CreateBuilder<TRequest>(count);
            waiters = new TaskCompletionSource<TAnswer?>[count];
            for (var i = 0; i < count; i++)
            {
                (var request, waiters[i]) = _waiting.Dequeue();
                taken.Add(request);
            }

            requests = taken.MoveToImmutable();
            _running -= count > 0 ? 0 : 1;
            return count > 0;
        }
    }
}
