using System.Collections.Immutable;

namespace OrleansGateway.Edge.Accounting;

/// <summary>
/// Messages of one kind to one account in another process. One call is on its way at a time; what comes meanwhile goes with the next.
/// </summary>
/// <param name="itemsMax">The most messages in one call.</param>
/// <param name="ask">Answers in the order of the messages; the default array if no answer came. Never fails.</param>
internal sealed class Lane<TRequest, TAnswer>(int itemsMax, Func<ImmutableArray<TRequest>, Task<ImmutableArray<TAnswer>>> ask)
    where TAnswer : class?
{
    private readonly Lock _lock = new();
    private readonly Queue<(TRequest Request, TaskCompletionSource<TAnswer?> Answer)> _waiting = new();
    private bool _isRunning;

    /// <summary>The answer, or null if none came in time.</summary>
    public Task<TAnswer?> AskAsync(TRequest request)
    {
        var answer = new TaskCompletionSource<TAnswer?>(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_lock)
        {
            _waiting.Enqueue((request, answer));
            if (_isRunning)
            {
                return answer.Task;
            }

            _isRunning = true;
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
            return _isRunning = count > 0;
        }
    }
}
