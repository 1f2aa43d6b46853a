using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Orleans.Embedded;

/// <summary>The engine: knows the grain classes, makes references, collects idle activations, ends all of them with the host.</summary>
internal sealed class GrainRuntime : IGrainFactory, IHostedService, IDisposable
{
    private readonly IServiceProvider _services;
    private readonly GrainClass[] _classes;
    private readonly Lock _lock = new();
    private readonly Dictionary<Type, GrainReference> _prototypes = [];
    private readonly ITimer _collector;

    public GrainRuntime(
        IServiceProvider services, IOptions<EmbeddedOptions> options, TimeProvider time, ILogger<GrainRuntime> logger)
    {
        _services = services;
        Options = options.Value;
        Time = time;
        Log = new(logger);
        _classes = Options.GrainClasses.Distinct().Select(type => new GrainClass(type, this)).ToArray();
        _collector = CreateTimer(static self => ((GrainRuntime)self!).Collect(), this);
        _collector.Change(Options.CollectionQuantum, Options.CollectionQuantum);
    }

    public EmbeddedOptions Options { get; }

    public TimeProvider Time { get; }

    public EngineLog Log { get; }

    public TGrainInterface GetGrain<TGrainInterface>(string primaryKey, string? grainClassNamePrefix = null)
        where TGrainInterface : IGrainWithStringKey
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(primaryKey);
        if (grainClassNamePrefix is not null)
        {
            throw new NotSupportedException("An interface has one class here; a class name prefix chooses nothing.");
        }

        return (TGrainInterface)(object)PrototypeOf(typeof(TGrainInterface)).WithKey(primaryKey);
    }

    public AsyncServiceScope CreateScope() => _services.CreateAsyncScope();

    /// <summary>Makes a timer that is not set yet and carries nothing of its maker's execution context.</summary>
    public ITimer CreateTimer(TimerCallback callback, object state)
    {
        if (ExecutionContext.IsFlowSuppressed())
        {
            return Time.CreateTimer(callback, state, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }

        using (ExecutionContext.SuppressFlow())
        {
            return Time.CreateTimer(callback, state, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Ends every activation; gives up on those that take longer than the limit.</summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        _collector.Dispose();
        foreach (var grainClass in _classes)
        {
            grainClass.Close();
        }

        var activations = _classes.SelectMany(grainClass => grainClass.Snapshot()).ToList();
        foreach (var activation in activations)
        {
            activation.Deactivate(new(DeactivationReasonCode.ShuttingDown, "This process is terminating."), cancellationToken);
        }

        try
        {
            await Task.WhenAll(activations.Select(activation => activation.Deactivated))
                .WaitAsync(Options.ShutdownTimeout, Time, cancellationToken);
        }
        catch (Exception exception) when (exception is TimeoutException or OperationCanceledException)
        {
            Log.ActivationsAbandoned(activations.Count(activation => !activation.Deactivated.IsCompleted));
        }
    }

    public void Dispose() => _collector.Dispose();

    private GrainReference PrototypeOf(Type grainInterface)
    {
        lock (_lock)
        {
            if (!_prototypes.TryGetValue(grainInterface, out var prototype))
            {
                prototype = GrainReference.CreatePrototype(grainInterface, ClassOf(grainInterface));
                _prototypes.Add(grainInterface, prototype);
            }

            return prototype;
        }
    }

    private GrainClass ClassOf(Type grainInterface)
    {
        var classes = _classes.Where(grainClass => grainInterface.IsAssignableFrom(grainClass.Type)).ToList();
        return classes.Count switch
        {
            1 => classes[0],
            0 => throw new ArgumentException($"Could not find an implementation for interface {grainInterface}"),
            _ => throw new ArgumentException(
                $"Unable to identify a single appropriate grain type for interface {grainInterface}. "
                + $"Candidates: {string.Join(", ", classes.Select(grainClass => grainClass.Type))}"),
        };
    }

    private void Collect()
    {
        foreach (var activation in _classes.SelectMany(grainClass => grainClass.Snapshot()))
        {
            activation.CollectIfIdle();
        }
    }
}
