using System.Globalization;
using OrleansGateway.Tests.Simulation.Audit;
using OrleansGateway.Tests.Simulation.Faults;

namespace OrleansGateway.Tests.Simulation.Running;

/// <summary>What many seeds came to.</summary>
internal sealed class SeedSummary
{
    private readonly RareStates _rare = new();
    private readonly long[] _faults = new long[Enum.GetValues<FaultKind>().Length];
    private long _requests;
    private long _steps;
    private TimeSpan _time;

    public List<SeedResult> Failed { get; } = [];

    public int Seeds { get; private set; }

    /// <summary>Of all seeds the least.</summary>
    public int RequestsLeast { get; private set; } = int.MaxValue;

    /// <inheritdoc cref="RequestsLeast"/>
    public int FaultsLeast { get; private set; } = int.MaxValue;

    public double Seconds { get; set; }

    public IEnumerable<RareState> NeverReached => RareStates.All.Where(state => _rare[state] == 0);

    public void Add(SeedResult result)
    {
        Seeds++;
        _requests += result.Requests;
        _steps += result.Steps;
        _time += result.Time;
        _rare.Add(result.Rare);
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
        var faults = Enum.GetValues<FaultKind>().Select(kind => string.Create(CultureInfo.InvariantCulture, $"{kind} {_faults[(int)kind]:N0}"));
        var states = RareStates.All.Select(state => string.Create(CultureInfo.InvariantCulture, $"{state} {_rare[state]:N0}"));
        return string.Create(
            CultureInfo.InvariantCulture,
            $"""
            {Seeds:N0} seeds, {Failed.Count:N0} failed: {_requests:N0} requests (at least {RequestsLeast} a seed), {_faults.Sum():N0} faults (at least {FaultsLeast}), {_steps:N0} steps, {_time.TotalDays:N1} simulated days in {Seconds:N0} s
              faults: {string.Join(", ", faults)}
              rare states: {string.Join(", ", states)}
            """);
    }
}
