using Microsoft.AspNetCore.Cors.Infrastructure;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using OrleansGateway.Edge.Accounting;
using OrleansGateway.Edge.Bodies;
using OrleansGateway.Edge.Catalog;
using OrleansGateway.Edge.Channels;
using OrleansGateway.Edge.Dialects;
using OrleansGateway.Edge.Dialects.Anthropic;
using OrleansGateway.Edge.Dialects.Gemini;
using OrleansGateway.Edge.Dialects.OpenAI;
using OrleansGateway.Edge.Fronts;
using OrleansGateway.Edge.Fronts.Anthropic;
using OrleansGateway.Edge.Fronts.Gemini;
using OrleansGateway.Edge.Fronts.OpenAI;
using OrleansGateway.Edge.Fronts.OpenAI.Realtime;
using OrleansGateway.Edge.Http;
using OrleansGateway.Edge.Idempotency;
using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Grains.Contracts.Catalog;
using OrleansGateway.Grains.Contracts.Keys;
using OrleansGateway.Hosting;

namespace OrleansGateway.Edge;

/// <summary>The relay's services.</summary>
public static class EdgeServices
{
    /// <summary>What a connection may have sent that nobody has read yet, bytes: it counts for no request.</summary>
    private const int UnreadBytesMax = 16 * 1024;

    /// <summary>What may wait for a client to read it, bytes, before the relay waits too.</summary>
    private const int UnsentBytesMax = 32 * 1024;

    /// <summary>
    /// Adds the relay. The host provides <see cref="IGrains"/>, <see cref="ICatalogSource"/> and <see cref="SigningSecrets"/>.
    /// </summary>
    public static IServiceCollection AddEdge(this IServiceCollection services, IConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        services.AddClientAddress(configuration);
        services.AddRouting();
        services.AddMetrics();
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton(RandomSource.Secure);
        services.AddSingleton(provider => new AccountClient(
            provider.GetRequiredService<IGrains>(),
            provider.GetRequiredService<TimeProvider>(),
            new AccountingOptions { OpenHoldsMax = Options(provider).MaxRunningRequests },
            provider.GetRequiredService<ILoggerFactory>()));
        services.AddSingleton<EdgeMetrics>();
        services.AddSingleton<Watchdog>();
        services.AddSingleton<ConnectionLimit>();
        services.AddCors();
        services.AddOptions<CorsOptions>().Configure<IOptions<EdgeOptions>>(static (cors, edge) => CorsPolicies.Add(cors, edge.Value.CorsOrigins));
        services.AddSingleton(provider => new AnswerCache(Options(provider).IdempotencyCacheBytes, provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton(provider => new ResponseMemory(Options(provider).ResponseMemoryBytes, provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton<ChannelClients>();
        services.AddSingleton<ChannelHealth>();
        services.AddSingleton<ChannelChoice>();
        services.AddSingleton<ChannelFailures>();
        services.AddSingleton<AddedFields>();
        services.AddSingleton<Forwarder>();
        services.AddSingleton<RequestBodies>();
        services.AddSingleton<AnswerBodies>();
        services.AddSingleton<Relay>();
        services.AddSingleton<Callers>();
        services.AddSingleton<ModelsEndpoint>();
        services.AddSingleton<RealtimeServices>();
        services.AddSingleton<DialectSet>();
        services.AddFront<OpenAIFront>();
        services.AddDialect<OpenAIDialect>();
        services.AddFront<AnthropicFront>();
        services.AddDialect<AnthropicDialect>();
        services.AddFront<GeminiFront>();
        services.AddDialect<GeminiDialect>();
        services.AddHostedService<EdgeLifetime>();
        services.AddSilentRequests();

        // The server's limit for what is unread (MaxRequestBufferSize) is not the one that the sockets go by, which is 1 MiB.
        services.Configure<SocketTransportOptions>(sockets =>
        {
            sockets.MaxReadBufferSize = UnreadBytesMax;
            sockets.MaxWriteBufferSize = UnsentBytesMax;
        });
        services.AddOptions<KestrelServerOptions>().Configure<IOptions<EdgeOptions>, ConnectionLimit, ClientConnections>((kestrel, edge, limit, clients) =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxConcurrentConnections = edge.Value.MaxConnections;
            kestrel.ConfigureEndpointDefaults(listen =>
            {
                listen.Use(next => connection => limit.ServeAsync(connection, next));
                listen.Use(next => connection => clients.ServeAsync(connection, next));
            });

            // The server keeps headers as strings, two bytes a character, while it waits for the rest of them. The relay refuses headers
            // that are too long itself, with a body that clients understand; the server only from here on.
            kestrel.Limits.MaxRequestLineSize = 2 * 1024;
            kestrel.Limits.MaxRequestHeadersTotalSize = RequestHeaders.MaxBytes + (4 * 1024);

            // A stream that waits for memory is not read: as many as may wait, each on a connection of its own, take 128 MiB.
            kestrel.Limits.Http2.InitialConnectionWindowSize = 128 * 1024;
            kestrel.Limits.Http2.InitialStreamWindowSize = 128 * 1024;

            // How long a client may leave an answer unread is the relay's own limit; a slow reader is not a dead one.
            kestrel.Limits.MinResponseDataRate = null;
            kestrel.Limits.MaxResponseBufferSize = UnsentBytesMax;
        });
        return services;
    }

    /// <summary>The relay's settings, and that clients' addresses are told as they say: all that a site without a relay takes of it.</summary>
    internal static void AddClientAddress(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddSettings<EdgeOptions>(configuration.GetSection(EdgeOptions.Section));
        services.AddSingleton<IValidateOptions<EdgeOptions>, EdgeOptionsValidator>();
        services.AddSingleton(provider => new ClientAddress(Options(provider).TrustedProxies));
        services.AddSingleton<IStartupFilter>(static provider => provider.GetRequiredService<ClientAddress>());
    }

    /// <summary>Makes the relay follow the catalog grain.</summary>
    /// <param name="services">The host's.</param>
    /// <param name="mayAsk">Whether grains can be called at the moment.</param>
    public static IServiceCollection AddCatalogFollower(this IServiceCollection services, Func<IServiceProvider, bool> mayAsk)
    {
        services.AddSingleton(provider => new CatalogFollower(
            provider.GetRequiredService<IGrains>(),
            provider.GetRequiredService<EnvironmentVariables>(),
            () => mayAsk(provider),
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ILogger<CatalogFollower>>()));
        services.AddSingleton<ICatalogSource>(provider => provider.GetRequiredService<CatalogFollower>());
        services.AddSingleton<IReadinessCheck>(provider => provider.GetRequiredService<CatalogFollower>());
        services.AddHostedService(provider => provider.GetRequiredService<CatalogFollower>());
        return services;
    }

    /// <summary>Adds a protocol that clients speak.</summary>
    internal static void AddFront<TFront>(this IServiceCollection services)
        where TFront : class, IFront => services.AddSingleton<IFront, TFront>();

    /// <summary>Adds a protocol that providers speak.</summary>
    internal static void AddDialect<TDialect>(this IServiceCollection services)
        where TDialect : class, IDialect => services.AddSingleton<IDialect, TDialect>();

    private static EdgeOptions Options(IServiceProvider provider) => provider.GetRequiredService<IOptions<EdgeOptions>>().Value;
}
