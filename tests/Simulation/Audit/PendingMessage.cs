using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Tests.Simulation.Cluster;

namespace OrleansGateway.Tests.Simulation.Audit;

/// <summary>A message that a silo has got.</summary>
internal sealed class PendingMessage(SimulatedSilo silo, AccountBooks? books, object message, TimeSpan at)
{
    public SimulatedSilo Silo => silo;

    /// <summary>Null for an account that is not there yet.</summary>
    public AccountBooks? Books => books;

    public object Message => message;

    public TimeSpan At => at;

    /// <summary>The most that it may let the activation hold, by hold, nanos.</summary>
    public (string HoldId, long Total)[] Totals { get; } = message switch
    {
        AdmitRequest admit => [(admit.HoldId, admit.MostNanos)],
        ExtendRequest extend => [(extend.Ticket.HoldId, extend.NewTotalNanos)],
        RenewRequest renew => [.. renew.Items.Select(static i => (i.Ticket.HoldId, i.Ticket.TotalNanos))],
        SettleRequest settle => [(settle.Ticket.HoldId, Math.Max(settle.Ticket.TotalNanos, settle.CostNanos))],
        MoveRequest { AmountNanos: < 0 } debit => [(debit.Ref, -debit.AmountNanos)],
        _ => [],
    };

    /// <summary>The holds that it keeps alive while it is handled.</summary>
    public IEnumerable<string> Holds => message is RenewRequest or ExtendRequest or SettleRequest ? Totals.Select(static t => t.HoldId) : [];

    public bool WantsMoney { get; } = message is AdmitRequest or ExtendRequest or MoveRequest { AmountNanos: < 0 };

    /// <summary>Whether it is an admission of what is held already.</summary>
    public bool IsRepeat { get; } = message is AdmitRequest again && books?.Held.ContainsKey(again.HoldId) == true;

    /// <summary>What its key had spent and held at least, nanos: in all, and in the day, week and month.</summary>
    public long[] UsedLeast { get; } = [long.MaxValue, long.MaxValue, long.MaxValue, long.MaxValue];

    /// <summary>Holds that ran at least, of its key and of the account.</summary>
    public (int OfKey, int All) RunningLeast { get; set; } = (int.MaxValue, int.MaxValue);

    /// <summary>The least that it could have been given at any moment since it came, nanos.</summary>
    public long LeastSpare { get; set; } = long.MaxValue;
}
