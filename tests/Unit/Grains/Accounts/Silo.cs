using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using OrleansGateway.Grains.Accounts;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Grains.Contracts.Keys;
using OrleansGateway.Ledger;
using OrleansGateway.Tests.Engine;

namespace OrleansGateway.Tests.Unit.Grains.Accounts;

/// <summary>One process: its engine, its journal, its view of the lock.</summary>
internal sealed class Silo : IDatabaseLock, IDisposable
{
    /// <summary>Orleans' own.</summary>
    private static readonly TimeSpan CollectionAge = TimeSpan.FromMinutes(15);

    private readonly AccountWorld _world;
    private readonly Journal _journal;

    public Silo(AccountWorld world, string process)
    {
        _world = world;
        _journal = new Journal(world.Ledger, world.Clock, world.JournalScheduler ?? world.Scheduler, new JournalOptions(), new Logger<Journal>(world.Logs));
        var services = new ServiceCollection();
        services.AddSingleton<ILoggerFactory>(world.Logs);
        services.AddSingleton<TimeProvider>(world.Clock);
        services.AddSingleton<ILedger>(world.Ledger);
        services.AddSingleton(_journal);
        services.AddSingleton<IDatabaseLock>(this);
        services.AddSingleton(world.Options(process));
        services.AddSingleton<RandomSource>(new SiloRandom(world.NextSilo++));
        Engine = new TestEngine(services, world.Scheduler, [typeof(AccountGrain)], CollectionAge);
        Grain = Engine.GetGrain<IAccountGrain>(AccountWorld.AccountId);
    }

    public TestEngine Engine { get; }

    public IAccountGrain Grain { get; }

    /// <inheritdoc/>
    public bool IsHeld { get; set; } = true;

    public bool IsExclusive => true;

    /// <summary>Whether the lock is not held because the database is away, and not because another has it.</summary>
    public bool IsDatabaseAway { get; set; }

    public bool MayAdmit => IsHeld || IsDatabaseAway;

    public int TimesTaken { get; set; } = 1;

    /// <summary>Gives up batches whose answers are lost.</summary>
    public void StopJournal() => _journal.Stop();

    /// <summary>Begins to stop the engine as its host would.</summary>
    public Task StopAsync() => Engine.StopAsync();

    /// <summary>Stops cleanly.</summary>
    public void Stop() => _world.Run(async () =>
    {
        await StopAsync();
        return true;
    });

    public void Dispose()
    {
        Engine.Dispose();
        _journal.Dispose();
    }

    /// <summary>Numbers, so that ids differ between silos and runs repeat.</summary>
    private sealed class SiloRandom(int silo) : RandomSource
    {
        private int _next;

        public override void Fill(Span<byte> bytes)
        {
            bytes.Clear();
            BitConverter.TryWriteBytes(bytes, silo);
            BitConverter.TryWriteBytes(bytes[^4..], ++_next);
        }
    }
}
