using Orleans;

namespace OrleansGateway.Tests.Conformance.Grains;

public interface ILifeGrain : IGrainWithStringKey
{
    /// <summary>Notes itself.</summary>
    Task TouchAsync();

    /// <summary>The key that the constructor and OnActivateAsync saw.</summary>
    Task<string> GetKeysAsync();
}

/// <summary>Notes what happens to it; the probe makes it fail.</summary>
public sealed class LifeGrain : Grain, ILifeGrain, IAsyncDisposable
{
    private readonly Probe _probe;
    private string _keys;

    public LifeGrain(Probe probe, PerActivation perActivation)
    {
        ArgumentNullException.ThrowIfNull(perActivation);
        _probe = probe;
        _probe.Note("constructed");
        if (_probe.FailConstruction)
        {
            throw new ProbeException("construction");
        }

        _keys = this.GetPrimaryKeyString();
    }

    public override async Task OnActivateAsync(CancellationToken cancellationToken)
    {
        _probe.Note("activating");
        await _probe.GateAsync("activation");
        if (_probe.FailActivation)
        {
            throw new ProbeException("activation");
        }

        _keys += this.GetPrimaryKeyString();
        _probe.Note("activated");
    }

    public override async Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
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
        DeactivateOnIdle();
        return Task.FromResult(_keys);
    }

    public ValueTask DisposeAsync()
    {
        _probe.Note("disposed");
        return ValueTask.CompletedTask;
    }
}

/// <summary>A grain's own exception.</summary>
[GenerateSerializer]
public sealed class ProbeException(string message) : Exception(message);
