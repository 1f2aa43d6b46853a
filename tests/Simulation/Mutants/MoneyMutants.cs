using static OrleansGateway.Tests.Simulation.Mutants.Mutant;

namespace OrleansGateway.Tests.Simulation.Mutants;

/// <summary>Bugs in what an activation sets aside, gives out and charges.</summary>
internal static class MoneyMutants
{
    private const string Admission = "Grains/Accounts/AccountGrain.Admission.cs";
    private const string Flights = "Grains/Accounts/AccountGrain.Flights.cs";
    private const string Funds = "Grains/Accounts/Funds.cs";
    private const string Grain = "Grains/Accounts/AccountGrain.cs";
    private const string Running = "Grains/Accounts/AccountGrain.Running.cs";

    private const string SlackNow =
        "    private long SlackNow => Math.Max(0, _funds.Slack - (_departure?.Funds.ReservedGone ?? 0));";

    public static readonly Mutant[] All =
    [
        // Others get what living edges still hold: promised above what is set aside, then shortfall within a hold's bound.
        new(
            "quarantine freed at activation",
            Grain,
            "_quarantineEnd = isLeftByTheDead ? Now : Now + _options.Quarantine;",
            "_quarantineEnd = Now;",
            "rule 5", "rule 8", Alarm),

        // Until its row is there the hold may still need it: under the next epoch both present their totals.
        new(
            "a hold's money reused before the commit is known",
            Flights,
            SlackNow,
            """
                private long SlackNow => Math.Max(
                    0,
                    _funds.Slack - (_departure?.Funds.ReservedGone ?? 0)
                        + _holds.Values.Where(static h => h.Closing is not null).Sum(static h => Math.Max(0, h.Own - h.Closing!.Cost)));
            """,
            "rule 5", "rule 8", Alarm),

        // The block may never be committed, and the holds that it backs are promised already.
        new(
            "a block counted before its commit",
            Flights,
            SlackNow,
            """
                private long SlackNow =>
                    Math.Max(0, _funds.Slack - (_departure?.Funds.ReservedGone ?? 0) + (_departure?.Block ?? 0));
            """,
            "rule 5", "rule 8", Alarm),

        // A hold is given what the flight takes away a moment later.
        new(
            "a reserve being given back still counted",
            Flights,
            SlackNow,
            "    private long SlackNow => Math.Max(0, _funds.Slack);",
            "rule 5", "rule 8", Alarm),

        // The flight's copy is without the closed hold's part already; closing the hold in memory takes it off once more.
        new(
            "an own part freed twice",
            Flights,
            """
                    _funds.Quarantined = _row.Quarantined;
                    if (departure.Block > 0)
            """,
            """
                    _funds.Quarantined = _row.Quarantined;
                    _funds.Own = departure.Funds.Own;
                    if (departure.Block > 0)
            """,
            "rule 5", "rule 8", Alarm),

        // Quarantine keeps what is spent, and the reserve loses what other holds need.
        new(
            "an inherited charge taken from reserved",
            Funds,
            "        Quarantined -= fromInherited;",
            "        Reserved -= fromInherited;",
            "rule 5", "rule 8", Alarm),

        // Others' holds pay for it.
        new(
            "a charge beyond what is available",
            Funds,
            "var fromAvailable = Math.Min(cost - fromInherited - fromOwn, Available);",
            "var fromAvailable = Math.Min(cost - fromInherited - fromOwn, Balance);",
            "rule 1", "rule 5", "rule 8", Alarm),

        // A response is completed for less than its cost.
        new(
            "a charge rounded down",
            "Grains.Contracts/Pricing/PriceArithmetic.cs",
            "var nanos = (millionths + (TokensPerRate - 1)) / TokensPerRate;",
            "var nanos = millionths / TokensPerRate;",
            "rule 3"),

        // A doubled message grows the hold again, and somebody is refused for money that no request needs.
        new(
            "Extend taken as a delta",
            Running,
            "await GrowAsync(hold, request.NewTotalNanos)",
            "await GrowAsync(hold, hold.Total + request.NewTotalNanos)",
            "rule 5", "rule 6", "rule 8"),

        // A late renewal revives a hold that has its row: money is held for nobody, and quarantine backs it instead of the living.
        new(
            "adoption without the look into the ledger",
            Running,
            """
                    var look = await LookAsync(ticket.HoldId);
                    if (look.Closed is not null || !look.IsAnswered)
                    {
                        return Renewed(ticket, look.Closed is null ? RenewOutcome.Retry : RenewOutcome.Closed);
                    }
            """,
            "        await Task.Yield();",
            "rule 3", "rule 5", "rule 6", "rule 8", Alarm),

        // What is presented counts as inherited, even where other adopted holds, or nobody, have what it was backed by.
        new(
            "adoption beyond what quarantine backs",
            Running,
            "var part = Math.Min(Math.Max(0, total - hold.Total), inheritable);",
            "var part = Math.Max(0, total - hold.Total);",
            "rule 5", "rule 8", Alarm),

        // What is in no quarantine any more is taken from it.
        new(
            "quarantine ended, what was inherited from it not",
            Flights,
            """
                        foreach (var hold in _holds.Values)
                        {
                            hold.Own += hold.Inherited;
                            hold.Inherited = 0;
                        }
            """,
            "",
            "rule 5", "rule 7", "rule 8", Alarm),

        // What it knows of money is as old as its last flight: a newer activation may have committed a credit.
        new(
            "a stale activation that refuses",
            Admission,
            "return hasAsked && _funds.Available < request.LeastNanos ? RefuseForMoney(request, key) : null;",
            "return _funds.Available < request.LeastNanos ? RefuseForMoney(request, key) : null;",
            "rule 6"),
    ];
}
