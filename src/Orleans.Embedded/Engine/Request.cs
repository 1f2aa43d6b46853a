namespace Orleans.Embedded;

/// <summary>What an activation runs one of at a time: a call or a timer's tick. Links itself into the activation's queue.</summary>
internal abstract class Request
{
    public Request? Next { get; set; }

    /// <summary>Whether it may start while another request of a grain that is not reentrant awaits.</summary>
    public abstract bool Interleaves { get; }

    /// <summary>Whether it counts as use of the activation.</summary>
    public abstract bool KeepsAlive { get; }

    /// <summary>Whether nobody waits for it any more, so that it need not start.</summary>
    public virtual bool IsAbandoned => false;

    /// <summary>Runs it; never throws.</summary>
    public abstract Task InvokeAsync(Grain grain);

    public abstract void Complete(Task outcome);
}

/// <summary>A call of a grain's method.</summary>
internal abstract class Call(GrainMethod method, object?[] arguments) : Request
{
    private CancellationTokenRegistration _cancellation;

    public sealed override bool Interleaves => method.Interleaves;

    public sealed override bool KeepsAlive => true;

    public sealed override bool IsAbandoned => Answer.IsCompleted;

    /// <summary>How often the call was passed on because its activation ended.</summary>
    public int Forwards { get; set; }

    public abstract Task Answer { get; }

    public sealed override Task InvokeAsync(Grain grain)
    {
        try
        {
            return method.Invoke(grain, arguments) ?? throw new InvalidOperationException($"{grain.GetType()} returned no task.");
        }
        catch (Exception exception)
        {
            return Failed(exception);
        }
    }

    public sealed override void Complete(Task outcome)
    {
        _cancellation.Unregister();
        TrySetOutcome(outcome);
    }

    /// <summary>Answers a call that never ran.</summary>
    public void Fail(Exception exception) => Complete(Failed(exception));

    /// <summary>Lets a cancelled caller go at once, as Orleans does by default; the grain sees the same token.</summary>
    public void CancelWith(CancellationToken token) =>
        _cancellation = token.UnsafeRegister(static (call, token) => ((Call)call!).TryCancel(token), this);

    protected abstract Task Failed(Exception exception);

    protected abstract void TryCancel(CancellationToken token);

    protected abstract void TrySetOutcome(Task outcome);
}

// The sources below run continuations where they belong without RunContinuationsAsynchronously: they complete inside a turn, where
// nothing of another scheduler is inlined. With it, Task.WhenAll and WaitAsync on an answer would go through the thread pool.

/// <summary>A call whose method returns no value.</summary>
internal sealed class VoidCall(GrainMethod method, object?[] arguments) : Call(method, arguments)
{
    private readonly TaskCompletionSource _answer = new();

    public override Task Answer => _answer.Task;

    protected override Task Failed(Exception exception) => Task.FromException(exception);

    protected override void TryCancel(CancellationToken token) => _answer.TrySetCanceled(token);

    protected override void TrySetOutcome(Task outcome) => _answer.TrySetFromTask(outcome);
}

/// <summary>A call whose method returns a value.</summary>
internal sealed class ValueCall<T>(GrainMethod method, object?[] arguments) : Call(method, arguments)
{
    private readonly TaskCompletionSource<T> _answer = new();

    public override Task Answer => _answer.Task;

    protected override Task Failed(Exception exception) => Task.FromException<T>(exception);

    protected override void TryCancel(CancellationToken token) => _answer.TrySetCanceled(token);

    protected override void TrySetOutcome(Task outcome) => _answer.TrySetFromTask((Task<T>)outcome);
}
