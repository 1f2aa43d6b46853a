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

    public bool WantsMoney { get; } = message is AdmitRequest or ExtendRequest or MoveRequest { AmountNanos: < 0 };

    /// <summary>The least that it could have been given at any moment since it came, nanos.</summary>
    public long LeastSpare { get; set; } = long.MaxValue;
}
