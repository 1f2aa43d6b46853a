using System.Collections.Immutable;
using System.Text.Json;
using OrleansGateway.Ledger;

namespace OrleansGateway.Tests.Integration.Ledger.Model;

/// <summary>One call of the ledger's interface, for the model and for PostgreSQL.</summary>
/// <param name="Kind">What it is, for the count.</param>
/// <param name="Call">Makes it and returns its answer.</param>
internal sealed record Operation(string Kind, Func<ILedger, Task<object?>> Call)
{
    /// <summary>The data was refused: <see cref="LedgerDataException"/>.</summary>
    public const string Refused = "refused as data";

    /// <summary>The caller broke the interface's rules.</summary>
    public const string Misused = "refused as misuse";

    /// <summary>What PostgreSQL's answer begins with when nobody can tell what happened.</summary>
    public const string Lost = "lost: ";

    /// <summary>Which condition or constraint it is meant to meet; null if none.</summary>
    public Flaw? Flaw { get; init; }

    /// <summary>Whether it takes no locks.</summary>
    public bool IsRead { get; init; }

    /// <summary>What a commit commits.</summary>
    public ImmutableArray<AccountBatch> Batches { get; init; } = [];

    /// <summary>Its parameters, for a human.</summary>
    public Func<string> Text { get; init; } = static () => "";

    /// <summary>The answer as text: two answers are equal if their texts are.</summary>
    public async Task<string> AnswerAsync(ILedger ledger)
    {
        try
        {
            return JsonSerializer.Serialize(await Call(ledger));
        }
        catch (LedgerDataException)
        {
            return Refused;
        }
        catch (ArgumentException)
        {
            return Misused;
        }
        catch (LedgerLostException e)
        {
            return $"{Lost}{e.Message}";
        }
    }

    public override string ToString() => $"{Kind}{(Flaw is null ? "" : $" ({Flaw.Name})")} {Text()}";

    public static Operation Commit(string kind, ImmutableArray<AccountBatch> batches, Flaw? flaw = null) =>
        new(kind, async ledger => await ledger.CommitAsync(batches, CancellationToken.None))
        {
            Batches = batches,
            Flaw = flaw,
            Text = () => JsonSerializer.Serialize(batches),
        };
}
