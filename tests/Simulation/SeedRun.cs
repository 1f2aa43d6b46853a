using Microsoft.Extensions.Logging;
using OrleansGateway.Tests.Simulation.Audit;
using OrleansGateway.Tests.Simulation.Cluster;
using OrleansGateway.Tests.Simulation.Faults;
using OrleansGateway.Tests.Simulation.Machine;
using OrleansGateway.Tests.Simulation.Workload;

namespace OrleansGateway.Tests.Simulation;

/// <summary>What one seed came to.</summary>
internal sealed record SeedResult(
    SeedPlan Plan,
    bool IsCluster,
    (string Rule, string What)? Broken,
    string Trace,
    ulong Digest,
    int Requests,
    int[] Faults,
    long Steps,
    TimeSpan Time,
    RareStates Rare,
    Verdicts Verdicts);

/// <summary>One seed: faults while customers work, then rest, then the end of everything. Runs on the thread that calls.</summary>
internal sealed class SeedRun : IDisposable
{
    private static readonly TimeSpan RestMax = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan WorkMax = TimeSpan.FromHours(10);
    /// <summary>The most overdue message, and a lease.</summary>
    private static readonly TimeSpan LastMessages = TimeSpan.FromSeconds(70);
    private static readonly TimeSpan LeaseAndQuarantine = TimeSpan.FromSeconds(45);

    private readonly SeedPlan _plan;
    private readonly SimulatedMachine _machine;
    private readonly SimulatedClock _clock;
    private readonly Trace _trace;
    private readonly FaultDice _faults;
    private readonly Auditor _auditor;
    private readonly RareStates _rare = new();
    private readonly Verdicts _verdicts = new();
    private readonly Installation _installation;
    private readonly Customers _customers;

    private SeedRun(SeedPlan plan, bool keepsTrace)
    {
        _plan = plan;
        _clock = new SimulatedClock(Start(plan.Random(8)));
        _trace = new Trace(_clock, keepsTrace);
        _machine = new SimulatedMachine(plan.Random(0).Next(), _clock, _trace);
        _faults = new FaultDice(plan) { IsOver = true };
        _auditor = new Auditor(_clock, _trace, _rare, _verdicts, plan.HearsAlarms);
        var prices = new Prices(plan.Random(6));
        var logs = new LoggerFactory([new AuditedLogs(_auditor)]);
        _installation = new Installation(_machine, plan, _faults, prices, _auditor, _trace, logs);
        _customers = new Customers(_machine, plan, _installation, _faults, prices, _auditor);
    }

    public static SeedResult Run(SeedPlan plan, bool keepsTrace = false)
    {
        // Awaits prefer a synchronization context to the scheduler.
        var context = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(null);
        try
        {
            using var run = new SeedRun(plan, keepsTrace);
            try
            {
                run.Run();
            }
            catch (Exception bug) when (run._auditor.Broken is null)
            {
                run._auditor.Break("alarm", $"{bug}");
            }
            catch (Exception)
            {
                // What was broken first is what is told.
            }

            return run.Result();
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(context);
        }
    }

    /// <summary>Any day of the year; every second seed begins shortly before midnight.</summary>
    private static TimeSpan Start(Random random) =>
        TimeSpan.FromDays(random.Next(400)) - (random.Next(2) == 0 ? TimeSpan.FromMinutes(random.Next(1, 10)) : TimeSpan.Zero);

    private void Run()
    {
        // Accounts are made in peace, then faults begin.
        Do(_customers.OpenAsync(), "the accounts to be made");
        _faults.IsOver = false;
        Do(_customers.WorkAsync(), "all requests to be sent");

        // Faults are over: all that runs comes to its end, and leaves nothing behind.
        _faults.IsOver = true;
        _installation.Heal();
        Until(() => _customers.AreDone, "requests and orders to end");
        Pass(LastMessages);
        Do(_customers.AssertServedAsync(), "everybody to be served again");
        Do(_customers.AssertRestAsync(), "accounts to be asked");

        // Everything ends, and what starts then and lives past its quarantine leaves nothing set aside.
        _installation.EndAll(isClean: _plan.Seed % 2 == 0);
        Until(() => _installation.HasEnded, "silos to end");
        _installation.Start();
        Until(() => _installation.IsReady, "a silo to be there");
        Do(_customers.AssertRestAsync(), "accounts to be asked");
        Pass(LeaseAndQuarantine);
        _installation.EndAll(isClean: true);
        Until(() => _installation.HasEnded, "silos to end");
        _auditor.Close();
    }

    public void Dispose() => _installation.Dispose();

    private SeedResult Result() => new(
        _plan,
        _installation.IsCluster,
        _auditor.Broken,
        _trace.Text,
        _trace.Digest,
        _customers.Requests,
        _faults.Happened,
        _machine.Steps,
        _clock.Now,
        _rare,
        _verdicts);

    private void Do(Task task, string what)
    {
        Until(() => task.IsCompleted, what);
        task.GetAwaiter().GetResult();
    }

    private void Pass(TimeSpan time)
    {
        var end = _clock.Now + time;
        while (_clock.Now < end)
        {
            Step();
        }
    }

    private void Until(Func<bool> condition, string what)
    {
        var end = _clock.Now + (_faults.IsOver ? RestMax : WorkMax);
        while (!condition())
        {
            Step();
            if (_clock.Now > end)
            {
                _auditor.Break("stuck", $"waited in vain for {what}");
                throw new StoppedException();
            }
        }
    }

    private void Step()
    {
        _machine.Step();
        if (_machine.HasEscaped)
        {
            _auditor.Break("escaped", "a continuation has left the scheduler");
        }

        if (_auditor.Broken is not null)
        {
            throw new StoppedException();
        }
    }

    private sealed class StoppedException : Exception;
}
