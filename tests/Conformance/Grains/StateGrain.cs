using Orleans;
using Orleans.Runtime;
using Orleans.Storage;

namespace OrleansGateway.Tests.Conformance.Grains;

/// <summary>What a grain stores.</summary>
public sealed class Counter
{
    public int Value { get; set; }
}

/// <summary>A state as the grain sees it.</summary>
[GenerateSerializer]
public sealed record StateView([property: Id(0)] int Value, [property: Id(1)] string? Etag, [property: Id(2)] bool RecordExists);

public interface IStateGrain : IGrainWithStringKey
{
    Task<StateView> GetAsync();

    /// <summary>Sets the state in memory alone.</summary>
    Task SetAsync(int value);

    Task<StateView> WriteAsync(int value);

    /// <summary>Writes, and when another wrote meanwhile, reads and writes again.</summary>
    Task<StateView> WriteWithRetryAsync(int value);

    Task<StateView> ReadAsync();

    Task<StateView> ClearAsync();

    Task EndAsync();
}

/// <summary>Notes what OnActivateAsync sees of the state.</summary>
public sealed class StateGrain(
    IGrainContext context, [PersistentState("counter", TestStorage.Name)] IPersistentState<Counter> state, Probe probe) : IGrainBase, IStateGrain
{
    public IGrainContext GrainContext => context;

    public Task OnActivateAsync(CancellationToken token)
    {
        probe.Note($"activated: {state.State.Value}, {state.RecordExists}");
        return Task.CompletedTask;
    }

    public Task<StateView> GetAsync() => Task.FromResult(new StateView(state.State.Value, state.Etag, state.RecordExists));

    public Task SetAsync(int value)
    {
        state.State = new() { Value = value };
        return Task.CompletedTask;
    }

    public async Task<StateView> WriteAsync(int value)
    {
        state.State.Value = value;
        await state.WriteStateAsync();
        return await GetAsync();
    }

    public async Task<StateView> WriteWithRetryAsync(int value)
    {
        try
        {
            return await WriteAsync(value);
        }
        catch (InconsistentStateException)
        {
            await state.ReadStateAsync();
            return await WriteAsync(value);
        }
    }

    public async Task<StateView> ReadAsync()
    {
        await state.ReadStateAsync();
        return await GetAsync();
    }

    public async Task<StateView> ClearAsync()
    {
        await state.ClearStateAsync();
        return await GetAsync();
    }

    public Task EndAsync()
    {
        this.DeactivateOnIdle();
        return Task.CompletedTask;
    }
}
