namespace OrleansGateway.Grains.Accounts;

/// <summary>
/// The account's money, nanos: what the row says, and what of it open holds need. A charge takes a hold's inherited part
/// first, then its own, then what is available.
/// </summary>
internal struct Funds
{
    public long Balance;
    public long Reserved;
    public long Quarantined;

    /// <summary>The part of the balance that came as bonus.</summary>
    public long Bonus;

    /// <summary>Σ of the open holds' own parts, backed by the reserve.</summary>
    public long Own;

    /// <summary>Σ of the open holds' inherited parts, backed by quarantine.</summary>
    public long Inherited;

    /// <summary>What has left the reserve beside the own parts of closed holds.</summary>
    public long ReservedGone;

    public readonly long Free => Balance - Reserved - Quarantined;

    /// <summary>The part of the reserve that no hold needs.</summary>
    public readonly long Slack => Reserved - Own;

    public readonly long Available => Free + Slack;

    /// <summary>What can be sent back to who paid it.</summary>
    public readonly long Refundable => Math.Max(0, Available - Bonus);

    /// <summary>Closes a hold at <paramref name="cost"/>; what it did not use stays where it was.</summary>
    /// <returns>What is charged; the rest of the cost is shortfall.</returns>
    public long Close(long own, long inherited, long cost)
    {
        var fromInherited = Math.Min(cost, inherited);
        var fromOwn = Math.Min(cost - fromInherited, own);
        Balance -= fromInherited + fromOwn;
        TakeBonusFirst(fromInherited + fromOwn);
        Quarantined -= fromInherited;
        Reserved -= fromOwn;
        Own -= own;
        Inherited -= inherited;

        var fromAvailable = Math.Min(cost - fromInherited - fromOwn, Available);
        TakeBonusFirst(fromAvailable);
        Take(fromAvailable);
        Check();
        return fromInherited + fromOwn + fromAvailable;
    }

    /// <summary>Takes from what is free, then from what no hold needs; of the bonus only when nothing else is left.</summary>
    public void Take(long amount)
    {
        Invariant.Holds(amount >= 0 && amount <= Available);
        var fromReserve = amount - Math.Min(amount, Free);
        Balance -= amount;
        Bonus = Math.Min(Bonus, Balance);
        Reserved -= fromReserve;
        ReservedGone += fromReserve;
        Check();
    }

    public void Credit(long amount)
    {
        Invariant.Holds(amount >= 0);
        Balance = checked(Balance + amount);
        Check();
    }

    public void ExtendReserve(long block)
    {
        Invariant.Holds(block >= 0 && block <= Free);
        Reserved += block;
        Check();
    }

    public void GiveBackSlack()
    {
        ReservedGone += Slack;
        Reserved = Own;
        Check();
    }

    public void EndQuarantine()
    {
        Reserved += Quarantined;
        Quarantined = 0;
        Own += Inherited;
        Inherited = 0;
        Check();
    }

    public readonly void Check()
    {
        Invariant.Holds(Balance >= 0);
        Invariant.Holds(Own >= 0 && Own <= Reserved);
        Invariant.Holds(Inherited >= 0 && Inherited <= Quarantined);
        Invariant.Holds(Free >= 0);
        Invariant.Holds(Bonus >= 0 && Bonus <= Balance);
    }

    private void TakeBonusFirst(long charge) => Bonus -= Math.Min(Bonus, charge);
}
