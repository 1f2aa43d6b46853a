namespace Orleans.Runtime;

/// <summary>What a grain can know and ask of its activation.</summary>
public interface IGrainContext
{
    /// <summary>Which grain it is.</summary>
    GrainId GrainId { get; }

    /// <summary>The grain object; null until it is constructed.</summary>
    object? GrainInstance { get; }

    /// <summary>The scope of services that lives as long as the activation.</summary>
    IServiceProvider ActivationServices { get; }

    /// <summary>Completes when the activation has ended; never await it inside the grain.</summary>
    Task Deactivated { get; }

    /// <summary>Ends the activation once no request runs; the first reason given counts.</summary>
    /// <param name="deactivationReason">The reason that <see cref="Grain.OnDeactivateAsync"/> gets.</param>
    /// <param name="cancellationToken">When cancelled, deactivation completes promptly.</param>
    void Deactivate(DeactivationReason deactivationReason, CancellationToken cancellationToken = default);
}
