using Orleans;
using Orleans.Runtime;

namespace OrleansGateway.Tests.Conformance.Grains;

public interface ILifeGrain : IGrainWithStringKey
{
    /// <summary>Notes itself.</summary>
    Task TouchAsync();

    /// <summary>The key that the constructor and OnActivateAsync saw.</summary>
    Task<string> GetKeysAsync();
}

/// <summary>Notes what happens to it; the probe makes it fail.</summary>
public sealed class LifeGrain : IGrainBase, ILifeGrain
{
    private readonly Probe _probe;
    private string _keys;

    public LifeGrain(IGrainContext context, Probe probe)
    {
        GrainContext = context;
        _probe = probe;
        _probe.Note("constructed");
        if (_probe.FailConstruction)
        {
            throw new ProbeException("construction");
        }

        _keys = context.GrainId.Key.ToString()!;
    }

    public IGrainContext GrainContext { get; }

    public async Task OnActivateAsync(CancellationToken token)
    {
        _probe.Note("activating");
        await _probe.GateAsync("activation");
        if (_probe.FailActivation)
        {
            throw new ProbeException("activation");
        }

        _keys += GrainContext.GrainId.Key.ToString();
        _probe.Note("activated");
    }

    public async Task OnDeactivateAsync(DeactivationReason reason, CancellationToken token)
    {
        _probe.Note($"deactivating: {reason.ReasonCode}");
        await _probe.GateAsync("deactivation");
        throw new ProbeException("deactivation");
    }

    public Task TouchAsync()
    {
        _probe.Note("touched");
        return Task.CompletedTask;
    }

    public Task<string> GetKeysAsync()
    {
        this.DeactivateOnIdle();
        return Task.FromResult(_keys);
    }
}

/// <summary>A grain's own exception.</summary>
[GenerateSerializer]
public sealed class ProbeException(string message) : Exception(message);
