using System.Globalization;
using OrleansGateway.Tests.Simulation.Audit;
using OrleansGateway.Tests.Simulation.Faults;

namespace OrleansGateway.Tests.Simulation.Running;

/// <summary>What many seeds came to.</summary>
internal sealed class SeedSummary
{
    private static readonly FaultKind[] FaultKinds = Enum.GetValues<FaultKind>();

    private readonly RareStates _rare = new();
    private readonly Verdicts _ofClusters = new();
    private readonly Verdicts _ofGateways = new();
    private readonly long[] _faults = new long[FaultKinds.Length];
    private long _requests;
    private long _steps;
    private TimeSpan _time;

    /// <summary>The least part of what a rule is about that it is held against.</summary>
    private const double JudgedLeast = 0.9;

    public List<SeedResult> Failed { get; } = [];

    public int Seeds { get; private set; }

    /// <summary>Of all seeds the least.</summary>
    public int RequestsLeast { get; private set; } = int.MaxValue;

    /// <inheritdoc cref="RequestsLeast"/>
    public int FaultsLeast { get; private set; } = int.MaxValue;

    public double Seconds { get; set; }

    /// <summary>What seeds must do between them, and these did not: a state, a fault, or holding a rule against most of what it is about.</summary>
    public IEnumerable<string> NeverReached =>
    [
        .. RareStates.All.Where(state => _rare[state] == 0).Select(static state => $"{state}"),
        .. FaultKinds.Where(kind => _faults[(int)kind] == 0).Select(static kind => $"{kind}"),
        .. Verdicts.All.SelectMany(verdict => Blind(verdict, "clusters", _ofClusters).Concat(Blind(verdict, "gateways", _ofGateways))),
    ];

    public void Add(SeedResult result)
    {
        Seeds++;
        _requests += result.Requests;
        _steps += result.Steps;
        _time += result.Time;
        _rare.Add(result.Rare);
        (result.IsCluster ? _ofClusters : _ofGateways).Add(result.Verdicts);
        RequestsLeast = Math.Min(RequestsLeast, result.Requests);
        FaultsLeast = Math.Min(FaultsLeast, result.Faults.Sum());
        for (var kind = 0; kind < _faults.Length; kind++)
        {
            _faults[kind] += result.Faults[kind];
        }

        if (result.Broken is not null)
        {
            Failed.Add(result);
        }
    }

    public override string ToString()
    {
        var faults = FaultKinds.Select(kind => string.Create(CultureInfo.InvariantCulture, $"{kind} {_faults[(int)kind]:N0}"));
        var states = RareStates.All.Select(state => string.Create(CultureInfo.InvariantCulture, $"{state} {_rare[state]:N0}"));
        return string.Create(
            CultureInfo.InvariantCulture,
            $"""
            {Seeds:N0} seeds, {Failed.Count:N0} failed: {_requests:N0} requests (at least {RequestsLeast} a seed), {_faults.Sum():N0} faults (at least {FaultsLeast}), {_steps:N0} steps, {_time.TotalDays:N1} simulated days in {Seconds:N0} s
              faults: {string.Join(", ", faults)}
              rare states: {string.Join(", ", states)}
              judged of clusters: {Judged(_ofClusters)}; of gateways: {Judged(_ofGateways)}
            """);
    }

    private static IEnumerable<string> Blind(Verdict verdict, string where, Verdicts verdicts) =>
        verdicts.Share(verdict) < JudgedLeast ? [$"{verdict} judged in {JudgedLeast:P0} of {where}"] : [];

    private static string Judged(Verdicts verdicts) => string.Join(", ", Verdicts.All.Select(verdict => string.Create(
        CultureInfo.InvariantCulture, $"{verdict} {verdicts.Judged(verdict):N0} ({verdicts.Share(verdict):P1})")));
}
