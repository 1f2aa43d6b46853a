using Microsoft.Extensions.Logging;
using OrleansGateway.Edge;
using OrleansGateway.Tests.Simulation.Audit;
using OrleansGateway.Tests.Simulation.Faults;
using OrleansGateway.Tests.Simulation.Machine;
using OrleansGateway.Tests.Simulation.Workload;

namespace OrleansGateway.Tests.Simulation.Cluster;

/// <summary>
/// All processes of one installation, and what befalls them. Either a cluster (silos, edges, a directory), or gateways
/// (silo and edge in one process, one of them at a time).
/// </summary>
internal sealed class Installation : IDisposable
{
    private const int Silos = 3;
    private const int Edges = 2;
    private const int Gateways = 2;

    /// <summary>A fault happens within so many steps, so that it strikes at any await.</summary>
    private const int FaultStepsMax = 150;

    private readonly SimulatedMachine _machine;
    private readonly FaultDice _faults;
    private readonly Prices _prices;
    private readonly Auditor _auditor;
    private readonly Trace _trace;
    private readonly ILoggerFactory _loggers;
    private readonly SimulatedNetwork _network;
    private readonly SimulatedDirectory _directory;
    private readonly SimulatedProcess _operator;
    private readonly List<SimulatedGateway> _gateways = [];
    private readonly DatabaseLockModel _lock;
    private readonly Random _random;
    private int _next;

    /// <summary>Nothing that ends is started again.</summary>
    private bool _isEnding;

    public Installation(
        SimulatedMachine machine, SeedPlan plan, FaultDice faults, Prices prices, Auditor auditor, Trace trace, ILoggerFactory loggers)
    {
        (_machine, _faults, _prices, _auditor, _trace, _loggers) = (machine, faults, prices, auditor, trace, loggers);
        _random = plan.Random(2);
        IsCluster = _random.Next(3) > 0;
        Database = new SimulatedDatabase(machine, plan.Random(3), faults, auditor, trace);
        _directory = new SimulatedDirectory(machine, plan.Random(4)) { Serves = Serves };
        _network = new SimulatedNetwork(machine, _directory, plan.Random(5), faults, auditor, trace);
        _lock = new DatabaseLockModel(auditor);
        _operator = new SimulatedProcess(machine, "operator");
        for (var i = 0; i < (IsCluster ? Silos : Gateways); i++)
        {
            Start();
        }

        for (var i = 0; IsCluster && i < Edges; i++)
        {
            StartEdge();
        }
    }

    public bool IsCluster { get; }

    public SimulatedDatabase Database { get; }

    public List<SimulatedEdge> AllEdges { get; } = [];

    /// <summary>Edges that take requests.</summary>
    public IEnumerable<SimulatedEdge> LivingEdges => IsCluster
        ? AllEdges.Where(static edge => !edge.Process.IsDead)
        : _gateways.Where(static gateway => gateway is { IsHeld: true, IsLeaving: false }).Select(static gateway => gateway.Edge);

    /// <summary>The way of an operator's messages.</summary>
    public IGrains Operator => _network.For(_operator, null);

    public SimulatedProcess OperatorProcess => _operator;

    private IEnumerable<SimulatedSilo> LivingSilos => _directory.Silos.Where(static silo => silo is { IsDead: false, IsStopping: false });

    /// <summary>One opportunity for each fault of processes.</summary>
    public void Opportunity(IReadOnlyList<Customer> customers)
    {
        If(FaultKind.DatabaseAway, () => ForAWhile(Database.Crash, Database.Heal, 0.2, 40));
        If(FaultKind.DatabaseFrozen, () => ForAWhile(Database.Freeze, Database.Heal, 0.2, 25));
        If(FaultKind.SiloKilled, () => EndOne(isClean: false));
        If(FaultKind.SiloStopped, () => EndOne(isClean: true));
        If(FaultKind.SiloPaused, () => Pause([.. LivingSilos.Select(static silo => silo.Process)]));
        If(FaultKind.EdgePaused, () => Pause([.. LivingEdges.Select(static edge => edge.Process)]));
        If(FaultKind.MachineSuspended, () => Suspend(customers));
        If(FaultKind.ClockJump, () => _machine.Clock.Advance(_faults.Length(1, 40)));
        If(FaultKind.TimeOfDayJump, () => _machine.Clock.UtcAhead += _faults.JumpOfTimeOfDay());
        if (IsCluster)
        {
            If(FaultKind.SecondActivation, () => MoveAccount(customers[_faults.Next(customers.Count)].Id, () => _faults.Length(0.5, 40)));
            If(FaultKind.EdgeKilled, KillEdge);
        }
        else
        {
            If(FaultKind.LockLost, () => _lock.Lose());
        }
    }

    /// <summary>No fault is left: processes run and take new work.</summary>
    public void Heal()
    {
        Database.Heal();
        foreach (var process in AllEdges.Select(static edge => edge.Process).Concat(_directory.Silos.Select(static silo => silo.Process)))
        {
            process.Continue();
        }
    }

