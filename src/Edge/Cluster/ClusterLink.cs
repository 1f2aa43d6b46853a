using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans;
using Orleans.Hosting;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Grains.Contracts.Catalog;
using OrleansGateway.Hosting;
using OrleansGateway.Hosting.Cluster;
using GatewayListOptions = Orleans.Configuration.GatewayOptions;

namespace OrleansGateway.Edge.Cluster;

/// <summary>An edge's connection to the silos of its cluster. It is made again by itself for as long as the edge runs.</summary>
internal sealed partial class ClusterLink(
    IServiceProvider services, IHostApplicationLifetime lifetime, TimeProvider time, ILogger<ClusterLink> log)
    : IClusterConnectionStatusObserver, IGrains, IReadinessCheck
{
    /// <summary>How soon an edge knows of a silo that has come, and tries again where there was none.</summary>
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(1);

    /// <summary>
    /// The client connects to a silo when a call needs it: an edge with little to do may have lost its only connection, and gets one
    /// to another silo by its next call.
    /// </summary>
    private static readonly TimeSpan ReconnectMax = 2 * LookEvery;

    /// <summary>Asked for when it is used: the Orleans client itself asks for this object.</summary>
    private IGrainFactory Grains => field ??= services.GetRequiredService<IGrainFactory>();

    private int _silos;
    private long _lostAt;

    /// <summary>Whether the client has learned from a silo which grains there are; before, no call can be made. That lasts.</summary>
    public bool HasStarted => lifetime.ApplicationStarted.IsCancellationRequested;

    public bool IsUp => HasStarted
        && (Volatile.Read(ref _silos) > 0 || time.GetElapsedTime(Interlocked.Read(ref _lostAt)) < ReconnectMax);

    public bool AreRemote => true;

    public ICatalogGrain Catalog => Grains.GetGrain<ICatalogGrain>(ICatalogGrain.Key);

    public IAccountGrain Account(string accountId) => Grains.GetGrain<IAccountGrain>(accountId);

    /// <summary>Adds the Orleans client. The edge starts, and answers, without a silo.</summary>
    public static void Add(IHostApplicationBuilder builder)
    {
        ClusterSettings.Add(builder, isEdge: true);
        builder.Services.AddSingleton<ClusterLink>();
        builder.Services.AddSingleton<IGrains>(provider => provider.GetRequiredService<ClusterLink>());
        builder.Services.AddSingleton<IReadinessCheck>(provider => provider.GetRequiredService<ClusterLink>());
        builder.Services.AddSingleton<IClusterConnectionStatusObserver>(provider => provider.GetRequiredService<ClusterLink>());

        // The client's start lasts until there is a silo.
        builder.Services.Configure<HostOptions>(host => host.ServicesStartConcurrently = true);
        builder.UseOrleansClient(client => client
            .UseRedisClustering(_ => { })
            .Configure<GatewayListOptions>(gateways => gateways.GatewayListRefreshPeriod = LookEvery)
            .UseConnectionRetryFilter<Patience>());
    }

    public void NotifyGatewayCountChanged(int currentNumberOfGateways, int previousNumberOfGateways, bool connectionRecovered)
    {
        // Of two changes at once, the later may be told first.
        LogSilos(Interlocked.Add(ref _silos, currentNumberOfGateways - previousNumberOfGateways));
    }

    public void NotifyClusterConnectionLost()
    {
        Interlocked.Exchange(ref _lostAt, time.GetTimestamp());
        LogLost();
    }

    public ValueTask<string?> ReasonAsync(CancellationToken cancellationToken) =>
        ValueTask.FromResult(IsUp ? null : "no silo of the cluster can be reached");

    [LoggerMessage(1, LogLevel.Information, "{Silos} silos are connected")]
    private partial void LogSilos(int silos);

    [LoggerMessage(2, LogLevel.Error, "No silo is connected: requests are refused unless one soon is")]
    private partial void LogLost();

    /// <summary>Tries for as long as the edge runs, and says so once.</summary>
    private sealed partial class Patience(TimeProvider time, ILogger<ClusterLink> log) : IClientConnectionRetryFilter
    {
        private bool _isTold;

        public async Task<bool> ShouldRetryConnectionAttempt(Exception exception, CancellationToken cancellationToken)
        {
            if (!_isTold)
            {
                LogNoSilo(exception.Message);
                _isTold = true;
            }

            await Task.Delay(LookEvery, time, cancellationToken);
            return true;
        }

        [LoggerMessage(3, LogLevel.Warning, "No silo answers yet, it is tried every second: {Message}")]
        private partial void LogNoSilo(string message);
    }
}
