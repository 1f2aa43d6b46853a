using System.Runtime.ExceptionServices;
using Npgsql;
using Orleans.Runtime;
using OrleansGateway.Hosting;
using OrleansGateway.Hosting.Cluster;

namespace OrleansGateway.Silo.Hosting;

/// <summary>
/// Starts the silo, and what may run only beside it, once this process has the database lock and the schema is there (the storage reads
/// its queries when the silo starts), and stops them. Until then the process answers, and says that it is not ready.
/// </summary>
internal sealed partial class SiloService(
    IEnumerable<SiloService.Part> parts, IServiceProvider services, LockService databaseLock, IHostApplicationLifetime lifetime, ILogger<SiloService> log)
    : IHostedService, IReadinessCheck, IAsyncDisposable
{
    /// <summary>What of the stop's time is left for those that stop after the silo: the journal, the lock.</summary>
    private static readonly TimeSpan StopRest = TimeSpan.FromSeconds(5);

    /// <summary>
    /// How long a silo that has met a stranger may go on trying. Soon after, the others, which get no answer from it, declare it dead; Orleans
    /// then kills the process, and nothing names the settings.
    /// </summary>
    private static readonly TimeSpan StrangerPatience = TimeSpan.FromSeconds(2);

    private readonly CancellationTokenSource _calledOff = new();
    private readonly TaskCompletionSource _active = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Stack<IHostedService> _started = new();
    private Task _start = Task.CompletedTask;
    private Exception? _failure;

    /// <summary>How long the silo, and what runs beside it, may take to stop.</summary>
    public static TimeSpan StopLimit => HostBuilding.StopMargin - StopRest;

    /// <summary>Whether grains can be called.</summary>
    public bool IsActive => _active.Task.IsCompleted && !_calledOff.IsCancellationRequested;

    /// <summary>Takes charge of what Orleans would start with the host, and so without regard to the lock: the silo first.</summary>
    /// <param name="services">The host's.</param>
    /// <param name="addOrleans">Adds Orleans to them.</param>
    public static void Add(IServiceCollection services, Action addOrleans)
    {
        var before = services.ToHashSet();
        addOrleans();
        foreach (var part in services.Where(service => service.ServiceType == typeof(IHostedService) && !before.Contains(service)).ToArray())
        {
            services.Remove(part);
            AddPart(services, FactoryOf(part), needsSilo: false);
        }

        services.AddSingleton<SiloService>();
        services.AddSingleton<IReadinessCheck>(provider => provider.GetRequiredService<SiloService>());
        services.AddHostedService(provider => provider.GetRequiredService<SiloService>());
    }

    /// <summary>Adds what starts under the lock, and stops before what was added before it.</summary>
    /// <param name="needsSilo">Whether it starts once grains can be called, and they need not wait for it.</param>
    public static void AddPart(IServiceCollection services, Func<IServiceProvider, IHostedService> make, bool needsSilo) =>
        services.AddSingleton(new Part(make, needsSilo));

    /// <summary>Waits until grains can be called.</summary>
    public Task WaitUntilActiveAsync(CancellationToken cancellationToken) => _active.Task.WaitAsync(cancellationToken);

    /// <summary>Throws what the silo could not start for, once the host has stopped. What is a bug is in the log already.</summary>
    public void ThrowIfFailed()
    {
        if (_failure is { } failure && StartUp.Explain(failure) is not null)
        {
            ExceptionDispatchInfo.Throw(failure);
        }
    }

    /// <summary>While the silo waits for the lock, the lock itself is the reason that is told.</summary>
    public ValueTask<string?> ReasonAsync(CancellationToken cancellationToken) =>
        ValueTask.FromResult(IsActive || !databaseLock.IsHeld ? null : "the silo is not active");

    public Task StartAsync(CancellationToken cancellationToken)
    {
        _start = RunAsync(_calledOff.Token);
        return Task.CompletedTask;
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await _calledOff.CancelAsync();
        await _start.WaitAsync(cancellationToken);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(StopLimit);
        while (_started.TryPop(out var part))
        {
            await StopAsync(part, limit.Token);
        }
    }

    public async ValueTask DisposeAsync()
    {
        _calledOff.Dispose();
        foreach (var part in _started)
        {
            await DisposeAsync(part);
        }
    }

    private static Func<IServiceProvider, IHostedService> FactoryOf(ServiceDescriptor part) => provider => (IHostedService)(
        part.ImplementationFactory?.Invoke(provider) ?? ActivatorUtilities.CreateInstance(provider, part.ImplementationType!));

    private static async ValueTask DisposeAsync(IHostedService part)
    {
        if (part is IAsyncDisposable asynchronous)
        {
            await asynchronous.DisposeAsync();
        }
        else
        {
            (part as IDisposable)?.Dispose();
        }
    }

    private async Task RunAsync(CancellationToken calledOff)
    {
        try
        {
            await databaseLock.WaitUntilHeldAsync(calledOff);
            _ = EndAmongStrangersAsync(calledOff);
            await StartAsync(parts.Where(part => !part.NeedsSilo), calledOff);
            _active.SetResult();
            LogActive(services.GetRequiredService<ILocalSiloDetails>().SiloAddress.Endpoint.ToString());
            await StartAsync(parts.Where(part => part.NeedsSilo), calledOff);
        }
        catch (Exception) when (calledOff.IsCancellationRequested)
        {
            LogCalledOff();
        }
        catch (Exception exception)
        {
            Fail(exception is NpgsqlException ? new StartUpException($"{SettingNames.Full(SettingNames.Ledger)}: {exception.Message}") : exception);
        }
    }

    private void Fail(Exception failure)
    {
        _failure = failure;
        LogFailed(StartUp.Explain(failure) is null ? failure : null, failure.Message);
        Environment.ExitCode = 1;
        lifetime.StopApplication();
    }

    /// <summary>Orleans would go on for minutes, though no silo that shows another cluster's certificate lets this one in.</summary>
    private async Task EndAmongStrangersAsync(CancellationToken calledOff)
    {
        try
        {
            if (services.GetService<ClusterTls>() is { } tls)
            {
                var subject = await tls.Stranger.WaitAsync(calledOff);
                await Task.Delay(StrangerPatience, services.GetRequiredService<TimeProvider>(), calledOff);
                if (!_active.Task.IsCompleted)
                {
                    Fail(new StartUpException(
                        $"Cluster:Certificate and Cluster:CertificateAuthority are of another cluster than the silos that Cluster:Redis and Cluster:Id name: "
                        + $"the certificate {subject} of one of them is refused."));
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The silo stops.
        }
    }

    private async Task StartAsync(IEnumerable<Part> next, CancellationToken calledOff)
    {
        foreach (var part in next.Select(part => part.Make(services)))
        {
            // What is called off while it starts may have begun something: it is stopped too.
            _started.Push(part);
            await part.StartAsync(calledOff);
        }
    }

    /// <summary>One that cannot stop keeps none of the others from stopping: a silo that has not started throws.</summary>
    private async Task StopAsync(IHostedService part, CancellationToken limit)
    {
        try
        {
            await part.StopAsync(limit);
        }
        catch (Exception exception)
        {
            LogNotStopped(part.GetType().Name, exception.Message);
        }
        finally
        {
            await DisposeAsync(part);
        }
    }

    [LoggerMessage(1, LogLevel.Information, "The silo is active at {Address}")]
    private partial void LogActive(string address);

    [LoggerMessage(2, LogLevel.Information, "Stopped before the silo was active")]
    private partial void LogCalledOff();

    [LoggerMessage(3, LogLevel.Critical, "The silo cannot start: {Message}")]
    private partial void LogFailed(Exception? bug, string message);

    [LoggerMessage(4, LogLevel.Warning, "{Part} could not be stopped: {Message}")]
    private partial void LogNotStopped(string part, string message);

    /// <summary>What starts under the lock, in the order of registration, and stops in the reverse one.</summary>
    /// <param name="Make">Makes it, when its turn has come.</param>
    /// <param name="NeedsSilo">Whether it starts once grains can be called.</param>
    internal sealed record Part(Func<IServiceProvider, IHostedService> Make, bool NeedsSilo);
}
