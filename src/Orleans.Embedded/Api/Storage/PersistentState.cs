using Orleans.Core;

namespace Orleans.Runtime;

/// <summary>A state that a grain's constructor asks for with <see cref="PersistentStateAttribute"/>; it is read before
/// <see cref="Grain.OnActivateAsync"/>, and when that fails, so does the activation.</summary>
/// <inheritdoc cref="IStorage{TState}"/>
public interface IPersistentState<TState> : IStorage<TState>
{
}

/// <summary>On a constructor's parameter of type <see cref="IPersistentState{TState}"/>: which state, and where it is stored.</summary>
/// <param name="stateName">Tells a grain's states apart in storage; the parameter's name when empty.</param>
/// <param name="storageName">The key of the <see cref="Storage.IGrainStorage"/> among the services; null for the one without a key.</param>
[AttributeUsage(AttributeTargets.Parameter)]
public class PersistentStateAttribute(string stateName, string? storageName = null) : Attribute
{
    /// <summary>The state's name.</summary>
    public string StateName { get; } = stateName ?? throw new ArgumentNullException(nameof(stateName));

    /// <summary>The storage's name.</summary>
    public string? StorageName { get; } = storageName;
}
