using Orleans;
using Orleans.Runtime;
using Orleans.Storage;

namespace OrleansGateway.Silo.Storage;

/// <summary>
/// Keeps grains apart whose keys differ. Microsoft.Orleans.Persistence.AdoNet takes a key that reads as a GUID or a hexadecimal number for
/// that number, so that <c>1f</c>, <c>1F</c> and <c>01f</c> would share one row. Such keys are stored as text, behind a sign.
/// </summary>
internal sealed class ExactKeyStorage(IGrainStorage storage) : IGrainStorage
{
    /// <summary>Begins no number and no GUID. A key that has it by itself gets a second one.</summary>
    private const string Sign = "=";

    public Task ReadStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState) =>
        storage.ReadStateAsync(stateName, Exact(grainId), grainState);

    public Task ReadStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState, CancellationToken cancellationToken) =>
        storage.ReadStateAsync(stateName, Exact(grainId), grainState, cancellationToken);

    public Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState) =>
        storage.WriteStateAsync(stateName, Exact(grainId), grainState);

    public Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState, CancellationToken cancellationToken) =>
        storage.WriteStateAsync(stateName, Exact(grainId), grainState, cancellationToken);

    public Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState) =>
        storage.ClearStateAsync(stateName, Exact(grainId), grainState);

    public Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState, CancellationToken cancellationToken) =>
        storage.ClearStateAsync(stateName, Exact(grainId), grainState, cancellationToken);

    private static GrainId Exact(GrainId grain)
    {
        var key = grain.Key.ToString()!;
        return grain.TryGetGuidKey(out _, out _) || grain.TryGetIntegerKey(out _, out _) || key.StartsWith(Sign, StringComparison.Ordinal)
            ? GrainId.Create(grain.Type, IdSpan.Create(Sign + key))
            : grain;
    }
}
