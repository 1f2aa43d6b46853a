using OrleansGateway.Grains.Contracts.Accounts;

namespace OrleansGateway.Ledger.Postgres;

/// <summary>The words that the tables hold for our enums: what a constraint lists and a human reads.</summary>
internal static class Names
{
    public static readonly Names<EntryKind> Kinds = new(
        (EntryKind.Topup, "topup"),
        (EntryKind.Bonus, "bonus"),
        (EntryKind.Charge, "charge"),
        (EntryKind.Refund, "refund"),
        (EntryKind.Compensation, "compensation"),
        (EntryKind.Adjustment, "adjustment"),
        (EntryKind.Chargeback, "chargeback"));

    public static readonly Names<ClosedBy> Closers = new((ClosedBy.Settlement, "settlement"), (ClosedBy.Lease, "lease"));

    public static readonly Names<AccountStatus> AccountStatuses = new(
        (AccountStatus.Active, "active"), (AccountStatus.Suspended, "suspended"), (AccountStatus.Closed, "closed"));

    public static readonly Names<KeyStatus> KeyStatuses = new(
        (KeyStatus.Active, "active"), (KeyStatus.Disabled, "disabled"), (KeyStatus.Revoked, "revoked"));

    public static readonly Names<IdempotencyState> IdempotencyStates = new(
        (IdempotencyState.Running, "running"), (IdempotencyState.Completed, "completed"), (IdempotencyState.Ended, "ended"));

    public static readonly Names<RequestStatus> RequestStatuses = new(
        (RequestStatus.Completed, "completed"),
        (RequestStatus.ClientGone, "client_gone"),
        (RequestStatus.ProviderError, "provider_error"),
        (RequestStatus.ProviderRefused, "provider_refused"),
        (RequestStatus.FundsExhausted, "funds_exhausted"),
        (RequestStatus.TimedOut, "timed_out"),
        (RequestStatus.Stopped, "stopped"),
        (RequestStatus.EdgeLost, "edge_lost"));
}

/// <summary>One enum's words.</summary>
internal sealed class Names<T>
    where T : struct, Enum
{
    private readonly Dictionary<T, string> _names = [];
    private readonly Dictionary<string, T> _values = new(StringComparer.Ordinal);

    public Names(params ReadOnlySpan<(T Value, string Name)> pairs)
    {
        foreach (var (value, name) in pairs)
        {
            _names.Add(value, name);
            _values.Add(name, value);
        }
    }

    public string this[T value] => _names[value];

    public T this[string name] => _values[name];
}
