using OrleansGateway.Grains.Contracts.Accounts;

namespace OrleansGateway.Tests.Simulation.Audit;

/// <summary>Messages in few words, for traces. Made only when they are read.</summary>
internal readonly record struct Told(object What, object? To)
{
    public static Told Of(object message) => new(message, null);

    public static Told Of(object answer, object message) => new(answer, message);

    public override string ToString() => (What, To) switch
    {
        (AdmitRequest m, _) => $"Admit {m.HoldId} {m.LeastNanos}..{m.MostNanos} seen {m.Epoch}{(m.IdempotencyKey is { } key ? $" {key}" : "")}",
        (ExtendRequest m, _) => $"Extend {m.Ticket.HoldId} {m.Ticket.TotalNanos} -> {m.NewTotalNanos} seen {m.Epoch}",
        (RenewRequest m, _) =>
            $"Renew {string.Join(' ', m.Items.Select(static i => $"{i.Ticket.HoldId}/{i.Ticket.TotalNanos}@{i.ProgressNanos}"))} seen {m.Epoch}",
        (SettleRequest m, _) => $"Settle {m.Ticket.HoldId}/{m.Ticket.TotalNanos} {m.CostNanos} {m.Status} seen {m.Epoch}",
        (MoveRequest m, _) => $"Move {m.Kind} {m.Ref} {m.AmountNanos} seen {m.Epoch}",
        (AdmitAnswer a, AdmitRequest m) => $"Admit {m.HoldId}: {a.Outcome} {a.TotalNanos} (available {a.AvailableNanos}) epoch {a.Epoch}",
        (ExtendAnswer a, ExtendRequest m) => $"Extend {m.Ticket.HoldId}: {a.Outcome} {a.TotalNanos} epoch {a.Epoch}",
        (RenewAnswer a, _) => $"Renew: {string.Join(' ', a.Holds.Select(static h => $"{h.HoldId}/{h.TotalNanos} {h.Outcome}"))} epoch {a.Epoch}",
        (SettleAnswer a, SettleRequest m) => $"Settle {m.Ticket.HoldId}: {a.Outcome} {a.ChargedNanos}+{a.ShortfallNanos} epoch {a.Epoch}",
        (MoveAnswer a, MoveRequest m) => $"Move {m.Ref}: {a.Outcome} epoch {a.Epoch}",
        (SetKeyRequest m, _) => $"SetKey {m.Settings.KeyId}",
        _ => $"{What}",
    };
}
