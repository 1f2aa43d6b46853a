using Orleans;
using Orleans.Runtime;
using OrleansGateway.Grains.Contracts;

namespace OrleansGateway.Tests.Cluster.Storage;

/// <summary>What is stored.</summary>
public sealed record Note
{
    public string Text { get; init; } = "";
}

public interface INoteGrain : IGrainWithStringKey
{
    Task<string> GetAsync();

    Task WriteAsync(string text);

    Task EndAsync();
}

public sealed class NoteGrain([PersistentState("grain_note", StateStorage.Name)] IPersistentState<Note> state) : Grain, INoteGrain
{
    public Task<string> GetAsync() => Task.FromResult(state.State.Text);

    public Task WriteAsync(string text)
    {
        state.State = new() { Text = text };
        return state.WriteStateAsync();
    }

    public Task EndAsync()
    {
        DeactivateOnIdle();
        return Task.CompletedTask;
    }
}
