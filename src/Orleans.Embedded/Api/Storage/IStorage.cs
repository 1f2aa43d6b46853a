namespace Orleans.Core;

/// <summary>A grain's state in storage. Only the grain's own requests may use it; its operations run one after the other.</summary>
/// <remarks>A failure is an <see cref="Runtime.OrleansException"/>: an <see cref="Storage.InconsistentStateException"/> when the stored
/// state is not the one that was read, else one with the storage's exception inside. What is in memory stays as it was.</remarks>
public interface IStorage
{
    /// <summary>The version that the storage gave the state when it was last read or written; null when there is none.</summary>
    string? Etag { get; }

    /// <summary>Whether there is a state in storage, as of the last operation.</summary>
    /// <exception cref="InvalidOperationException">The state has not been read yet.</exception>
    bool RecordExists { get; }

    /// <summary>Takes the state out of storage and sets the one in memory to a new one.</summary>
    Task ClearStateAsync();

    /// <summary>Writes the state in memory to storage. A call shares the write of one before that has not begun.</summary>
    Task WriteStateAsync();

    /// <summary>Replaces the state in memory by the one in storage, by a new one when there is none.</summary>
    Task ReadStateAsync();

    /// <inheritdoc cref="ClearStateAsync()"/>
    Task ClearStateAsync(CancellationToken cancellationToken) => ClearStateAsync();

    /// <inheritdoc cref="WriteStateAsync()"/>
    Task WriteStateAsync(CancellationToken cancellationToken) => WriteStateAsync();

    /// <inheritdoc cref="ReadStateAsync()"/>
    Task ReadStateAsync(CancellationToken cancellationToken) => ReadStateAsync();
}

/// <inheritdoc/>
/// <typeparam name="TState">Has a public constructor without parameters.</typeparam>
public interface IStorage<TState> : IStorage
{
    /// <summary>The state in memory.</summary>
    TState State { get; set; }
}
