using OrleansGateway.Ledger;

namespace OrleansGateway.Silo.Hosting;

/// <summary>Stops the journal with the host, after the accounts have given back their reserve.</summary>
internal sealed class JournalService(Journal journal) : IHostedService
{
    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken)
    {
        journal.Stop();
        return Task.CompletedTask;
    }
}
