using Orleans.Embedded;
using Orleans.Runtime;

namespace Orleans;

/// <summary>What grain classes have in common.</summary>
public interface IGrainBase
{
    /// <summary>The grain's activation.</summary>
    IGrainContext GrainContext { get; }

    /// <summary>Runs before the first request; when it fails, so do the calls that wait, and the next call tries anew.</summary>
    /// <param name="token">Cancelled when activation takes too long or is called off.</param>
    Task OnActivateAsync(CancellationToken token) => Task.CompletedTask;

    /// <summary>Runs after the last request of an activation that had been activated.</summary>
    /// <param name="reason">Why it ends.</param>
    /// <param name="token">Cancelled when deactivation should complete promptly.</param>
    Task OnDeactivateAsync(DeactivationReason reason, CancellationToken token) => Task.CompletedTask;
}

#pragma warning disable CA1725 // The parameters are named as on Orleans, which names the interface's and the class's differently.
/// <summary>The base class of grain classes.</summary>
public abstract class Grain : IGrainBase, IAddressable
{
    /// <summary>Made by the engine when a call needs an activation, with constructor injection.</summary>
    protected Grain() => GrainContext = Activation.Current!;

    /// <summary>The grain's activation; null in an object that was not made by the engine.</summary>
    public IGrainContext GrainContext { get; }

    /// <summary>Makes references to other grains.</summary>
    protected IGrainFactory GrainFactory => Activation.Of(this).Runtime;

    /// <summary>The scope of services that lives as long as the activation.</summary>
    protected internal IServiceProvider ServiceProvider => GrainContext.ActivationServices;

    /// <inheritdoc cref="IGrainBase.OnActivateAsync"/>
    /// <param name="cancellationToken">Cancelled when activation takes too long or is called off.</param>
    public virtual Task OnActivateAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc cref="IGrainBase.OnDeactivateAsync"/>
    /// <param name="reason">Why it ends.</param>
    /// <param name="cancellationToken">Cancelled when deactivation should complete promptly.</param>
    public virtual Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Ends this activation when the requests that run are done; calls that come meanwhile go to the next activation.</summary>
    protected void DeactivateOnIdle() => GrainBaseExtensions.DeactivateOnIdle(this);
}
