namespace OrleansGateway.Tests.Simulation.Faults;

/// <summary>Decides, opportunity by opportunity, which faults happen; each kind at a rate of its own, which may be none.</summary>
internal sealed class FaultDice
{
    private static readonly FaultKind[] Kinds = Enum.GetValues<FaultKind>();

    private readonly SeedPlan _plan;
    private readonly Random _random;
    private readonly double[] _rates = new double[Kinds.Length];

    public FaultDice(SeedPlan plan)
    {
        _plan = plan;
        _random = plan.Random(1);
        do
        {
            foreach (var kind in Kinds)
            {
                _rates[(int)kind] = _random.Next(3) == 0 ? 0 : Usual(kind) * Math.Pow(4, (_random.NextDouble() * 2) - 1);
            }
        }
        while (_rates.All(static rate => rate == 0));
    }

    public int[] Happened { get; } = new int[Kinds.Length];

    public int Count { get; private set; }

    /// <summary>No more of them: whatever is broken is mended, and what runs must come to its end.</summary>
    public bool IsOver { get; set; }

    /// <summary>Whether this opportunity is struck.</summary>
    public bool Strikes(FaultKind kind)
    {
        // Rolled in any case, so that a smaller case makes the same choices up to its end.
        var isHit = _random.NextDouble() < _rates[(int)kind];
        if (!isHit || IsOver || Count >= _plan.Faults)
        {
            return false;
        }

        Happened[(int)kind]++;
        Count++;
        return true;
    }

    /// <summary>A length for a fault, mostly short.</summary>
    public TimeSpan Length(double fromSeconds, double toSeconds)
    {
        var part = _random.NextDouble();
        return TimeSpan.FromSeconds(fromSeconds + ((toSeconds - fromSeconds) * part * part));
    }

    /// <summary>Mostly minutes or hours, at times weeks; one in three goes back.</summary>
    public TimeSpan JumpOfTimeOfDay()
    {
        var length = _random.Next(5) == 0 ? TimeSpan.FromDays(_random.Next(1, 40)) : Length(60, 3 * 3600);
        return _random.Next(3) == 0 ? -length : length;
    }

    public int Next(int below) => _random.Next(below);

    /// <summary>For messages and statements a rate per message, for the others per opportunity of half a second.</summary>
    private static double Usual(FaultKind kind) => kind switch
    {
        FaultKind.RequestLost or FaultKind.AnswerLost or FaultKind.MessageDoubled => 0.02,
        FaultKind.MessageDelayed => 0.04,
        FaultKind.MessageOverdue => 0.01,
        FaultKind.StatementFails or FaultKind.StatementAnswerLost => 0.02,
        FaultKind.StatementLate => 0.01,
        FaultKind.SecondActivation => 0.06,
        FaultKind.SiloKilled or FaultKind.EdgeKilled or FaultKind.EdgePaused => 0.03,
        FaultKind.LockLost => 0.01,
        _ => 0.015,
    };
}
