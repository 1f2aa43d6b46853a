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
public sealed class StateView
{
    [Id(0)]
    public int Value { get; init; }

    [Id(1)]
    public string? Etag { get; init; }

    [Id(2)]
    public bool RecordExists { get; init; }
}

public interface IStateGrain : IGrainWithStringKey
{
    Task<StateView> GetAsync();

    /// <summary>Sets the state in memory alone.</summary>
    Task SetAsync(int value);

    Task<StateView> WriteAsync(int value);

    /// <summary>Writes, and when another wrote meanwhile, reads and writes again.</summary>
    Task<StateView> WriteWithRetryAsync(int value);

    /// <summary>Writes with a token that is cancelled.</summary>
    Task WriteCancelledAsync();

    /// <summary>Starts this many writes in one turn, then a read.</summary>
    Task WriteOftenAsync(int writes);

    Task<StateView> ReadAsync();

    Task<StateView> ClearAsync();

    /// <summary>Writes from a timer that is due at once.</summary>
    Task WriteByTimerAsync();

    /// <summary>Lets another grain write.</summary>
    Task WriteOtherAsync(string key, int value);

    /// <summary>Looks at its state outside its turns.</summary>
    Task<int> GetFromElsewhereAsync();

    Task<Guid> GetInstanceAsync();

    Task EndAsync();
}

/// <summary>Notes what its constructor and OnActivateAsync see of the state.</summary>
public sealed class StateGrain : Grain, IStateGrain
{
    private readonly IPersistentState<Counter> _state;
    private readonly Probe _probe;
    private readonly Guid _instance = Guid.NewGuid();

    public StateGrain([PersistentState("counter", TestStorage.Name)] IPersistentState<Counter> state, Probe probe)
    {
        _state = state;
        _probe = probe;
        try
        {
            _probe.Note($"constructed: {_state.State is null}, {_state.RecordExists}");
        }
        catch (InvalidOperationException)
        {
            _probe.Note($"constructed: {_state.State is null}, not read");
        }
    }

    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        _probe.Note($"activated: {_state.State.Value}, {_state.RecordExists}");
        return Task.CompletedTask;
    }

    public override Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        _probe.Note($"deactivated: {reason.ReasonCode}");
        return Task.CompletedTask;
    }

    public Task<StateView> GetAsync() =>
        Task.FromResult(new StateView { Value = _state.State.Value, Etag = _state.Etag, RecordExists = _state.RecordExists });

    public Task SetAsync(int value)
    {
        _state.State = new() { Value = value };
        return Task.CompletedTask;
    }

    public async Task<StateView> WriteAsync(int value)
    {
        _state.State.Value = value;
        await _state.WriteStateAsync();
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
            await _state.ReadStateAsync();
            return await WriteAsync(value);
        }
    }

    public Task WriteCancelledAsync() => _state.WriteStateAsync(new CancellationToken(true));

    public async Task WriteOftenAsync(int writes)
    {
        var operations = Enumerable.Range(0, writes).Select(_ => _state.WriteStateAsync()).ToList();
        operations.Add(_state.ReadStateAsync());
        await Task.WhenAll(operations);
    }

    public async Task<StateView> ReadAsync()
    {
        await _state.ReadStateAsync();
        return await GetAsync();
    }

    public async Task<StateView> ClearAsync()
    {
        await _state.ClearStateAsync();
        return await GetAsync();
    }

    public Task WriteByTimerAsync()
    {
        this.RegisterGrainTimer(
            token => _state.WriteStateAsync(token), new() { DueTime = TimeSpan.Zero, Period = Timeout.InfiniteTimeSpan });
        return Task.CompletedTask;
    }

    public Task WriteOtherAsync(string key, int value) => GrainFactory.GetGrain<IStateGrain>(key).WriteAsync(value);

    public Task<int> GetFromElsewhereAsync() => Task.Run(() => _state.State.Value);

    public Task<Guid> GetInstanceAsync() => Task.FromResult(_instance);

    public Task EndAsync()
    {
        DeactivateOnIdle();
        return Task.CompletedTask;
    }
}

public interface ITwoStatesGrain : IGrainWithStringKey
{
    /// <summary>Writes each state.</summary>
    Task WriteAsync(int[] values);

    Task<int[]> GetAsync();

    Task EndAsync();
}

/// <summary>Two states in one storage, and one of the parameter's name in another.</summary>
[GrainType("two-of-them")]
public sealed class TwoStatesGrain(
    [PersistentState("first", TestStorage.Name)] IPersistentState<Counter> first,
    [PersistentState("second", TestStorage.Name)] IPersistentState<Counter> second,
    Probe probe,
    [PersistentState("", TestStorage.OtherName)] IPersistentState<Counter> elsewhere) : Grain, ITwoStatesGrain
{
    private IPersistentState<Counter>[] States => [first, second, elsewhere];

    public async Task WriteAsync(int[] values)
    {
        foreach (var (state, value) in States.Zip(values))
        {
            state.State.Value = value;
            await state.WriteStateAsync();
        }

        probe.Note("written");
    }

    public Task<int[]> GetAsync() => Task.FromResult(Array.ConvertAll(States, state => state.State.Value));

    public Task EndAsync()
    {
        DeactivateOnIdle();
        return Task.CompletedTask;
    }
}

public interface IHomelessGrain : IGrainWithStringKey
{
    Task<int> GetAsync();
}

/// <summary>Asks for a storage that is not there.</summary>
public sealed class HomelessGrain([PersistentState("counter", "nowhere")] IPersistentState<Counter> state) : Grain, IHomelessGrain
{
    public Task<int> GetAsync() => Task.FromResult(state.State.Value);
}
