namespace OrleansGateway.Tests.Simulation.Audit;

/// <summary>States that a simulation must have reached, or it is blind to what can go wrong in them.</summary>
internal enum RareState
{
    HoldAdopted,
    HeldAgainAfterQuarantine,
    QuarantineEndedWithAdoptedHolds,
    QuarantineEndedWithoutAdoptedHolds,
    LostCommitHadNotRun,
    LostCommitHadRun,
    FencedTwin,
    TwinWithoutAuthority,
    LockTakenFromLivingGateway,
    ActivatedWithoutTheLock,
    LeaseChargedAtProgress,
    NeverRenewedHoldLetGo,
    LateSettlementOfHoldLetGo,
    ClosedByLeaseToldToLivingEdge,
    Shortfall,
    ChargebackShortfall,
    ReserveExtendedForLastNano,
    RefusedForMoney,
    RefusedForQuarantine,
    ExtendRefused,
    PaidBack,
    RepeatRefusedByIdempotencyKey,
    AdmissionsSentTogether,
    AdmissionHadToWait,
    SettlementsSentTogether,
}

/// <summary>How often each rare state was reached.</summary>
internal sealed class RareStates
{
    public static readonly RareState[] All = Enum.GetValues<RareState>();

    private readonly long[] _counts = new long[All.Length];

    public long this[RareState state] => _counts[(int)state];

    public void Reached(RareState state, bool isReached = true) => _counts[(int)state] += isReached ? 1 : 0;

    public void Add(RareStates other)
    {
        for (var i = 0; i < _counts.Length; i++)
        {
            _counts[i] += other._counts[i];
        }
    }
}
