using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using OrleansGateway.Grains.Accounts;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Grains.Contracts.Keys;
using OrleansGateway.Ledger;
using OrleansGateway.Tests.Engine;
using OrleansGateway.Tests.Simulation.Machine;

namespace OrleansGateway.Tests.Simulation.Cluster;

/// <summary>The part of a process that runs accounts: the real grain and journal.</summary>
internal sealed class SimulatedSilo : IDisposable
{
    private static readonly TimeSpan CollectionAge = TimeSpan.FromSeconds(90);

    private readonly TestEngine _engine;
    private readonly Journal _journal;

    /// <param name="processId">The same for all silos of a cluster: what one leaves in quarantine has living edges.</param>
    public SimulatedSilo(
        SimulatedProcess process, string processId, IDatabaseLock databaseLock, ILedger ledger, int seed, ILoggerFactory loggers)
    {
        Process = process;
        _journal = new Journal(ledger, process.Clock, process, new JournalOptions(), loggers.CreateLogger<Journal>());
        var services = new ServiceCollection();
        services.AddSingleton(loggers);
        services.AddSingleton<TimeProvider>(process.Clock);
        services.AddSingleton(ledger);
        services.AddSingleton(_journal);
        services.AddSingleton(databaseLock);
        services.AddSingleton(new AccountOptions { ProcessId = processId });
        services.AddSingleton<RandomSource>(new SeededRandomSource(seed));
        _engine = new TestEngine(services, process, [typeof(AccountGrain)], CollectionAge);
    }

    public SimulatedProcess Process { get; }

    public string Name => Process.Name;

    public bool IsDead => Process.IsDead;

    /// <summary>Ends its activations and is gone; messages to it fail meanwhile.</summary>
    public bool IsStopping { get; private set; }

    public IAccountGrain Grain(string accountId) => _engine.GetGrain<IAccountGrain>(accountId);

    /// <summary>Stops cleanly, as its host would, in the middle of whatever runs; then the process ends.</summary>
    public void Stop(Action? ended = null)
    {
        IsStopping = true;
        _ = Process.Start(async () =>
        {
            await _engine.StopAsync();
            _journal.Stop();
            Die();
            ended?.Invoke();
        });
    }

    public void Die()
    {
        if (!Process.IsDead)
        {
            Process.Die();
            _engine.Dispose();
            _journal.Dispose();
        }
    }

    public void Dispose() => Die();

    private sealed class SeededRandomSource(int seed) : RandomSource
    {
        private readonly Random _random = new(seed);

        public override void Fill(Span<byte> bytes) => _random.NextBytes(bytes);
    }
}
