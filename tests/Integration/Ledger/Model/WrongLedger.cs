using System.Collections.Immutable;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Ledger;
using OrleansGateway.Tests.Shared.Ledger;

namespace OrleansGateway.Tests.Integration.Ledger.Model;

/// <summary>What can be wrong with a model.</summary>
public enum Defect
{
    VersionNotCompared,
    EpochNotCompared,
    RefNotCompared,
    RefComparedWithoutKind,
    ClaimNotCompared,
    SeqNotCompared,
    TextLengthNotChecked,
    CommitsOneBatchBesideARefusedOne,
    LeavesOutUnderAnotherVersion,
    SameActivationRaisesAgain,
    ForgetsSpends,
    FindsNothing,
}

/// <summary>The model with one defect.</summary>
internal sealed class WrongLedger(LedgerModel model, Defect defect) : ILedger
{
    private int _activations;

    public Task CreateAccountAsync(
        string accountId, string name, RateLimits limits, DateTimeOffset at, CancellationToken cancellationToken) =>
        model.CreateAccountAsync(accountId, name, limits, at, cancellationToken);

    public Task<ActivatedAccount?> ActivateAsync(
        string accountId, string activationId, string processId, DateTimeOffset at, CancellationToken cancellationToken) =>
        model.ActivateAsync(
            accountId, defect == Defect.SameActivationRaisesAgain ? $"{++_activations}" : activationId, processId, at, cancellationToken);

    public async Task<ImmutableArray<BatchAnswer>> CommitAsync(
        ImmutableArray<AccountBatch> batches, CancellationToken cancellationToken)
    {
        var spoiled = batches.Select(b => Find(b.AccountId) is { } account ? Spoil(b, account) : b).ToImmutableArray();
        ImmutableArray<BatchAnswer> answers;
        try
        {
            answers = await model.CommitAsync(spoiled, cancellationToken);
        }
        catch (LedgerDataException) when (defect == Defect.CommitsOneBatchBesideARefusedOne && batches.Length > 1)
        {
            await model.CommitAsync([batches[0]], cancellationToken);
            throw;
        }

        return defect == Defect.LeavesOutUnderAnotherVersion
            ? [.. answers.Select(static a => a.IsApplied ? a : a with { Version = a.Version + 1 })]
            : answers;
    }

    public Task<ImmutableArray<LedgerEntry>> FindEntriesAsync(
        string accountId, ImmutableArray<EntryRef> refs, CancellationToken cancellationToken) =>
        model.FindEntriesAsync(accountId, defect == Defect.FindsNothing ? [] : refs, cancellationToken);

    public Task<IdempotencyRow?> FindIdempotencyAsync(string accountId, string key, CancellationToken cancellationToken) =>
        model.FindIdempotencyAsync(accountId, key, cancellationToken);

    private AccountBatch Spoil(AccountBatch batch, LedgerModelAccount account)
    {
        var row = account.Row;
        switch (defect)
        {
            case Defect.VersionNotCompared:
                return batch with { Version = row.Version };
            case Defect.EpochNotCompared:
                return batch with { Epoch = row.Epoch };
            case Defect.RefNotCompared:
                return WithEntries(batch, e => account.Find(new EntryRef(e.Kind, e.Ref)) is null ? e : e with { Ref = $"other{e.Seq}" });
            case Defect.RefComparedWithoutKind:
                return WithEntries(batch, e => account.Entries.Exists(there => there.Ref == e.Ref) ? e with { Ref = "" } : e);
            case Defect.SeqNotCompared:
                var seq = row.Seq;
                return WithEntries(batch, e => e with { Seq = ++seq });
            case Defect.TextLengthNotChecked:
                return WithEntries(batch, static e => e.Ref.Length == 0 || e.Ref == new string('x', 129) ? e with { Ref = "short" } : e);
            case Defect.ClaimNotCompared:
                var off = row.Balance + batch.BalanceDelta - batch.BalanceAfter;
                return WithEntries(batch, e => e with { BalanceAfter = e.BalanceAfter + off })
                    with
                { BalanceAfter = batch.BalanceAfter + off };
            case Defect.ForgetsSpends:
                return batch with { KeySpends = [] };
            default:
                return batch;
        }
    }

    private static AccountBatch WithEntries(AccountBatch batch, Func<LedgerEntry, LedgerEntry> change) =>
        batch with { Entries = [.. batch.Entries.Select(change)] };

    private LedgerModelAccount? Find(string accountId) => model.Accounts.FirstOrDefault(a => a.Row.AccountId == accountId);
}
