using System.Collections.Immutable;
using Microsoft.Extensions.Logging;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Ledger;

namespace OrleansGateway.Grains.Accounts;

/// <summary>
/// Asks the ledger about holds that the activation does not have. After a silo's death those of all running requests come at once: while one
/// statement is out, what comes gathers for the next.
/// </summary>
internal sealed class HoldLooks(
    string accountId, HoldBook book, ActivationClock clock, BatchLoop loop, ILedger ledger, ILogger log, Action keepTicking)
{
    private const int HoldsMax = 10_000;

    private readonly Queue<(string HoldId, TaskCompletionSource<(bool IsAnswered, ClosedHold? Closed)> Look)> _waiting = new();
    private Task _looking = Task.CompletedTask;

    /// <summary>Whether the ledger has the hold's row. What an older epoch had out is committed or fenced by now.</summary>
    public async Task<(bool IsAnswered, ClosedHold? Closed)> LookAsync(string holdId)
    {
        var look = new TaskCompletionSource<(bool IsAnswered, ClosedHold? Closed)>(TaskCreationOptions.RunContinuationsAsynchronously);
        _waiting.Enqueue((holdId, look));
        if (_looking.IsCompleted)
        {
            _looking = LookAsync();
        }

        clock.BeginLook();
        var (isAnswered, closed) = await look.Task;
        clock.EndLook();
        if (loop.IsOver || !isAnswered)
        {
            return (false, null);
        }

        if (closed is { } known)
        {
            book.RememberClosed(holdId, known, clock.Now);
            keepTicking();
        }

        return (true, closed);
    }

    private async Task LookAsync()
    {
        // In a turn of its own: what comes in the same message, or beside it, goes along.
        await Task.Yield();
        while (_waiting.Count > 0)
        {
            var group = new List<(string HoldId, TaskCompletionSource<(bool, ClosedHold?)> Look)>(Math.Min(_waiting.Count, HoldsMax));
            while (group.Count < HoldsMax && _waiting.TryDequeue(out var next))
            {
                group.Add(next);
            }

            var rows = await FindAsync(group.ConvertAll(static one => one.HoldId));
            foreach (var (holdId, look) in group)
            {
                look.SetResult((rows is not null, rows?.TryGetValue(holdId, out var closed) == true ? closed : null));
            }
        }
    }

    /// <summary>The charges of these holds that are in the ledger; null if it did not say.</summary>
    private async Task<Dictionary<string, ClosedHold>?> FindAsync(List<string> holdIds)
    {
        try
        {
            var refs = holdIds.Select(static holdId => new EntryRef(EntryKind.Charge, holdId)).ToImmutableArray();
            var rows = await ledger.FindEntriesAsync(accountId, refs, CancellationToken.None);
            return rows.ToDictionary(static row => row.Ref, ClosedHold.Of, StringComparer.Ordinal);
        }
        catch (LedgerLostException lost)
        {
            log.LogLooksFailed(accountId, holdIds.Count, lost);
            clock.PutOffQuarantine();
            return null;
        }
        catch (Exception bug)
        {
            // Repeats would meet it again.
            loop.Break(bug);
            return null;
        }
    }
}
