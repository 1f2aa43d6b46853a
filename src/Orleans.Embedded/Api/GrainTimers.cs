using System.Diagnostics.CodeAnalysis;

namespace Orleans.Runtime;

/// <summary>A timer of a grain.</summary>
public interface IGrainTimer : IDisposable
{
    /// <summary>Sets new times; during a tick they hold from its end.</summary>
    /// <param name="dueTime">Until the next tick; <see cref="Timeout.InfiniteTimeSpan"/> for none.</param>
    /// <param name="period">From the end of a tick to the next; <see cref="Timeout.InfiniteTimeSpan"/> for no further ones.</param>
    void Change(TimeSpan dueTime, TimeSpan period);
}

/// <summary>How a grain's timer runs.</summary>
public readonly struct GrainTimerCreationOptions()
{
    /// <summary>Makes options with these times.</summary>
    [SetsRequiredMembers]
    public GrainTimerCreationOptions(TimeSpan dueTime, TimeSpan period)
        : this()
    {
        DueTime = dueTime;
        Period = period;
    }

    /// <summary>Until the first tick; <see cref="Timeout.InfiniteTimeSpan"/> for none.</summary>
    public required TimeSpan DueTime { get; init; }

    /// <summary>From the end of a tick to the next; <see cref="Timeout.InfiniteTimeSpan"/> for a single one.</summary>
    public required TimeSpan Period { get; init; }

    /// <summary>Whether ticks may start while a request of a grain that is not reentrant awaits.</summary>
    public bool Interleave { get; init; }

    /// <summary>Whether a tick counts as use and so puts off idle collection.</summary>
    public bool KeepAlive { get; init; }
}
