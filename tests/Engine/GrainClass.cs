using System.Reflection;
using Microsoft.Extensions.DependencyInjection;
using Orleans;
using Orleans.Concurrency;
using Orleans.Runtime;
using Orleans.Storage;

namespace OrleansGateway.Tests.Engine;

/// <summary>A grain class, and how its objects are made: the context, its states, and the rest from the services.</summary>
internal sealed class GrainClass
{
    private static readonly Dictionary<Type, GrainClass> Known = [];

    private readonly ParameterInfo[] _states;
    private readonly ObjectFactory _factory;

    private GrainClass(Type type)
    {
        Type = type;
        GrainType = GrainType.Create(type.Name);
        IsReentrant = type.IsDefined(typeof(ReentrantAttribute));
        _states = [.. type.GetConstructors().Single().GetParameters().Where(static p => p.IsDefined(typeof(PersistentStateAttribute)))];
        _factory = ActivatorUtilities.CreateFactory(type, [typeof(IGrainContext), .. _states.Select(static p => p.ParameterType)]);
    }

    public Type Type { get; }

    public GrainType GrainType { get; }

    /// <summary>Whether its requests interleave with each other.</summary>
    public bool IsReentrant { get; }

    /// <summary>Compiled once for the process, whatever engines it runs.</summary>
    public static GrainClass Of(Type type)
    {
        lock (Known)
        {
            return Known.TryGetValue(type, out var known) ? known : Known[type] = new GrainClass(type);
        }
    }

    /// <summary>Makes a grain.</summary>
    /// <returns>It, and its states, which are yet to be read.</returns>
    public (IGrainBase Grain, IStoredState[] States) Construct(Activation activation)
    {
        var states = Array.ConvertAll(_states, parameter => NewState(parameter, activation));
        return ((IGrainBase)_factory(activation.ActivationServices, [activation, .. states]), states);
    }

    private static IStoredState NewState(ParameterInfo parameter, Activation activation)
    {
        var attribute = parameter.GetCustomAttribute<PersistentStateAttribute>()!;
        var storage = activation.ActivationServices.GetRequiredKeyedService<IGrainStorage>(attribute.StorageName);
        var type = typeof(PersistentState<>).MakeGenericType(parameter.ParameterType.GetGenericArguments());
        return (IStoredState)Activator.CreateInstance(type, attribute.StateName, activation.GrainId, storage)!;
    }
}
