namespace OrleansGateway.Tests.Simulation.Mutants;

/// <summary>Bugs in what an activation sets aside, gives out and charges.</summary>
internal static class MoneyMutants
{
    private const string Book = "Grains/Accounts/HoldBook.cs";
    private const string Funds = "Grains/Accounts/Funds.cs";
    private const string Keys = "Grains/Accounts/Key.cs";
    private const string Operation = "Grains/Accounts/Operation.cs";
    private const string Rates = "Grains/Accounts/RateLimiter.cs";
    private const string Running = "Grains/Accounts/RunningHolds.cs";

    private const string SlackNow =
        "    public long SlackNow => Math.Max(0, _funds.Slack - (_batch?.Funds.ReservedGone ?? 0));";

    public static readonly Mutant[] All =
    [
        // Others get what living edges still hold: promised above what is set aside, then shortfall within a hold's bound.
        new(
            "quarantine freed at activation",
            "Grains/Accounts/ActivationClock.cs",
            "_quarantineEnd = isLeftByTheDead ? Now : Now + AccountProtocol.Quarantine;",
            "_quarantineEnd = Now;",
            "rule 5", "rule 8"),

        // Until its row is there the hold may still need it: under the next epoch both present their totals.
        new(
            "a hold's money reused before the commit is known",
            Book,
            SlackNow,
            """
                public long SlackNow => Math.Max(
                    0,
                    _funds.Slack - (_batch?.Funds.ReservedGone ?? 0)
                        + _holds.Values.Where(static h => h.Closing is not null).Sum(static h => Math.Max(0, h.Own - h.Closing!.Cost)));
            """,
            "rule 5", "rule 8"),

        // The block may never be committed, and the holds that it backs are promised already.
        new(
            "a block counted before its commit",
            Book,
            SlackNow,
            """
                public long SlackNow =>
                    Math.Max(0, _funds.Slack - (_batch?.Funds.ReservedGone ?? 0) + (_batch?.Block ?? 0));
            """,
            "rule 5", "rule 8"),

        // A hold is given what the batch takes away a moment later.
        new(
            "a reserve being given back still counted",
            Book,
            SlackNow,
            "    public long SlackNow => Math.Max(0, _funds.Slack);",
            "rule 5", "rule 8"),

        // The batch's copy is without the closed hold's part already; closing the hold in memory takes it off once more.
        new(
            "an own part freed twice",
            Book,
            "        _funds.Quarantined = Row.Quarantined;",
            """
                    _funds.Quarantined = Row.Quarantined;
                    _funds.Own = batch.Funds.Own;
            """,
            "rule 5", "rule 8"),

        // Quarantine keeps what is spent, and the reserve loses what other holds need.
        new(
            "an inherited charge taken from reserved",
            Funds,
            "        Quarantined -= fromInherited;",
            "        Reserved -= fromInherited;",
            "rule 5", "rule 8"),

        // Others' holds pay for it.
        new(
            "a charge beyond what is available",
            Funds,
            "var fromAvailable = Math.Min(cost - fromInherited - fromOwn, Available);",
            "var fromAvailable = Math.Min(cost - fromInherited - fromOwn, Balance);",
            "rule 1", "rule 5", "rule 8"),

        // A response is completed for less than its cost.
        new(
            "a charge rounded down",
            "Grains.Contracts/Pricing/PriceArithmetic.cs",
            "var nanos = (millionths + (UnitsPerRate - 1)) / UnitsPerRate;",
            "var nanos = millionths / UnitsPerRate;",
            "rule 3"),

        // A doubled message grows the hold again, and somebody is refused for money that no request needs.
        new(
            "Extend taken as a delta",
            Running,
            "await growth.GrowAsync(hold, request.NewTotalNanos)",
            "await growth.GrowAsync(hold, hold.Total + request.NewTotalNanos)",
            "rule 5", "rule 6", "rule 8"),

        // A late renewal revives a hold that has its row: money is held for nobody, and quarantine backs it instead of the living.
        new(
            "adoption without the look into the ledger",
            Running,
            """
                    var look = await looks.LookAsync(ticket.HoldId);
                    if (look.Closed is not null || !look.IsAnswered)
                    {
                        return Renewed(ticket, look.Closed is null ? RenewOutcome.Retry : RenewOutcome.Closed);
                    }
            """,
            "        await Task.Yield();",
            "rule 3", "rule 5", "rule 6", "rule 8"),

        // What is presented counts as inherited, even where other adopted holds, or nobody, have what it was backed by.
        new(
            "adoption beyond what quarantine backs",
            Book,
            "var part = Math.Min(Math.Max(0, total - hold.Total), inheritable);",
            "var part = Math.Max(0, total - hold.Total);",
            "rule 5", "rule 8"),

        // What is in no quarantine any more is taken from it.
        new(
            "quarantine ended, what was inherited from it not",
            Book,
            """
                    foreach (var hold in _holds.Values)
                    {
                        hold.Own += hold.Inherited;
                        hold.Inherited = 0;
                    }
            """,
            "",
            "rule 5", "rule 6", "rule 7", "rule 8")
        {
            From = 80,
        },

        // What it knows of money is as old as its last batch: a newer activation may have committed a credit.
        new(
            "a stale activation that refuses",
            "Grains/Accounts/AdmissionRules.cs",
            "return hasAsked && facts.Funds.Available < request.LeastNanos ? RefuseForMoney(request, facts) : Verdict.AskLedger;",
            "return facts.Funds.Available < request.LeastNanos ? RefuseForMoney(request, facts) : Verdict.AskLedger;",
            "rule 6"),

        // Paid back to the payer is what the operator gave.
        new(
            "a refund of bonus",
            Operation,
            "        var most = request.Kind == EntryKind.Refund ? funds.Refundable : funds.Available;",
            "        var most = funds.Available;",
            "rule 4"),

        // What was given is spent last, and what was paid cannot be sent back.
        new(
            "a charge that takes the bonus last",
            Funds,
            "    private void TakeBonusFirst(long charge) => Bonus -= Math.Min(Bonus, charge);",
            "    private void TakeBonusFirst(long charge) => Bonus = Math.Min(Bonus, Balance + charge - charge);",
            "rule 2"),

        // What is there stays with a customer whose payment was taken back.
        new(
            "a chargeback that takes all or nothing",
            Operation,
            "Math.Max(0, -request.AmountNanos - most) : 0;",
            "(-request.AmountNanos > most ? -request.AmountNanos : 0) : 0;",
            "rule 6"),

        // Requests that run at once pass the cap together.
        new(
            "a cap that does not count what is held",
            Keys,
            "            var left = cap - ((Int128)spent + Held);",
            "            var left = cap - (Int128)spent;",
            "limits"),

        new(
            "weeks that begin on Sunday",
            Keys,
            "var week = day.AddDays(-(((int)day.DayOfWeek + 6) % 7));",
            "var week = day.AddDays(-(int)day.DayOfWeek);",
            "limits"),

        // Where the time of day was set back, the day that was spent begins anew.
        new(
            "a window that begins again",
            Keys,
            "        if (day <= spend.Day)",
            "        if (day == spend.Day)",
            "limits"),

        new(
            "rates refilled twice as fast",
            Rates,
            "        _level = Int128.Min(Full, _level + (Int128)_perMinute * (now - _filledAt).Ticks);",
            "        _level = Int128.Min(Full, _level + (Int128)_perMinute * 2 * (now - _filledAt).Ticks);",
            "limits")
        {
            From = 20,
        },

        new(
            "tokens not counted at admission",
            Rates,
            "        _tokens?.Take(Counted(estimatedTokens), now);",
            "        _tokens?.Take(0, now);",
            "limits")
        {
            From = 20,
        },

        new(
            "one more at a time",
            Rates,
            "        if (Running >= _settings.Concurrency)",
            "        if (Running > _settings.Concurrency)",
            "limits"),
    ];
}
