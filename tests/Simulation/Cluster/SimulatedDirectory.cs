using OrleansGateway.Tests.Simulation.Machine;

namespace OrleansGateway.Tests.Simulation.Cluster;

/// <summary>Says where an account's activation is. While it changes its mind, some still ask the silo that it named before.</summary>
internal sealed class SimulatedDirectory(SimulatedMachine machine, Random random)
{
    private readonly Dictionary<string, SimulatedSilo> _places = new(StringComparer.Ordinal);
    private readonly Dictionary<(SimulatedProcess Who, string AccountId), (SimulatedSilo Where, TimeSpan Until)> _outdated = [];

    public List<SimulatedSilo> Silos { get; } = [];

    /// <summary>Which silos accounts can be on.</summary>
    public required Func<SimulatedSilo, bool> Serves { get; init; }

    public bool IsUp => Silos.Exists(Serves.Invoke);

    /// <summary>Where an account was last; null if it never was anywhere.</summary>
    public SimulatedSilo? PlaceOf(string accountId) => _places.GetValueOrDefault(accountId);

    /// <summary>Null while no silo is there.</summary>
    public SimulatedSilo? Find(SimulatedProcess who, string accountId)
    {
        if (_outdated.TryGetValue((who, accountId), out var old) && machine.Clock.Now < old.Until && !old.Where.IsDead)
        {
            return old.Where;
        }

        if (_places.TryGetValue(accountId, out var place) && Serves(place))
        {
            return place;
        }

        var living = Silos.FindAll(Serves.Invoke);
        return living.Count == 0 ? null : _places[accountId] = living[random.Next(living.Count)];
    }

    /// <summary>Names another silo for the account; about half of those who ask go on with the first one for a while.</summary>
    public bool Move(string accountId, IEnumerable<SimulatedProcess> askers, Func<TimeSpan> howLong)
    {
        var others = Silos.FindAll(Serves.Invoke);
        if (!_places.TryGetValue(accountId, out var first) || !others.Remove(first) || others.Count == 0)
        {
            return false;
        }

        foreach (var asker in askers.Where(_ => random.Next(2) == 0))
        {
            _outdated[(asker, accountId)] = (first, machine.Clock.Now + howLong());
        }

        _places[accountId] = others[random.Next(others.Count)];
        return true;
    }
}
