namespace Orleans;

/// <summary>A grain's state with what its storage says of it.</summary>
public interface IGrainState<T>
{
    /// <summary>The state.</summary>
    T? State { get; set; }

    /// <summary>The version that the storage gave it.</summary>
    string? ETag { get; set; }

    /// <summary>Whether there is one in storage.</summary>
    bool RecordExists { get; set; }
}

/// <inheritdoc/>
public sealed class GrainState<T> : IGrainState<T>
{
    /// <summary>Makes one without a state.</summary>
    public GrainState()
    {
    }

    /// <summary>Makes one that is not in storage yet.</summary>
    public GrainState(T? state) => State = state;

    /// <inheritdoc/>
    public T? State { get; set; }

    /// <inheritdoc/>
    public string? ETag { get; set; }

    /// <inheritdoc/>
    public bool RecordExists { get; set; }
}
