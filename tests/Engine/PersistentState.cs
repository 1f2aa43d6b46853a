using Orleans;
using Orleans.Runtime;
using Orleans.Storage;

namespace OrleansGateway.Tests.Engine;

/// <summary>A state that is read before its grain is activated.</summary>
internal interface IStoredState
{
    Task ReadStateAsync(CancellationToken cancellationToken);
}

/// <summary>A state of one activation, which takes care itself that its storage operations do not overlap.</summary>
internal sealed class PersistentState<T>(string name, GrainId grain, IGrainStorage storage) : IPersistentState<T>, IStoredState
{
    private readonly GrainState<T> _memory = new(Activator.CreateInstance<T>());

    public T State
    {
        get => _memory.State!;
        set => _memory.State = value;
    }

    public string? Etag => _memory.ETag;

    public bool RecordExists => _memory.RecordExists;

    public Task ReadStateAsync() => ReadStateAsync(CancellationToken.None);

    public Task WriteStateAsync() => WriteStateAsync(CancellationToken.None);

    public Task ClearStateAsync() => ClearStateAsync(CancellationToken.None);

    public Task ReadStateAsync(CancellationToken cancellationToken) => storage.ReadStateAsync(name, grain, _memory, cancellationToken);

    public Task WriteStateAsync(CancellationToken cancellationToken) => storage.WriteStateAsync(name, grain, _memory, cancellationToken);

    public Task ClearStateAsync(CancellationToken cancellationToken) => storage.ClearStateAsync(name, grain, _memory, cancellationToken);
}
