using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Options;
using OrleansGateway.Grains.Contracts.Catalog;
using OrleansGateway.Hosting;
using OrleansGateway.Ledger.Postgres;
using OrleansGateway.Operations;
using OrleansGateway.Silo.Configuration;
using OrleansGateway.Silo.Hosting;

namespace OrleansGateway.Silo.Operator;

/// <summary>
/// The operators' gRPC, on a Unix socket and where it is configured on TCP. It is there while the silo is: a gateway that waits for the
/// lock leaves the socket to the one that has it.
/// </summary>
internal sealed partial class OperatorGrpc(IServiceProvider services, IOptions<OperatorOptions> options, ILogger<OperatorGrpc> log)
    : IHostedService, IAsyncDisposable
{
    /// <summary>More than a catalog may have: one that is too long is told so by line.</summary>
    private const int MessageBytesMax = 2 * CatalogFile.MaxBytes;

    private readonly OperatorServer _server = new(
        services,
        string.Join(" or ", new[] { nameof(OperatorOptions.OperatorGrpcUrls), nameof(OperatorOptions.OperatorSocket) }
            .Select(static setting => SettingNames.Full($"{GatewayOptions.Section}:{setting}"))));

    private OperatorSocket? _socket;

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        var settings = options.Value;
        if (settings.OperatorSocket.Length > 0)
        {
            var path = Path.GetFullPath(settings.OperatorSocket);
            _socket = await OperatorSocket.TakeAsync(path, services.GetRequiredService<TimeProvider>(), cancellationToken);
            _server.Listen($"http://unix:{path}", HttpProtocols.Http2);
        }

        foreach (var url in SettingProblems.SplitUrls(settings.OperatorGrpcUrls))
        {
            _server.Listen(
                url,
                HttpProtocols.Http2,
                url.StartsWith("https:", StringComparison.OrdinalIgnoreCase) ? (settings.OperatorCertificate, settings.OperatorCertificateKey) : null);
        }

        LogListening(string.Join(", ", await _server.StartAsync(Add, Map, cancellationToken)));
    }

    public Task StopAsync(CancellationToken cancellationToken) => _server.StopAsync(cancellationToken);

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _socket?.Dispose();
    }

    private void Add(IServiceCollection server)
    {
        server.AddSingleton(services.GetRequiredService<AccountOperations>());
        server.AddSingleton(services.GetRequiredService<OwnerOperations>());
        server.AddSingleton(SiteAddress.Of(services.GetRequiredService<IConfiguration>()));
        server.AddSingleton(services.GetRequiredService<KeyOperations>());
        server.AddSingleton(services.GetRequiredService<CatalogOperations>());
        server.AddSingleton(services.GetRequiredKeyedService<ReportOperations>(GatewayBuilder.OperatorReports));
        server.AddSingleton(services.GetRequiredService<AnnouncementOperations>());
        server.AddSingleton(services.GetRequiredService<Announcements>());
        server.AddSingleton(services.GetRequiredService<Readiness>());
        server.AddGrpc(grpc =>
        {
            grpc.MaxReceiveMessageSize = MessageBytesMax;
            grpc.MaxSendMessageSize = MessageBytesMax;
            grpc.Interceptors.Add<UnavailableInterceptor>();
        });
        server.AddGrpcReflection();
        server.AddGrpcHealthChecks().AddCheck<ReadinessHealth>("gateway");
    }

    private static void Map(WebApplication app)
    {
        app.MapGrpcService<AccountGrpc>();
        app.MapGrpcService<KeyGrpc>();
        app.MapGrpcService<CatalogGrpc>();
        app.MapGrpcService<ReportGrpc>();
        app.MapGrpcService<AnnouncementGrpc>();
        app.MapGrpcReflectionService();
        app.MapGrpcHealthChecksService();
    }

    /// <summary>The gateway's readiness for the standard health service of gRPC.</summary>
    private sealed class ReadinessHealth(Readiness readiness) : IHealthCheck
    {
        public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
        {
            var reasons = await readiness.ReasonsAsync(cancellationToken);
            return reasons.Count == 0 ? HealthCheckResult.Healthy() : HealthCheckResult.Unhealthy(string.Join("; ", reasons));
        }
    }

    [LoggerMessage(1, LogLevel.Information, "The operator API listens on {Addresses}")]
    private partial void LogListening(string addresses);
}
