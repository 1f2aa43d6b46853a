using OrleansGateway.Ledger;
using OrleansGateway.Tests.Shared.Ledger;

namespace OrleansGateway.Tests.Integration.Ledger.Model;

/// <summary>What both must make of it.</summary>
internal enum Verdict
{
    Applied,
    LeftOut,
    Refused,
    Misused,
}

/// <summary>One way in which a call goes to, or beyond, the edge of what is allowed.</summary>
/// <param name="Name">For the count.</param>
/// <param name="Expected">What a call with this flaw alone comes to.</param>
internal sealed record Flaw(string Name, Verdict Expected)
{
    /// <summary>Puts it into a batch; null where there is nothing to put it into.</summary>
    public Func<AccountBatch, FlawContext, AccountBatch?> Spoil { get; init; } = static (_, _) => null;
}

/// <param name="Row">What the batch's writer believes the row to be.</param>
/// <param name="Account">The account as it is.</param>
/// <param name="Draws">Where new ids come from.</param>
internal sealed record FlawContext(AccountRow Row, LedgerModelAccount Account, BatchDraws Draws);
