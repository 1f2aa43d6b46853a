using Orleans.CodeGeneration;
using Orleans.Serialization.Invocation;

namespace OrleansGateway.Tests.Engine;

/// <summary>What an activation runs one of at a time, unless they interleave: a call or a timer's tick.</summary>
internal abstract class Request
{
    /// <summary>Whether it may start while another request of a grain that is not reentrant awaits.</summary>
    public abstract bool Interleaves { get; }

    /// <summary>Whether it counts as use of the activation.</summary>
    public abstract bool KeepsAlive { get; }

    /// <summary>Runs it; never throws.</summary>
    public abstract Task RunAsync(Activation activation);
}

/// <summary>A call of a grain's method.</summary>
internal abstract class Call(InvokeMethodOptions options) : Request
{
    public sealed override bool Interleaves => options.HasFlag(InvokeMethodOptions.AlwaysInterleave);

    public sealed override bool KeepsAlive => true;

    /// <summary>Answers a call that never ran.</summary>
    public abstract void Fail(Exception exception);
}

/// <inheritdoc cref="Call"/>
internal sealed class Call<T>(IInvokable request, InvokeMethodOptions options) : Call(options)
{
    // Without RunContinuationsAsynchronously: it completes inside a turn, where nothing of another scheduler is inlined. With it,
    // Task.WhenAll and WaitAsync on an answer would go through the thread pool.
    private readonly TaskCompletionSource<T?> _answer = new();

    public Task<T?> Answer => _answer.Task;

    public override void Fail(Exception exception) => _answer.TrySetException(exception);

    public override async Task RunAsync(Activation activation)
    {
        request.SetTarget(activation);
        using var response = await request.Invoke();
        if (response.Exception is { } exception)
        {
            Fail(exception);
        }
        else
        {
            _answer.TrySetResult(response.GetResult<T>());
        }
    }
}
