using Orleans.Runtime;

namespace OrleansGateway.Tests.Engine;

/// <summary>The references that Orleans' code generator made in the assembly of a grain interface.</summary>
internal static class Proxies
{
    private static readonly Dictionary<Type, Type> Known = [];

    public static IAddressable Create(Type grainInterface, GrainType type, string key, IGrainReferenceRuntime runtime)
    {
        // Immutable messages are neither serialized nor copied: no proxy asks for more than the runtime.
        var shared = new GrainReferenceShared(type, GrainInterfaceType.Create(grainInterface.Name), 0, runtime, default, null!, null!, null!);
        return (IAddressable)Activator.CreateInstance(Of(grainInterface), shared, IdSpan.Create(key))!;
    }

    private static Type Of(Type grainInterface)
    {
        lock (Known)
        {
            return Known.TryGetValue(grainInterface, out var known)
                ? known
                : Known[grainInterface] = grainInterface.Assembly.GetTypes().Single(type =>
                    type.IsSubclassOf(typeof(GrainReference)) && type.IsAssignableTo(grainInterface));
        }
    }
}
