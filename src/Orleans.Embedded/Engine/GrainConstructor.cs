using System.Reflection;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Core;
using Orleans.Runtime;
using Orleans.Storage;

namespace Orleans.Embedded;

/// <summary>Makes the objects of one grain class: its states, and the rest of the constructor's arguments from the services.</summary>
internal sealed class GrainConstructor
{
    private static readonly Dictionary<Type, GrainConstructor> Known = [];

    private readonly Type _type;
    private readonly (Type Type, string Name, string? Storage)[] _states;
    private readonly ObjectFactory _factory;

    private GrainConstructor(Type type)
    {
        _type = type;
        var parameters = type.GetConstructors().FirstOrDefault()?.GetParameters() ?? [];
        var states = parameters.Where(parameter => parameter.IsDefined(typeof(PersistentStateAttribute))).ToArray();
        _states = Array.ConvertAll(states, ReadState);
        _factory = ActivatorUtilities.CreateFactory(type, Array.ConvertAll(states, parameter => parameter.ParameterType));
    }

    /// <summary>Compiled once for the process, whatever engines it runs.</summary>
    public static GrainConstructor Of(Type type)
    {
        lock (Known)
        {
            if (!Known.TryGetValue(type, out var constructor))
            {
                constructor = new(type);
                Known.Add(type, constructor);
            }

            return constructor;
        }
    }

    /// <summary>Constructs a grain; the caller is its activation's first turn.</summary>
    /// <returns>The grain, and its states, which are yet to be read.</returns>
    public (Grain Grain, IStorage[] States) Construct(Activation activation)
    {
        try
        {
            var states = Array.ConvertAll(_states, state => Create(activation, state));
            return ((Grain)_factory(activation.ActivationServices, states), states);
        }
        catch (Exception exception)
        {
            throw new InvalidOperationException(
                $"Failed to create an instance of grain type '{_type}'. See {nameof(Exception.InnerException)} for details.", exception);
        }
    }

    private static (Type Type, string Name, string? Storage) ReadState(ParameterInfo parameter)
    {
        var type = parameter.ParameterType;
        if (!type.IsGenericType || type.GetGenericTypeDefinition() != typeof(IPersistentState<>))
        {
            throw new ArgumentException(
                $"Parameter '{parameter.Name}' of the constructor of '{parameter.Member.DeclaringType}' has an unsupported type, '{type}'. "
                + $"With [PersistentState(...)] it must be '{typeof(IPersistentState<>)}'.");
        }

        var attribute = parameter.GetCustomAttribute<PersistentStateAttribute>()!;
        var name = string.IsNullOrEmpty(attribute.StateName) ? parameter.Name! : attribute.StateName;
        return (typeof(PersistentState<>).MakeGenericType(type.GetGenericArguments()), name, attribute.StorageName);
    }

    private static IStorage Create(Activation activation, (Type Type, string Name, string? Storage) state)
    {
        var storage = string.IsNullOrWhiteSpace(state.Storage)
            ? activation.ActivationServices.GetService<IGrainStorage>()
            : activation.ActivationServices.GetKeyedService<IGrainStorage>(state.Storage);
        return storage is null
            ? throw new BadProviderConfigException($"No storage provider named \"{state.Storage}\" found loading grain type {activation.GrainId.Type}.")
            : (IStorage)Activator.CreateInstance(state.Type, state.Name, activation, storage)!;
    }
}
