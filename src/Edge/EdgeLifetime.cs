using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using OrleansGateway.Edge.Accounting;
using OrleansGateway.Edge.Http;
using OrleansGateway.Hosting;

namespace OrleansGateway.Edge;

/// <summary>
/// Runs the renewals, and stops in order while the server still answers: nothing new is admitted, running requests may end,
/// the rest is cut and settled.
/// </summary>
internal sealed class EdgeLifetime(
    AccountClient accounts, Watchdog watchdog, ClientConnections clients, IOptions<GatewayOptions> options)
    : IHostedLifecycleService, IDisposable
{
    /// <summary>How long requests that were cut may take to settle.</summary>
    public static readonly TimeSpan SettleWait = TimeSpan.FromSeconds(5);

    private readonly CancellationTokenSource _stopping = new();
    private Task _renewals = Task.CompletedTask;

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        _renewals = accounts.RunAsync(_stopping.Token);
        return Task.CompletedTask;
    }

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public async Task StoppingAsync(CancellationToken cancellationToken)
    {
        watchdog.StopAll(isOver: false);
        if (await accounts.StopAsync(clients.AreCut ? TimeSpan.Zero : TimeSpan.FromSeconds(options.Value.StopSeconds)))
        {
            return;
        }

        watchdog.StopAll(isOver: true);
        if (!await accounts.StopAsync(SettleWait))
        {
            accounts.LogUnsettled();
        }
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await _stopping.CancelAsync();
        await _renewals;
    }

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose() => _stopping.Dispose();
}
