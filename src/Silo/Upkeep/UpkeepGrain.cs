using Microsoft.Extensions.Options;
using Orleans;
using Orleans.Runtime;
using OrleansGateway.Grains.Accounts;
using OrleansGateway.Ledger.Postgres;
using OrleansGateway.Silo.Configuration;

namespace OrleansGateway.Silo.Upkeep;

/// <summary>Does the ledger's upkeep, in one process of the installation; its key is <see cref="Key"/>.</summary>
[Alias("og.IUpkeepGrain")]
internal interface IUpkeepGrain : IGrainWithStringKey
{
    /// <summary>The grain's key.</summary>
    const string Key = "ledger";

    /// <summary>Has the upkeep done now, and every hour from then on, whichever processes live then.</summary>
    [Alias("Start")]
    Task StartAsync();
}

/// <summary>A reminder of Orleans' starts a run every hour. A run that is not over when the next one is due goes on, and that one is left out.</summary>
internal sealed class UpkeepGrain(IGrainContext context, LedgerUpkeep upkeep, IOptions<RetentionOptions> retention, AccountOptions accounts)
    : IGrainBase, IUpkeepGrain, IRemindable
{
    private const string Reminder = "hourly";

    private static readonly TimeSpan Every = TimeSpan.FromHours(1);

    private IGrainTimer? _timer;
    private bool _isRunning;

    /// <inheritdoc/>
    public IGrainContext GrainContext { get; } = context;

    /// <inheritdoc/>
    public async Task StartAsync()
    {
        await this.RegisterOrUpdateReminder(Reminder, Every, Every);
        Run();
    }

    /// <inheritdoc/>
    public Task ReceiveReminder(string reminderName, TickStatus status)
    {
        Run();
        return Task.CompletedTask;
    }

    /// <summary>No message may take as long as a run: that is a timer's, which keeps the activation and ends with it.</summary>
    private void Run()
    {
        if (!_isRunning)
        {
            _isRunning = true;
            _timer?.Dispose();
            _timer = this.RegisterGrainTimer(RunAsync, new GrainTimerCreationOptions(TimeSpan.Zero, Timeout.InfiniteTimeSpan) { Interleave = true });
        }
    }

    private async Task RunAsync(CancellationToken cancellationToken)
    {
        try
        {
            await upkeep.RunAsync(retention.Value.CallsDays, accounts.TicketAgeMax, cancellationToken);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // What is left is done in the next run, by whoever has it.
        }
        finally
        {
            _isRunning = false;
        }
    }
}
