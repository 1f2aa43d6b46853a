using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Options;
using OrleansGateway.Hosting;
using OrleansGateway.Silo.Configuration;
using OrleansGateway.Silo.Hosting;

namespace OrleansGateway.Silo.Operator;

/// <summary>
/// Health, and in a cluster the dashboard, over HTTP/1.1. It starts before all other services, so that its health tells what they wait for,
/// and stops after the clients' port.
/// </summary>
internal sealed partial class OperatorHealth(IServiceProvider services, IOptions<OperatorOptions> options, ILogger<OperatorHealth> log)
    : IHostedLifecycleService, IAsyncDisposable
{
    private readonly OperatorServer _server = new(services, SettingNames.Full($"{GatewayOptions.Section}:{nameof(OperatorOptions.OperatorUrls)}"));

    public async Task StartingAsync(CancellationToken cancellationToken)
    {
        foreach (var url in SettingProblems.SplitUrls(options.Value.OperatorUrls))
        {
            _server.Listen(url, HttpProtocols.Http1);
        }

        var addresses = await _server.StartAsync(
            static _ => { },
            app =>
            {
                app.Use(AnswerAsync);
                app.MapHealth(services);
                app.MapDashboard(services);
            },
            cancellationToken);
        LogListening(string.Join(", ", addresses));
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => _server.StopAsync(cancellationToken);

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    /// <summary>Answers what fails with the reason that may be told.</summary>
    private async Task AnswerAsync(HttpContext context, RequestDelegate next)
    {
        try
        {
            await next(context);
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
        }
        catch (Exception exception)
        {
            LogFailed(exception, context.Request.Method, context.Request.Path);
            if (!context.Response.HasStarted)
            {
                context.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
                await context.Response.WriteAsync("The request failed; the gateway's log says why. It may be sent again.");
            }
        }
    }

    [LoggerMessage(3, LogLevel.Information, "Health is at {Addresses}")]
    private partial void LogListening(string addresses);

    [LoggerMessage(2, LogLevel.Error, "The operator's request {Method} {Path} failed")]
    private partial void LogFailed(Exception exception, string method, string path);
}
