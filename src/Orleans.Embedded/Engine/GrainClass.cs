using System.Reflection;
using Orleans.Concurrency;
using Orleans.Core;
using Orleans.Runtime;

namespace Orleans.Embedded;

/// <summary>A grain class and its activations, at most one for a key.</summary>
internal sealed class GrainClass(Type type, GrainRuntime runtime)
{
    // As on Orleans: a call that two ending activations passed on is given up.
    private const int MaxForwards = 2;
    private const int StripeCount = 64;

    private readonly Stripe[] _stripes = Enumerable.Range(0, StripeCount).Select(_ => new Stripe()).ToArray();
    private readonly GrainConstructor _constructor = GrainConstructor.Of(type);
    private volatile bool _closed;

    public Type Type { get; } = type;

    /// <summary>The name of its grains' kind.</summary>
    public GrainType GrainType { get; } = GrainType.Create(NameOf(type));

    /// <summary>Whether the class is marked <see cref="ReentrantAttribute"/>.</summary>
    public bool IsReentrant { get; } = type.IsDefined(typeof(ReentrantAttribute), inherit: true);

    public GrainRuntime Runtime { get; } = runtime;

    /// <inheritdoc cref="GrainConstructor.Construct"/>
    public (Grain Grain, IStorage[] States) Construct(Activation activation) => _constructor.Construct(activation);

    /// <summary>Hands a call to the key's activation, which it makes when there is none; null when the call was refused.</summary>
    public Activation? Send(string key, Call call)
    {
        while (true)
        {
            var activation = GetOrAdd(key);
            if (activation is null)
            {
                call.Fail(new SiloUnavailableException("The process stops and activates no grain any more."));
                return null;
            }

            // An activation leaves the directory before it stops receiving, so this ends.
            if (activation.TryReceive(call))
            {
                return activation;
            }
        }
    }

    /// <summary>Passes on a call that an ending activation had not started.</summary>
    public void Forward(string key, Call call)
    {
        if (call.Forwards++ >= MaxForwards)
        {
            call.Fail(new OrleansMessageRejectionException($"{Type.Name}/{key}: no activation took the call."));
            return;
        }

        Send(key, call);
    }

    public void Remove(Activation activation)
    {
        var stripe = StripeOf(activation.Key);
        lock (stripe.Lock)
        {
            stripe.Activations.Remove(activation.Key);
            stripe.Order.Remove(activation.Place);
        }
    }

    /// <summary>The activations, in an order that does not depend on the process's string hash codes.</summary>
    public IEnumerable<Activation> Snapshot()
    {
        foreach (var stripe in _stripes)
        {
            Activation[] activations;
            lock (stripe.Lock)
            {
                activations = [.. stripe.Order];
            }

            foreach (var activation in activations)
            {
                yield return activation;
            }
        }
    }

    /// <summary>Makes no activation any more. A snapshot taken afterwards misses none.</summary>
    public void Close() => _closed = true;

    /// <summary>As on Orleans: what the attribute says, else the class's name in small letters without "grain" at its end.</summary>
    private static string NameOf(Type type)
    {
        const string Suffix = "grain";
        if (type.GetCustomAttribute<GrainTypeAttribute>() is { } attribute)
        {
            return attribute.GrainType;
        }

        var name = type.Name.ToLowerInvariant();
        return name.Length > Suffix.Length && name.EndsWith(Suffix, StringComparison.Ordinal) ? name[..^Suffix.Length] : name;
    }

    private Activation? GetOrAdd(string key)
    {
        var stripe = StripeOf(key);
        Activation? activation;
        lock (stripe.Lock)
        {
            if (stripe.Activations.TryGetValue(key, out activation))
            {
                return activation;
            }

            if (_closed)
            {
                return null;
            }

            activation = new Activation(this, key);
            stripe.Activations.Add(key, activation);
            stripe.Order.AddLast(activation.Place);
        }

        activation.Start();
        return activation;
    }

    private Stripe StripeOf(string key)
    {
        // FNV-1a: string.GetHashCode differs from process to process.
        var hash = 2166136261u;
        foreach (var character in key)
        {
            hash = (hash ^ character) * 16777619;
        }

        return _stripes[(hash ^ (hash >> 16)) % StripeCount];
    }

    private sealed class Stripe
    {
        public Lock Lock { get; } = new();

        public Dictionary<string, Activation> Activations { get; } = [];

        public LinkedList<Activation> Order { get; } = [];
    }
}
