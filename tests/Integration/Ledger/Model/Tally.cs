using System.Globalization;
using OrleansGateway.Ledger;

namespace OrleansGateway.Tests.Integration.Ledger.Model;

/// <summary>How often each thing was reached.</summary>
internal sealed class Tally
{
    /// <summary>All that a batch can change.</summary>
    public static readonly string[] AllChanges =
    [
        "changed nothing, read only", "credit", "charge", "debit", "reserve extended", "reserve given back", "quarantine ended",
        "charge from quarantine", "key set", "key set twice", "key set and its spend", "key spend", "status", "limits",
        "idempotency start", "idempotency end", "idempotency start and its end", "usage",
    ];

    private readonly SortedDictionary<string, int> _counts = new(StringComparer.Ordinal);

    public int this[string what] => _counts.GetValueOrDefault(what);

    public int Operations { get; private set; }

    public void Add(string what) => _counts[what] = this[what] + 1;

    /// <summary>Counts an answered operation: its kind, what became of its flaw, and what its batches changed.</summary>
    public void Answered(Operation operation, string answer)
    {
        Operations++;
        Add(operation.Kind);
        var verdict = answer switch
        {
            Operation.Refused => Verdict.Refused,
            Operation.Misused => Verdict.Misused,
            _ when answer.Contains("\"IsApplied\":false", StringComparison.Ordinal) => Verdict.LeftOut,
            _ => Verdict.Applied,
        };
        Add(Of(verdict));
        if (operation.Flaw is { } flaw)
        {
            Add(Of(flaw, verdict));
        }

        if (verdict == Verdict.Applied)
        {
            foreach (var change in operation.Batches.SelectMany(Changes))
            {
                Add(change);
            }
        }
    }

    public static string Of(Verdict verdict) => $"answer: {verdict}";

    public static string Of(Flaw flaw, Verdict verdict) => $"{verdict}: {flaw.Name}";

    public override string ToString() =>
        string.Join('\n', _counts.Select(static c => string.Create(CultureInfo.InvariantCulture, $"{c.Value,7} {c.Key}")));

    private static IEnumerable<string> Changes(AccountBatch batch)
    {
        (bool Is, string Name)[] changes =
        [
            (batch.IsReadOnly, "changed nothing, read only"),
            (batch.Entries.Any(static e => e.Amount > 0), "credit"),
            (batch.Entries.Any(static e => e.ClosedBy is not null), "charge"),
            (batch.Entries.Any(static e => e.ClosedBy is null && e.Amount < 0), "debit"),
            (batch.ReservedDelta > 0, "reserve extended"),
            (batch is { ReservedDelta: < 0, BalanceDelta: 0 }, "reserve given back"),
            (batch is { QuarantinedDelta: < 0, QuarantinedAfter: 0, BalanceDelta: 0 }, "quarantine ended"),
            (batch is { QuarantinedDelta: < 0, BalanceDelta: < 0 }, "charge from quarantine"),
            (!batch.Keys.IsEmpty, "key set"),
            (batch.Keys.DistinctBy(static k => k.KeyId).Count() < batch.Keys.Length, "key set twice"),
            (batch.Keys.Any(k => batch.KeySpends.Any(s => s.KeyId == k.KeyId)), "key set and its spend"),
            (!batch.KeySpends.IsEmpty, "key spend"),
            (batch.Status is not null, "status"),
            (batch.Limits is not null, "limits"),
            (!batch.IdempotencyStarts.IsEmpty, "idempotency start"),
            (!batch.IdempotencyEnds.IsEmpty, "idempotency end"),
            (batch.IdempotencyStarts.Any(s => batch.IdempotencyEnds.Any(e => e.HoldId == s.HoldId)), "idempotency start and its end"),
            (!batch.Usage.IsEmpty, "usage"),
        ];
        return changes.Where(static c => c.Is).Select(static c => c.Name);
    }
}
