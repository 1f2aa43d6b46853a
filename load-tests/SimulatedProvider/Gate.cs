namespace OrleansGateway.SimulatedProvider;

/// <summary>Holds new requests while it is closed.</summary>
internal sealed class Gate
{
    private readonly Lock _lock = new();
    private volatile TaskCompletionSource? _closed;

    public void Close()
    {
        lock (_lock)
        {
            _closed ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }

    public void Open()
    {
        lock (_lock)
        {
            _closed?.SetResult();
            _closed = null;
        }
    }

    public ValueTask PassAsync(Counters counters, HttpContext context) =>
        _closed is { } closed ? WaitAsync(closed.Task, counters, context.RequestAborted) : ValueTask.CompletedTask;

    private static async ValueTask WaitAsync(Task opened, Counters counters, CancellationToken clientGone)
    {
        counters.BeginWait();
        try
        {
            await opened.WaitAsync(clientGone);
        }
        finally
        {
            counters.EndWait();
        }
    }
}
