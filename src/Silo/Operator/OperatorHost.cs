using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Options;
using OrleansGateway.Hosting;
using OrleansGateway.Silo.Configuration;
using OrleansGateway.Silo.Hosting;

namespace OrleansGateway.Silo.Operator;

/// <summary>
/// The operator API: a web server of its own, so that nothing of it can be reached through the port that clients use.
/// It starts before all other services, so that its health tells what they wait for, and stops after the clients' port.
/// </summary>
internal sealed partial class OperatorHost(
    IServiceProvider services, IOptions<OperatorOptions> options, IHostApplicationLifetime lifetime, ILogger<OperatorHost> log)
    : IHostedLifecycleService, IAsyncDisposable
{
    /// <summary>How long a stop waits for requests; the dashboard's log stream would go on for an hour.</summary>
    private static readonly TimeSpan StopMax = TimeSpan.FromSeconds(3);

    private WebApplication? _app;

    /// <summary>The addresses that it listens on, with their real ports; empty before the start.</summary>
    public IReadOnlyList<string> Addresses { get; private set; } = [];

    public async Task StartingAsync(CancellationToken cancellationToken)
    {
        var builder = WebApplication.CreateSlimBuilder();
        // Nothing of the environment applies to it: its addresses are set here.
        builder.Configuration.Sources.Clear();
        builder.Configuration.AddInMemoryCollection();
        builder.WebHost.UseUrls([.. SettingProblems.SplitUrls(options.Value.OperatorUrls)]);
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.AddServerHeader = false);
        builder.Services.AddSingleton(services.GetRequiredService<ILoggerFactory>());
        builder.Services.AddSingleton<IHostLifetime, NoLifetime>();
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = StopMax);
        builder.Services.Configure<RouteHandlerOptions>(routes => routes.ThrowOnBadRequest = true);
        builder.Services.ConfigureHttpJsonOptions(json => OperatorJson.Apply(json.SerializerOptions));
        _app = builder.Build();
        _app.Use(AnswerAsync);
        _app.MapHealth(services);
        _app.MapOperator(services);
        _app.MapDashboard(services);
        try
        {
            await _app.StartAsync(cancellationToken);
        }
        catch (IOException exception)
        {
            throw new StartUpException($"{SettingNames.Full("Gateway:OperatorUrls")}: {exception.Message}");
        }

        Addresses = [.. _app.Services.GetRequiredService<IServer>().Features.GetRequiredFeature<IServerAddressesFeature>().Addresses];
        LogListening(string.Join(", ", Addresses));
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => _app?.StopAsync(cancellationToken) ?? Task.CompletedTask;

    public ValueTask DisposeAsync() => _app?.DisposeAsync() ?? ValueTask.CompletedTask;

    /// <summary>Lets in who has the token, and answers what fails with the reason that may be told.</summary>
    private async Task AnswerAsync(HttpContext context, RequestDelegate next)
    {
        var isHealth = context.Request.Path.StartsWithSegments("/health", StringComparison.Ordinal);
        if (!isHealth && !HasToken(context.Request))
        {
            context.Response.Headers.WWWAuthenticate = IsPage(context.Request) ? "Basic realm=\"operator, with the token as password\"" : "Bearer";
            await RefuseAsync(context, 401, "unauthorized", $"The operator's token is missing or another ({SettingNames.Full("Gateway:OperatorToken")}).");
            return;
        }

        if (!isHealth && !lifetime.ApplicationStarted.IsCancellationRequested)
        {
            await RefuseAsync(context, 503, "unavailable", "The gateway is starting; /health/ready tells what it waits for.");
            return;
        }

        try
        {
            await next(context);
        }
        catch (BadHttpRequestException exception)
        {
            await RefuseAsync(context, exception.StatusCode, "invalid", exception.Message);
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
        }
        catch (Exception exception)
        {
            LogFailed(exception, context.Request.Method, context.Request.Path);
            await RefuseAsync(context, 503, "unavailable", "The request failed; the gateway's log says why. It may be sent again.");
        }
    }

    private bool HasToken(HttpRequest request) =>
        TokenIn(request.Headers.Authorization.ToString(), IsPage(request)) is { } token
        && CryptographicOperations.FixedTimeEquals(
            SHA256.HashData(Encoding.UTF8.GetBytes(token)), SHA256.HashData(Encoding.UTF8.GetBytes(options.Value.OperatorToken)));

    /// <summary>What a browser may look at. It sends a password along with requests that another site made it send: never more than pages.</summary>
    private static bool IsPage(HttpRequest request) =>
        HttpMethods.IsGet(request.Method) && request.Path.StartsWithSegments("/dashboard", StringComparison.Ordinal);

    private static string? TokenIn(string header, bool isPage)
    {
        const string Bearer = "Bearer ";
        const string Basic = "Basic ";
        if (header.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase))
        {
            return header[Bearer.Length..];
        }

        var decoded = new byte[header.Length];
        return isPage
            && header.StartsWith(Basic, StringComparison.OrdinalIgnoreCase)
            && Convert.TryFromBase64String(header[Basic.Length..], decoded, out var length)
            && decoded.AsSpan(0, length).IndexOf((byte)':') is var colon and >= 0
                ? Encoding.UTF8.GetString(decoded.AsSpan()[(colon + 1)..length])
                : null;
    }

    private static async Task RefuseAsync(HttpContext context, int status, string code, string message)
    {
        if (!context.Response.HasStarted)
        {
            context.Response.StatusCode = status;
            await context.Response.WriteAsJsonAsync(new RefusalAnswer(new Refusal(code, message)), OperatorJson.Options);
        }
    }

    /// <summary>The gateway's own host listens to signals, this one does not.</summary>
    private sealed class NoLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }

    [LoggerMessage(1, LogLevel.Information, "The operator API listens on {Addresses}")]
    private partial void LogListening(string addresses);

    [LoggerMessage(2, LogLevel.Error, "The operator's request {Method} {Path} failed")]
    private partial void LogFailed(Exception exception, string method, string path);
}
