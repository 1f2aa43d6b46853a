namespace OrleansGateway.Tests.Conformance;

/// <summary>What tests and grains tell each other: a log, and gates that grains wait at.</summary>
public sealed class Probe
{
    private readonly Lock _lock = new();
    private readonly List<string> _notes = [];
    private readonly Dictionary<string, TaskCompletionSource> _noted = [];
    private readonly Dictionary<string, TaskCompletionSource> _gates = [];
    private bool _allOpen;

    /// <summary>Whether grains should fail to activate.</summary>
    public bool FailActivation { get; set; }

    /// <summary>Whether grains should fail in their constructor.</summary>
    public bool FailConstruction { get; set; }

    /// <summary>Everything noted so far, in order.</summary>
    public string[] Notes
    {
        get
        {
            lock (_lock)
            {
                return [.. _notes];
            }
        }
    }

    public int Count(string note) => Notes.Count(other => other == note);

    public void Note(string note)
    {
        TaskCompletionSource noted;
        lock (_lock)
        {
            _notes.Add(note);
            noted = Source(_noted, note);
        }

        noted.TrySetResult();
    }

    /// <summary>Completes when this is noted for the first time.</summary>
    public Task NotedAsync(string note)
    {
        lock (_lock)
        {
            return Source(_noted, note).Task;
        }
    }

    /// <summary>Where grains wait until the test opens it.</summary>
    public Task GateAsync(string name)
    {
        lock (_lock)
        {
            return _allOpen ? Task.CompletedTask : Source(_gates, name).Task;
        }
    }

    public void Open(string name)
    {
        TaskCompletionSource gate;
        lock (_lock)
        {
            gate = Source(_gates, name);
        }

        gate.TrySetResult();
    }

    public void OpenAll()
    {
        TaskCompletionSource[] gates;
        lock (_lock)
        {
            _allOpen = true;
            gates = [.. _gates.Values];
        }

        foreach (var gate in gates)
        {
            gate.TrySetResult();
        }
    }

    private static TaskCompletionSource Source(Dictionary<string, TaskCompletionSource> sources, string name)
    {
        if (!sources.TryGetValue(name, out var source))
        {
            source = new(TaskCreationOptions.RunContinuationsAsynchronously);
            sources.Add(name, source);
        }

        return source;
    }
}