    /// <summary>Stops, or kills, all silos that run.</summary>
    public void EndAll(bool isClean)
    {
        _isEnding = true;
        foreach (var silo in LivingSilos.ToList())
        {
            End(silo, isClean);
        }
    }

    /// <summary>Whether accounts can be asked.</summary>
    public bool IsReady => _directory.IsUp;

    public bool HasEnded => _directory.Silos.TrueForAll(static silo => silo.IsDead);

    /// <summary>Starts one silo, or gateway.</summary>
    public void Start()
    {
        var number = _next++;
        if (IsCluster)
        {
            var process = new SimulatedProcess(_machine, $"silo{number}");
            _directory.Silos.Add(new SimulatedSilo(
                process, process.Name, EverySilo.MayRun, Database.Connect(process), _random.Next(), _loggers));
        }
        else
        {
            var process = new SimulatedProcess(_machine, $"gateway{number}");
            var gateway = new SimulatedGateway(process, _lock, Database, _machine.Clock);
            gateway.Silo = new SimulatedSilo(
                process, process.Name, gateway, Database.Connect(process), _random.Next(), _loggers);
            gateway.Edge = new SimulatedEdge(process, _network.For(process, gateway.Silo), 1, _prices, _auditor, _loggers);
            _gateways.Add(gateway);
            _directory.Silos.Add(gateway.Silo);
            AllEdges.Add(gateway.Edge);
            gateway.Run(StartLater);
        }

        _trace.Add("fault", $"starts {_directory.Silos[^1].Name}");
    }

    public void Dispose() => _directory.Silos.ForEach(static silo => silo.Die());

    private void If(FaultKind kind, Action happens)
    {
        if (_faults.Strikes(kind))
        {
            _machine.In(_faults.Next(FaultStepsMax), () =>
            {
                _trace.Add("fault", $"{kind}");
                happens();
            });
        }
    }

    private void ForAWhile(Action begin, Action end, double fromSeconds, double toSeconds)
    {
        begin();
        Later(end, _faults.Length(fromSeconds, toSeconds));
    }

    private void Later(Action what, TimeSpan when) => _ = _operator.Start(async () =>
    {
        await Task.Delay(when, _machine.Clock);
        what();
    });

    private bool Serves(SimulatedSilo silo) =>
        silo is { IsDead: false, IsStopping: false } && GatewayOf(silo) is null or { IsHeld: true, IsLeaving: false };

    private T? Any<T>(IEnumerable<T> of)
        where T : class
    {
        var all = of.ToList();
        return all.Count == 0 ? null : all[_faults.Next(all.Count)];
    }

    private SimulatedGateway? GatewayOf(SimulatedSilo silo) => _gateways.Find(gateway => gateway.Silo == silo);

    /// <summary>Ends a silo, with its gateway where it is part of one.</summary>
    private void End(SimulatedSilo silo, bool isClean)
    {
        if (GatewayOf(silo) is { } gateway)
        {
            gateway.Leave(isClean);
        }
        else if (isClean)
        {
            silo.Stop();
        }
        else
        {
            silo.Die();
        }
    }

    private void EndOne(bool isClean)
    {
        if (Any(LivingSilos) is { } silo)
        {
            End(silo, isClean);
            StartLater();
        }
    }

    private void StartLater() => Later(
        () =>
        {
            if (!_isEnding)
            {
                Start();
            }
        },
        _faults.Length(0.5, 15));

    /// <summary>Every second one sends no message alone while another is on its way, though there are not many.</summary>
    private void StartEdge()
    {
        var number = _next++;
        var process = new SimulatedProcess(_machine, $"edge{number}");
        var callsMax = number % 2 == 0 ? 1 : 8;
        AllEdges.Add(new SimulatedEdge(
            process, _network.For(process, null), callsMax, _prices, _auditor, _loggers));
    }

    private void KillEdge()
    {
        Any(LivingEdges)?.Die();
        StartEdge();
    }

    private void Pause(IReadOnlyList<SimulatedProcess> of)
    {
        if (Any(of) is { } process)
        {
            ForAWhile(process.Pause, process.Continue, 0.5, 50);
        }
    }

    /// <summary>A machine with a silo or an edge on it stands still. A silo is taken for dead; when it wakes some still ask it.</summary>
    private void Suspend(IReadOnlyList<Customer> customers)
    {
        List<SimulatedProcess> processes = [.. LivingSilos.Select(static silo => silo.Process), .. LivingEdges.Select(static edge => edge.Process)];
        if (Any(processes) is not { } process)
        {
            return;
        }

        var length = _faults.Length(1, 50);
        process.Suspend();
        Later(process.Continue, length);
        if (_gateways.Find(gateway => gateway.Process == process) is { } gateway)
        {
            _lock.Release(gateway);
        }

        foreach (var customer in customers.Where(customer => _directory.PlaceOf(customer.Id)?.Process == process))
        {
            MoveAccount(customer.Id, () => length + _faults.Length(0.5, 20));
        }
    }

    private void MoveAccount(string accountId, Func<TimeSpan> howLong) =>
        _directory.Move(accountId, AllEdges.Select(static edge => edge.Process).Append(_operator), howLong);
}
