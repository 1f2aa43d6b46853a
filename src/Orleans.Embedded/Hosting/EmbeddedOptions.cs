using System.Reflection;

namespace Orleans.Embedded;

/// <summary>Settings of the embedded engine.</summary>
public sealed class EmbeddedOptions
{
    /// <summary>The grain classes.</summary>
    public IList<Type> GrainClasses { get; } = [];

    /// <summary>How long an activation goes unused before it is collected.</summary>
    public TimeSpan CollectionAge { get; set; } = TimeSpan.FromMinutes(15);

    /// <summary>How often the engine looks for unused activations; shorter than <see cref="CollectionAge"/>.</summary>
    public TimeSpan CollectionQuantum { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>How long <see cref="Grain.OnActivateAsync"/> may take.</summary>
    public TimeSpan ActivationTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>How long a deactivation may take, the requests that still run included, before its token is cancelled.</summary>
    public TimeSpan DeactivationTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>How long the host's stop waits for all deactivations.</summary>
    public TimeSpan ShutdownTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>Where the activations' turns run; the thread pool, unless a simulation brings its own.</summary>
#pragma warning disable RS0030 // The one place that names the thread pool: everything else takes this property.
    public TaskScheduler Scheduler { get; set; } = TaskScheduler.Default;
#pragma warning restore RS0030

    /// <summary>How many turns of one activation run before the others have theirs; 1 lets a simulation choose at every turn.</summary>
    public int TurnsPerWorkItem { get; set; } = 64;

    /// <summary>Registers every grain class of an assembly.</summary>
    public void AddGrains(Assembly assembly)
    {
        ArgumentNullException.ThrowIfNull(assembly);
        foreach (var type in assembly.GetTypes())
        {
            if (type is { IsClass: true, IsAbstract: false, ContainsGenericParameters: false } && type.IsAssignableTo(typeof(Grain)))
            {
                GrainClasses.Add(type);
            }
        }
    }

    /// <summary>What is wrong with the settings; null when nothing is.</summary>
    internal string? Validate()
    {
        if (CollectionQuantum <= TimeSpan.Zero)
        {
            return $"{nameof(CollectionQuantum)} is {CollectionQuantum}; it must be greater than 0.";
        }

        if (CollectionAge <= CollectionQuantum)
        {
            return $"{nameof(CollectionAge)} is {CollectionAge}; it must be greater than {nameof(CollectionQuantum)}, {CollectionQuantum}.";
        }

        if (ActivationTimeout <= TimeSpan.Zero || DeactivationTimeout <= TimeSpan.Zero || ShutdownTimeout <= TimeSpan.Zero)
        {
            return $"{nameof(ActivationTimeout)}, {nameof(DeactivationTimeout)} and {nameof(ShutdownTimeout)} must be greater than 0.";
        }

        return TurnsPerWorkItem < 1 ? $"{nameof(TurnsPerWorkItem)} is {TurnsPerWorkItem}; it must be at least 1." : null;
    }
}
