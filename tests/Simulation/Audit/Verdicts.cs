namespace OrleansGateway.Tests.Simulation.Audit;

/// <summary>Rules from which a hold can be exempt.</summary>
internal enum Verdict
{
    /// <summary>What living edges were promised is set aside.</summary>
    Backing,
    Rule8,
}

/// <summary>How often a rule was held against a hold, and how often that was exempt: a rule that judges nothing shows nothing.</summary>
internal sealed class Verdicts
{
    public static readonly Verdict[] All = Enum.GetValues<Verdict>();

    private readonly long[] _judged = new long[All.Length];
    private readonly long[] _exempt = new long[All.Length];

    public void Add(Verdict verdict, bool isJudged) => (isJudged ? _judged : _exempt)[(int)verdict]++;

    public void Add(Verdicts other)
    {
        foreach (var verdict in All)
        {
            _judged[(int)verdict] += other._judged[(int)verdict];
            _exempt[(int)verdict] += other._exempt[(int)verdict];
        }
    }

    public long Judged(Verdict verdict) => _judged[(int)verdict];

    /// <summary>The judged part, from 0 to 1.</summary>
    public double Share(Verdict verdict) =>
        _judged[(int)verdict] == 0 ? 0 : (double)_judged[(int)verdict] / (_judged[(int)verdict] + _exempt[(int)verdict]);
}
