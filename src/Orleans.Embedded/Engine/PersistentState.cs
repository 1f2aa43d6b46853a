using Orleans.Runtime;
using Orleans.Storage;

namespace Orleans.Embedded;

/// <summary>A state of one activation: what is in memory, and the queue of its storage operations.</summary>
internal sealed class PersistentState<TState>(string name, Activation activation, IGrainStorage storage) : IPersistentState<TState>
{
    private GrainState<TState>? _memory;
    private Operation? _last;
    private bool _isRead;

    private enum Kind
    {
        Read,
        Write,
        Clear,
    }

    public TState State
    {
        get
        {
            CheckTurn();
            return _memory is null ? default! : _memory.State!;
        }

        set
        {
            CheckTurn();
            Memory.State = value;
        }
    }

    public string? Etag => _memory?.ETag;

    public bool RecordExists => _isRead ? Memory.RecordExists : throw new InvalidOperationException("State has not yet been loaded");

    private GrainState<TState> Memory => _memory ??= new(Activator.CreateInstance<TState>());

    public Task ReadStateAsync() => ReadStateAsync(CancellationToken.None);

    public Task WriteStateAsync() => WriteStateAsync(CancellationToken.None);

    public Task ClearStateAsync() => ClearStateAsync(CancellationToken.None);

    public Task ReadStateAsync(CancellationToken cancellationToken) => Enqueue(Kind.Read, cancellationToken);

    public Task WriteStateAsync(CancellationToken cancellationToken) => Enqueue(Kind.Write, cancellationToken);

    public Task ClearStateAsync(CancellationToken cancellationToken) => Enqueue(Kind.Clear, cancellationToken);

    private static void CheckTurn()
    {
        if (Activation.Current is null)
        {
            throw new InvalidOperationException(
                "Activation access violation. A non-activation thread attempted to access activation services.");
        }
    }

    private Task Enqueue(Kind kind, CancellationToken token)
    {
        CheckTurn();
        if (kind != Kind.Read && _last is { IsStarted: false } last && last.Kind == kind
            && !token.CanBeCanceled && !last.Token.CanBeCanceled)
        {
            return last.Completion;
        }

        var operation = new Operation(kind, token);
        operation.Completion = RunAsync(operation, _last);
        _last = operation;
        return operation.Completion;
    }

    private async Task RunAsync(Operation operation, Operation? before)
    {
        // Everything else of this turn comes first, so that its writes are one.
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding | ConfigureAwaitOptions.ContinueOnCapturedContext);
        var isDone = false;
        if (before is not null)
        {
            await before.Completion.ConfigureAwait(
                ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
            isDone = before.Completion.IsCompletedSuccessfully
                && (operation.Kind == Kind.Read || (operation.Kind == Kind.Clear && before.Kind == Kind.Clear));
        }

        operation.IsStarted = true;
        try
        {
            if (!isDone)
            {
                await CallStorageAsync(operation);
            }

            _isRead |= operation.Kind == Kind.Read;
        }
        finally
        {
            if (_last == operation)
            {
                _last = null;
            }
        }
    }

    private async Task CallStorageAsync(Operation operation)
    {
        try
        {
            await (operation.Kind switch
            {
                Kind.Read => storage.ReadStateAsync(name, activation.GrainId, Memory, operation.Token),
                Kind.Write => storage.WriteStateAsync(name, activation.GrainId, Memory, operation.Token),
                _ => storage.ClearStateAsync(name, activation.GrainId, Memory, operation.Token),
            });
        }
        catch (OperationCanceledException) when (operation.Token.IsCancellationRequested)
        {
            throw;
        }
        catch (Exception exception)
        {
            activation.Runtime.Log.StorageFailed(exception, operation.Kind, name, activation);
            if (exception is OrleansException)
            {
                throw;
            }

            throw new OrleansException(
                $"Error from storage provider {storage.GetType().Name}.{name} during {operation.Kind}StateAsync for grain {activation.GrainId}.",
                exception);
        }
    }

    private sealed class Operation(Kind kind, CancellationToken token)
    {
        public Kind Kind { get; } = kind;

        public CancellationToken Token { get; } = token;

        public bool IsStarted { get; set; }

        public Task Completion { get; set; } = null!;
    }
}
