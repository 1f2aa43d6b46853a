using System.Reflection;
using Orleans.Runtime;

namespace Orleans.Embedded;

#pragma warning disable CA1852 // DispatchProxy generates the subclasses.
/// <summary>A reference to a grain; the generated subclass implements the grain's interface and brings every call here.</summary>
internal class GrainReference : DispatchProxy, IAddressable
{
#pragma warning restore CA1852
    private GrainClass _class = null!;
    private Dictionary<MethodInfo, GrainMethod> _methods = null!;
    private Activation? _activation;

    public string Key { get; private set; } = "";

    /// <summary>Makes the reference of an interface that all others are copied from, since generating proxies is slow.</summary>
    public static GrainReference CreatePrototype(Type grainInterface, GrainClass grainClass)
    {
        var prototype = (GrainReference)Create(grainInterface, typeof(GrainReference));
        prototype._class = grainClass;
        prototype._methods = GrainMethod.Of(grainInterface);
        return prototype;
    }

    public GrainReference WithKey(string key)
    {
        var reference = (GrainReference)MemberwiseClone();
        reference.Key = key;
        return reference;
    }

    /// <summary>Hands a call to the activation that the last call went to or, when that has ended, to the present one.</summary>
    public void Send(Call call)
    {
        if (_activation is { } activation && activation.TryReceive(call))
        {
            return;
        }

        _activation = _class.Send(Key, call);
    }

    public override bool Equals(object? obj) => obj is GrainReference other && other._class == _class && other.Key == Key;

    public override int GetHashCode() => Key.GetHashCode(StringComparison.Ordinal);

    public override string ToString() => $"{_class.Type.Name}/{Key}";

    protected override object? Invoke(MethodInfo? targetMethod, object?[]? args) => _methods[targetMethod!].Send(this, args!);
}
