using System.Collections.Immutable;
using OrleansGateway.Grains.Contracts.Accounts;

namespace OrleansGateway.Edge.Accounting;

/// <summary>
/// Keeps the holds of running requests alive: one timer for all, one message for each account. A request that ends
/// sooner than half a renewal interval is never renewed.
/// </summary>
internal sealed class Renewals(GrainCalls calls)
{
    private readonly Lock _lock = new();

    // In the order of admission, so the ones that may be due come first.
    private readonly LinkedList<HoldSession> _holds = [];

    private long FirstRenewalMs => (long)calls.Options.RenewalInterval.TotalMilliseconds / 2;

    public void Add(HoldSession hold)
    {
        hold.RenewAtMs = FirstRenewalMs;
        lock (_lock)
        {
            hold.Node = _holds.AddLast(hold);
        }
    }

    /// <summary>Renews the hold no longer: its settlement is on its way.</summary>
    public void Remove(HoldSession hold)
    {
        lock (_lock)
        {
            if (hold.Node is { } node)
            {
                _holds.Remove(node);
                hold.Node = null;
            }
        }
    }

    /// <summary>Renews what is due until it is cancelled; started once, on the scheduler that the edge's accounting runs on.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        using var timer = new PeriodicTimer(calls.Options.RenewalInterval / 2, calls.Time);
        try
        {
            while (await timer.WaitForNextTickAsync(cancellationToken))
            {
                foreach (var (account, holds) in Due())
                {
                    RenewInParts(account, holds);
                }
            }
        }
        catch (OperationCanceledException)
        {
        }
    }

    /// <summary>Renews, or presents, holds of one account with one message. Without an answer they stay due.</summary>
    public async Task RenewAsync(Account account, IReadOnlyList<HoldSession> holds)
    {
        var items = ImmutableArray.CreateBuilder<RenewItem>(holds.Count);
        foreach (var hold in holds)
        {
            items.Add(hold.RenewItem());
        }

        var request = new RenewRequest(account.Epoch, items.MoveToImmutable());
        var answer = await calls.AskAsync(account, request, static (grain, request) => grain.RenewAsync(request), "Renew", holds[0].HoldId);
        if (answer is null)
        {
            return;
        }

        account.Saw(answer.Epoch);
        for (var i = 0; i < Math.Min(holds.Count, answer.Holds.Length); i++)
        {
            holds[i].Renewed(answer.Holds[i], request.Items[i].Ticket.TotalNanos);
            if (answer.Holds[i].Outcome != RenewOutcome.Retry)
            {
                PutOff(holds[i]);
            }
        }
    }

    /// <summary>All parts at once: a new activation then asks the ledger once for all that it does not know.</summary>
    private void RenewInParts(Account account, List<HoldSession> holds)
    {
        for (var from = 0; from < holds.Count; from += calls.Options.ItemsMax)
        {
            _ = RenewAsync(account, holds.GetRange(from, Math.Min(calls.Options.ItemsMax, holds.Count - from)));
        }
    }

    private Dictionary<Account, List<HoldSession>> Due()
    {
        var due = new Dictionary<Account, List<HoldSession>>();
        lock (_lock)
        {
            for (var node = _holds.First; node is not null; node = node.Next)
            {
                var (hold, ageMs) = (node.Value, node.Value.AgeMs);
                if (ageMs < FirstRenewalMs)
                {
                    break;
                }

                if (ageMs < hold.RenewAtMs)
                {
                    continue;
                }

                if (!due.TryGetValue(hold.Account, out var holds))
                {
                    due.Add(hold.Account, holds = []);
                }

                holds.Add(hold);
            }
        }

        return due;
    }

    private void PutOff(HoldSession hold)
    {
        lock (_lock)
        {
            // Half a tick of slack: a timer that fires a little early must not skip a renewal.
            hold.RenewAtMs = hold.AgeMs + ((long)calls.Options.RenewalInterval.TotalMilliseconds * 3 / 4);
        }
    }
}
