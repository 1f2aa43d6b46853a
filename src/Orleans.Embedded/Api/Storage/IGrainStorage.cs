using Orleans.Runtime;

namespace Orleans.Storage;

/// <summary>Keeps the states of grains. Registered as a service under the name that <see cref="PersistentStateAttribute"/> says.</summary>
public interface IGrainStorage
{
    /// <summary>Fills in what is stored, or a new state, no etag and no record.</summary>
    Task ReadStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState);

    /// <inheritdoc cref="ReadStateAsync{T}(string,GrainId,IGrainState{T})"/>
    Task ReadStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState, CancellationToken cancellationToken) =>
        ReadStateAsync(stateName, grainId, grainState);

    /// <summary>Stores the state and fills in the new etag.</summary>
    /// <exception cref="InconsistentStateException">What is stored has another etag.</exception>
    Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState);

    /// <inheritdoc cref="WriteStateAsync{T}(string,GrainId,IGrainState{T})"/>
    Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState, CancellationToken cancellationToken) =>
        WriteStateAsync(stateName, grainId, grainState);

    /// <summary>Takes the state out of storage and fills in a new one and its etag, if it keeps one.</summary>
    /// <exception cref="InconsistentStateException">What is stored has another etag.</exception>
    Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState);

    /// <inheritdoc cref="ClearStateAsync{T}(string,GrainId,IGrainState{T})"/>
    Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState, CancellationToken cancellationToken) =>
        ClearStateAsync(stateName, grainId, grainState);
}

/// <summary>Makes bytes of a state, and a state of bytes.</summary>
public interface IGrainStorageSerializer
{
    /// <summary>Makes bytes of a state.</summary>
    BinaryData Serialize<T>(T? input);

    /// <summary>Makes a state of bytes.</summary>
    T? Deserialize<T>(BinaryData input);
}

/// <summary>What is stored is not what this activation read or wrote last: another one wrote it. When it leaves a grain's method, the
/// activation ends, and the next one reads what is stored.</summary>
public class InconsistentStateException : OrleansException
{
    /// <inheritdoc cref="InconsistentStateException"/>
    public InconsistentStateException(string message)
        : base(message)
    {
    }

    /// <inheritdoc cref="InconsistentStateException"/>
    /// <param name="errorMsg">The message.</param>
    /// <param name="storedEtag">The etag of what is stored.</param>
    /// <param name="currentEtag">The etag that was expected.</param>
    public InconsistentStateException(string errorMsg, string? storedEtag, string? currentEtag)
        : base(errorMsg)
    {
        StoredEtag = storedEtag;
        CurrentEtag = currentEtag;
    }

    /// <summary>The etag of what is stored, where the storage says it.</summary>
    public string? StoredEtag { get; }

    /// <summary>The etag that was expected, where the storage says it.</summary>
    public string? CurrentEtag { get; }

    /// <summary>Whether it has left no grain's method yet: it ends the activation that it came from, not that one's callers.</summary>
    internal bool IsSourceActivation { get; set; } = true;
}

/// <summary>A grain asks for a storage that is not among the services.</summary>
public sealed class BadProviderConfigException(string msg) : OrleansException(msg);
