using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Orleans;
using Orleans.CodeGeneration;
using Orleans.Runtime;
using Orleans.Serialization.Invocation;
using Orleans.Timers;

namespace OrleansGateway.Tests.Engine;

/// <summary>
/// Runs compiled grains as one silo of Orleans would, through the proxies that Orleans generates, but on a scheduler and a clock that a test
/// brings: a seed then decides the order of everything. A grain is a plain class that implements <see cref="IGrainBase"/>; its messages
/// are handed over as they are, so they have to be immutable.
/// </summary>
public sealed class TestEngine : ITimerRegistry, IDisposable
{
    /// <summary>How long <see cref="IGrainBase.OnActivateAsync"/> may take, a deactivation with the requests that still run, and a stop.</summary>
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    private readonly ServiceProvider _services;
    private readonly GrainClass[] _classes;
    private readonly OrderedDictionary<GrainId, Activation> _activations = [];
    private readonly Dictionary<(Type Interface, string Key), IAddressable> _references = [];
    private readonly ITimer? _collector;
    private readonly TimeSpan _collectionAge;
    private bool _isClosed;

    /// <param name="services">What grains' constructors ask for: a <see cref="TimeProvider"/> at least, and keyed storages of their states.</param>
    /// <param name="scheduler">Runs each turn of each grain as a task of its own.</param>
    /// <param name="grainClasses">The classes whose grains can be called.</param>
    /// <param name="collectionAge">After how long without use an activation ends; null for never. Looked at four times in that.</param>
    public TestEngine(IServiceCollection services, TaskScheduler scheduler, IEnumerable<Type> grainClasses, TimeSpan? collectionAge = null)
    {
        services.AddLogging();
        services.AddSingleton<ITimerRegistry>(this);
        _services = services.BuildServiceProvider();
        _classes = [.. grainClasses.Select(GrainClass.Of)];
        Scheduler = scheduler;
        Time = _services.GetRequiredService<TimeProvider>();
        Log = new EngineLog(_services.GetRequiredService<ILogger<TestEngine>>());
        if (collectionAge is { } age)
        {
            _collectionAge = age;
            _collector = Time.CreateTimer(static self => ((TestEngine)self!).Collect(), this, age / 4, age / 4);
        }
    }

    /// <summary>Guards all activations: on one thread nobody ever waits for it.</summary>
    internal Lock Lock { get; } = new();

    internal IServiceProvider Services => _services;

    internal TaskScheduler Scheduler { get; }

    internal TimeProvider Time { get; }

    internal EngineLog Log { get; }

    /// <summary>A reference to a grain, whether it is active or not.</summary>
    /// <typeparam name="TGrain">An interface that one of the classes implements.</typeparam>
    /// <param name="key">The grain's key.</param>
    public TGrain GetGrain<TGrain>(string key)
        where TGrain : IGrainWithStringKey
    {
        lock (Lock)
        {
            if (!_references.TryGetValue((typeof(TGrain), key), out var reference))
            {
                var type = _classes.Single(static grainClass => grainClass.Type.IsAssignableTo(typeof(TGrain))).GrainType;
                _references[(typeof(TGrain), key)] = reference = Proxies.Create(typeof(TGrain), type, key, new ReferenceRuntime(this));
            }

            return (TGrain)reference;
        }
    }

    /// <summary>Ends every activation, and makes no other; gives up on those that take too long.</summary>
    public async Task StopAsync()
    {
        _collector?.Dispose();
        Activation[] activations;
        lock (Lock)
        {
            _isClosed = true;
            activations = [.. _activations.Values];
        }

        foreach (var activation in activations)
        {
            activation.Deactivate(new DeactivationReason(DeactivationReasonCode.ShuttingDown, "The silo stops."));
        }

        try
        {
            await Task.WhenAll(activations.Select(static activation => activation.Deactivated)).WaitAsync(Limit, Time);
        }
        catch (TimeoutException)
        {
            Log.Abandoned(activations.Count(static activation => !activation.Deactivated.IsCompleted));
        }
    }

    /// <summary>Leaves everything as it is, as the end of a process does.</summary>
    public void Dispose()
    {
        _collector?.Dispose();
        _services.Dispose();
    }

    /// <inheritdoc/>
    public IGrainTimer RegisterGrainTimer<TState>(
        IGrainContext grainContext, Func<TState, CancellationToken, Task> callback, TState state, GrainTimerCreationOptions options) =>
        ((Activation)grainContext).AddTimer(token => callback(state, token), options);

    IDisposable ITimerRegistry.RegisterTimer(
        IGrainContext grainContext, Func<object?, Task> callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        throw new NotSupportedException();

    /// <summary>Hands a call to the grain's activation, which it makes if there is none.</summary>
    internal void Send(GrainId grain, Call call)
    {
        Activation? activation;
        var isNew = false;
        lock (Lock)
        {
            if (_activations.TryGetValue(grain, out activation))
            {
                activation.Receive(call);
            }
            else if (!_isClosed)
            {
                activation = new Activation(this, _classes.Single(grainClass => grainClass.GrainType == grain.Type), grain);
                _activations.Add(grain, activation);
                activation.Receive(call);
                isNew = true;
            }
        }

        if (activation is null)
        {
            call.Fail(new SiloUnavailableException("The silo stops and activates no grain any more."));
        }
        else if (isNew)
        {
            activation.Start();
        }
        else
        {
            activation.Signal();
        }
    }

    /// <summary>An activation that has ended leaves the directory.</summary>
    internal void Remove(Activation activation) => _activations.Remove(activation.GrainId);

    private void Collect()
    {
        Activation[] idle;
        lock (Lock)
        {
            idle = [.. _activations.Values.Where(activation => activation.IdleTime >= _collectionAge)];
        }

        foreach (var activation in idle)
        {
            activation.Deactivate(new DeactivationReason(DeactivationReasonCode.ActivationIdle, "Nobody used it."));
        }
    }

    /// <summary>What the generated proxies send their calls through.</summary>
    private sealed class ReferenceRuntime(TestEngine engine) : IGrainReferenceRuntime
    {
        public ValueTask<T?> InvokeMethodAsync<T>(GrainReference reference, IInvokable request, InvokeMethodOptions options)
        {
            var call = new Call<T>(request, options);
            engine.Send(reference.GrainId, call);
            return new ValueTask<T?>(call.Answer);
        }

        public ValueTask InvokeMethodAsync(GrainReference reference, IInvokable request, InvokeMethodOptions options)
        {
            var call = new Call<object>(request, options);
            engine.Send(reference.GrainId, call);
            return new ValueTask(call.Answer);
        }

        public void InvokeMethod(GrainReference reference, IInvokable request, InvokeMethodOptions options) => throw new NotSupportedException();

        public object Cast(IAddressable grain, Type interfaceType) => throw new NotSupportedException();
    }
}
