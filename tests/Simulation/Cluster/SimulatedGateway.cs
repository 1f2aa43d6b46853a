using OrleansGateway.Ledger;
using OrleansGateway.Tests.Simulation.Audit;
using OrleansGateway.Tests.Simulation.Machine;

namespace OrleansGateway.Tests.Simulation.Cluster;

/// <summary>The lock that a cluster's silos share: each may run accounts.</summary>
internal sealed class EverySilo : IDatabaseLock
{
    public static EverySilo MayRun { get; } = new();

    public bool IsHeld => true;

    public bool IsExclusive => false;

    public bool MayAdmit => true;

    public int TimesTaken => 1;
}

/// <summary>The advisory lock in the database.</summary>
internal sealed class DatabaseLockModel(Auditor auditor)
{
    private SimulatedGateway? _holder;

    /// <summary>The session that holds it ends. Who has lost it learns that later, and asks again; so does who waits.</summary>
    public void Lose() => _holder = null;

    public void Release(SimulatedGateway gateway) => _holder = _holder == gateway ? null : _holder;

    public bool TryTake(SimulatedGateway gateway)
    {
        if (_holder is null)
        {
            _holder = gateway;
            gateway.TimesTaken++;
            auditor.TookLock(gateway.Edge);
        }

        return _holder == gateway;
    }
}

/// <summary>Silo and edge in one process, which runs accounts while it has the lock.</summary>
internal sealed class SimulatedGateway(SimulatedProcess process, DatabaseLockModel databaseLock, SimulatedDatabase database, SimulatedClock clock)
    : IDatabaseLock
{
    private static readonly TimeSpan Lease = TimeSpan.FromSeconds(15);

    private bool _wasHeld;
    private TimeSpan? _takenAt;

    public SimulatedProcess Process => process;

    public SimulatedSilo Silo { get; set; } = null!;

    public SimulatedEdge Edge { get; set; } = null!;

    public bool IsHeld { get; private set; }

    public bool IsExclusive => true;

    public bool MayAdmit => _wasHeld && _takenAt is null;

    public int TimesTaken { get; set; }

    /// <summary>Whether it admits nothing more.</summary>
    public bool IsLeaving { get; private set; }

    /// <summary>Looks after the lock.</summary>
    /// <param name="exited">It has ended itself because another has the lock.</param>
    public void Run(Action exited) => _ = process.Start(async () =>
    {
        while (true)
        {
            Look();
            if (_takenAt is { } takenAt && clock.Now - takenAt > Lease)
            {
                Leave(isClean: false);
                exited();
            }

            await Task.Delay(TimeSpan.FromSeconds(1), clock);
        }
    });

    /// <summary>Ends the process: after what runs has ended, or at once.</summary>
    public void Leave(bool isClean)
    {
        IsLeaving = true;
        if (isClean)
        {
            _ = process.Start(async () =>
            {
                await Edge.Client.StopAsync(TimeSpan.FromSeconds(30));
                Edge.CutAll();
                Silo.Stop(Unlock);
            });
            return;
        }

        Edge.Die();
        Silo.Die();
        Unlock();
    }

    private void Unlock()
    {
        IsHeld = false;
        databaseLock.Release(this);
    }

    private void Look()
    {
        if (database.IsAway)
        {
            Unlock();
            return;
        }

        IsHeld = databaseLock.TryTake(this);
        _wasHeld |= IsHeld;
        _takenAt = IsHeld || !_wasHeld ? null : _takenAt ?? clock.Now;
    }
}
