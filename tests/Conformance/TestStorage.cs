using System.Globalization;
using System.Text.Json;
using Orleans;
using Orleans.Runtime;
using Orleans.Storage;

namespace OrleansGateway.Tests.Conformance;

/// <summary>A storage in memory that tests look into, change underneath the grains, and let fail.</summary>
public sealed class TestStorage : IGrainStorage
{
    public const string Name = "test";

    private readonly Lock _lock = new();
    private readonly Dictionary<(string State, string Key), (int Version, string Json)> _records = [];

    /// <summary>What the next operations fail with.</summary>
    public Exception? Failure { get; set; }

    /// <summary>Writes past the grain.</summary>
    public void Put<T>(string state, string key, T value)
    {
        lock (_lock)
        {
            Set((state, key), value);
        }
    }

    public bool Has(string state, string key)
    {
        lock (_lock)
        {
            return _records.ContainsKey((state, key));
        }
    }

    public Task ReadStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState) =>
        ReadStateAsync(stateName, grainId, grainState, CancellationToken.None);

    public Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState) =>
        WriteStateAsync(stateName, grainId, grainState, CancellationToken.None);

    public Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState) =>
        ClearStateAsync(stateName, grainId, grainState, CancellationToken.None);

    public async Task ReadStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState, CancellationToken cancellationToken)
    {
        var id = await BeginAsync(stateName, grainId, cancellationToken);
        lock (_lock)
        {
            grainState.RecordExists = _records.TryGetValue(id, out var record);
            grainState.ETag = grainState.RecordExists ? record.Version.ToString(CultureInfo.InvariantCulture) : null;
            grainState.State = grainState.RecordExists ? JsonSerializer.Deserialize<T>(record.Json) : Activator.CreateInstance<T>();
        }
    }

    public async Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState, CancellationToken cancellationToken)
    {
        var id = await BeginAsync(stateName, grainId, cancellationToken);
        lock (_lock)
        {
            CheckEtag(id, grainState);
            grainState.ETag = Set(id, grainState.State).ToString(CultureInfo.InvariantCulture);
            grainState.RecordExists = true;
        }
    }

    public async Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState, CancellationToken cancellationToken)
    {
        var id = await BeginAsync(stateName, grainId, cancellationToken);
        lock (_lock)
        {
            CheckEtag(id, grainState);
            _records.Remove(id);
            grainState.State = Activator.CreateInstance<T>();
            grainState.ETag = null;
            grainState.RecordExists = false;
        }
    }

    private async Task<(string State, string Key)> BeginAsync(string state, GrainId grain, CancellationToken token)
    {
        await Task.Yield();
        token.ThrowIfCancellationRequested();
        return Failure is { } failure ? throw failure : (state, grain.Key.ToString()!);
    }

    private void CheckEtag<T>((string State, string Key) id, IGrainState<T> grainState)
    {
        var stored = _records.TryGetValue(id, out var record) ? record.Version.ToString(CultureInfo.InvariantCulture) : null;
        if (stored != grainState.ETag)
        {
            throw new InconsistentStateException("etag", stored, grainState.ETag);
        }
    }

    private int Set<T>((string State, string Key) id, T value)
    {
        var version = _records.GetValueOrDefault(id).Version + 1;
        _records[id] = (version, JsonSerializer.Serialize(value));
        return version;
    }
}
