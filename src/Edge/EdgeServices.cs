using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Orleans;
using OrleansGateway.Edge.Accounting;
using OrleansGateway.Edge.Catalog;
using OrleansGateway.Edge.Channels;
using OrleansGateway.Edge.Chat;
using OrleansGateway.Edge.Http;
using OrleansGateway.Edge.Idempotency;
using OrleansGateway.Edge.Models;
using OrleansGateway.Grains.Contracts.Catalog;
using OrleansGateway.Grains.Contracts.Keys;
using OrleansGateway.Hosting;

namespace OrleansGateway.Edge;

/// <summary>The relay's services.</summary>
public static class EdgeServices
{
    /// <summary>
    /// Adds the relay. The host provides <see cref="IGrainFactory"/>, <see cref="ICatalogSource"/> and <see cref="SigningSecret"/>.
    /// </summary>
    public static IServiceCollection AddEdge(this IServiceCollection services, IConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        services.AddOptions<EdgeOptions>().Bind(configuration.GetSection(EdgeOptions.Section)).ValidateOnStart();
        services.AddSingleton<IValidateOptions<EdgeOptions>, EdgeOptionsValidator>();
        services.AddRouting();
        services.AddMetrics();
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton(RandomSource.Secure);
        services.AddSingleton(provider => new AccountClient(
            provider.GetRequiredService<IGrainFactory>(),
            provider.GetRequiredService<TimeProvider>(),
            new AccountingOptions { OpenHoldsMax = Options(provider).MaxRunningRequests },
            provider.GetRequiredService<ILoggerFactory>(),
            provider.GetService<ISiloLink>()));
        services.AddSingleton<EdgeMetrics>();
        services.AddSingleton<Watchdog>();
        services.AddSingleton(provider => new ClientAddress(Options(provider).TrustedProxies));
        services.AddSingleton(provider => new AnswerCache(Options(provider).IdempotencyCacheBytes, provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton<ChannelClients>();
        services.AddSingleton<ChannelHealth>();
        services.AddSingleton<ChannelChoice>();
        services.AddSingleton<ChannelFailures>();
        services.AddSingleton<Forwarder>();
        services.AddSingleton<ChatEndpoint>();
        services.AddSingleton<ModelsEndpoint>();
        services.AddHostedService<EdgeLifetime>();
        services.Configure<KestrelServerOptions>(kestrel =>
        {
            kestrel.AddServerHeader = false;

            // The relay refuses headers that are too long itself, with a body that clients understand; the server only from here on.
            kestrel.Limits.MaxRequestHeadersTotalSize = 8 * RequestHeaders.MaxBytes;

            // How long a client may leave an answer unread is the relay's own limit; a slow reader is not a dead one.
            kestrel.Limits.MinResponseDataRate = null;
        });
        return services;
    }

    /// <summary>Makes the relay follow the catalog grain.</summary>
    /// <param name="services">The host's.</param>
    /// <param name="mayAsk">Whether grains can be called at the moment.</param>
    public static IServiceCollection AddCatalogFollower(this IServiceCollection services, Func<IServiceProvider, bool> mayAsk)
    {
        services.AddSingleton(provider => new CatalogFollower(
            provider.GetRequiredService<IGrainFactory>(),
            provider.GetRequiredService<EnvironmentVariables>(),
            () => mayAsk(provider),
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ILogger<CatalogFollower>>()));
        services.AddSingleton<ICatalogSource>(provider => provider.GetRequiredService<CatalogFollower>());
        services.AddSingleton<IReadinessCheck>(provider => provider.GetRequiredService<CatalogFollower>());
        services.AddHostedService(provider => provider.GetRequiredService<CatalogFollower>());
        return services;
    }

    private static EdgeOptions Options(IServiceProvider provider) => provider.GetRequiredService<IOptions<EdgeOptions>>().Value;
}
