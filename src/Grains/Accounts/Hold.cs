using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Grains.Contracts.Pricing;

namespace OrleansGateway.Grains.Accounts;

/// <summary>The most that one running request may cost, as this activation backs it.</summary>
internal sealed class Hold(string id, Key? key)
{
    public string Id { get; } = id;

    /// <summary>Null only for a key that the account does not have.</summary>
    public Key? Key { get; } = key;

    /// <summary>The price that it was admitted at; of a settled one, the one that it was charged by.</summary>
    public required string PriceId { get; set; }
    public required string Model { get; init; }
    public required string Endpoint { get; init; }
    public required string ClientAddress { get; init; }
    public string Channel { get; private set; } = "";
    public int ExtraAttempts { get; private set; }

    /// <summary>Backed by this epoch's reserve, nanos.</summary>
    public long Own { get; set; }

    /// <summary>Backed by quarantine, nanos.</summary>
    public long Inherited { get; set; }

    public long Total => Own + Inherited;

    /// <summary>Tokens that the limits counted at admission; 0 for one that was presented.</summary>
    public long EstimatedTokens { get; init; }

    /// <summary>Whether an idempotency row may name this hold.</summary>
    public bool MayBeIdempotent { get; init; }

    /// <summary>On the activation's clock.</summary>
    public TimeSpan LeaseEnd { get; private set; }

    public bool IsRenewed { get; private set; }

    /// <summary>Whether the end of its lease is being confirmed.</summary>
    public bool IsLeaseWatched { get; set; }

    /// <summary>Cost so far, nanos, as last reported.</summary>
    public long Progress { get; private set; }

    public Usage ProgressUsage { get; private set; }

    /// <summary>Since the admission was asked for, ms, as last reported.</summary>
    public long AgeMs { get; private set; }

    /// <summary>On its way into the ledger; null while open.</summary>
    public CloseHold? Closing { get; set; }

    public void StartLease(TimeSpan now, TimeSpan lease) => LeaseEnd = now + lease;

    /// <summary>Takes what the edge says of its way. A hold that is being closed keeps what its row is to say.</summary>
    public void ServedAs(Ticket ticket)
    {
        if (Closing is null)
        {
            (Channel, PriceId, ExtraAttempts) = (ticket.Channel, ticket.PriceId, ticket.ExtraAttempts);
        }
    }

    public void Renew(RenewItem item, TimeSpan now, TimeSpan lease)
    {
        IsRenewed = true;
        ServedAs(item.Ticket);
        AgeMs = Math.Max(AgeMs, item.Ticket.AgeMs);
        StartLease(now, lease);
        if (item.ProgressNanos >= Progress)
        {
            Progress = item.ProgressNanos;
            ProgressUsage = item.Usage;
        }
    }
}
