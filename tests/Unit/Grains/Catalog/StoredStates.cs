using System.Text;
using Orleans;
using Orleans.Runtime;
using Orleans.Storage;
using OrleansGateway.Grains.Contracts;
using OrleansGateway.Ledger;

namespace OrleansGateway.Tests.Unit.Grains.Catalog;

/// <summary>Grain states as JSON texts with etags, shared by the silos of a test.</summary>
internal sealed class StoredStates : IGrainStorage
{
    private readonly StateSerializer _serializer = new();
    private readonly Dictionary<(string, GrainId), string> _texts = [];

    public int Writes { get; private set; }

    /// <summary>What the next write throws, if anything.</summary>
    public Exception? Failure { get; set; }

    /// <summary>Whether the write that fails is stored nevertheless, and only its answer lost.</summary>
    public bool IsAnswerLost { get; set; }

    /// <summary>The one text that is stored.</summary>
    public string Text => Xunit.Assert.Single(_texts.Values);

    public Task ReadStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        grainState.RecordExists = _texts.TryGetValue((stateName, grainId), out var text);
        grainState.State = text is null ? Activator.CreateInstance<T>() : _serializer.Deserialize<T>(BinaryData.FromString(text));
        grainState.ETag = EtagOf(text);
        return Task.CompletedTask;
    }

    public Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        var stored = EtagOf(_texts.GetValueOrDefault((stateName, grainId)));
        if (stored != grainState.ETag)
        {
            throw new InconsistentStateException("Another one wrote.", stored, grainState.ETag);
        }

        if (Failure is { } failure && !IsAnswerLost)
        {
            Failure = null;
            throw failure;
        }

        Writes++;
        _texts[(stateName, grainId)] = _serializer.Serialize(grainState.State).ToString();
        if (Failure is { } lost)
        {
            Failure = null;
            throw lost;
        }

        grainState.ETag = EtagOf(_texts[(stateName, grainId)]);
        grainState.RecordExists = true;
        return Task.CompletedTask;
    }

    public Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState) => throw new NotSupportedException();

    private static string? EtagOf(string? text) => text is null ? null : Sha256Hash.Of(Encoding.UTF8.GetBytes(text)).ToString();

}
