using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Ledger;

namespace OrleansGateway.Tests.Simulation.Audit;

/// <summary>What keys have spent, and their caps and limits.</summary>
internal sealed partial class Auditor
{
    private const string Limits = "limits";

    /// <summary>At rest: whether a key's caps refuse another request of so much.</summary>
    public bool IsAtCap(string accountId, string keyId, long nanos)
    {
        var key = KeyOf(_accounts[accountId], keyId);
        return !AllowsSpend(key.Latest!.Caps, key.Spent.On(clock.GetUtcNow()), nanos);
    }

    private static KeyBooks KeyOf(AccountBooks books, string keyId)
    {
        if (!books.Keys.TryGetValue(keyId, out var key))
        {
            books.Keys.Add(keyId, key = new KeyBooks());
        }

        return key;
    }

    private static bool AllowsSpend(SpendCaps caps, long[] used, long nanos) =>
        !(used[0] + nanos > caps.TotalNanos || used[1] + nanos > caps.DayNanos || used[2] + nanos > caps.WeekNanos
            || used[3] + nanos > caps.MonthNanos);

    /// <summary>Keys as the rows have them: their settings, and what they have spent.</summary>
    private void KeysWritten(AccountBooks books)
    {
        foreach (var (keyId, row) in books.Rows.Keys)
        {
            var key = KeyOf(books, keyId);
            if (!ReferenceEquals(key.Latest, row.Settings))
            {
                key.Set(row.Settings, clock.Now);
            }

            if (key.Spent != KeySpent.Of(row.Spend))
            {
                Break(Limits, $"{books.Rows.Row.AccountId}: {keyId} has spent {key.Spent}, its row is {row.Spend}");
            }
        }
    }

    /// <summary>A new activation knows what is in the rows.</summary>
    private void KeysRead(AccountBooks books)
    {
        books.Rates.Forget(clock.Now);
        foreach (var key in books.Keys.Values)
        {
            key.Settle(clock.Now);
            key.SpentLeast = key.Spent;
        }
    }

    private void Spent(AccountBooks books, HoldBooks hold, LedgerEntry charge)
    {
        var key = KeyOf(books, hold.Request.KeyId);
        key.Spent = key.Spent.Plus(charge.At, -charge.Amount);
        key.SpentLeast = key.SpentLeast.Plus(charge.At, Math.Min(-charge.Amount, hold.Backed));
        if (key.HasLimits)
        {
            var used = books.Rows.Usage.FindLast(row => row.RequestId == charge.Ref)!.Usage;
            var back = Math.Max(0, hold.EstimatedTokens - (used.TotalInput + used.TotalOutput));
            key.Rates.GiveBack(clock.Now, back);
            books.Rates.GiveBack(clock.Now, back);
        }
    }

    /// <summary>The least that an admission has found of its key at any moment since it came.</summary>
    private void WatchLimits(AccountBooks books)
    {
        foreach (var pending in books.Pending)
        {
            if (pending is { Message: AdmitRequest admit, IsRepeat: false } && KeyOf(books, admit.KeyId) is { HasLimits: true } key)
            {
                var used = key.SpentLeast.On(clock.GetUtcNow());
                var (ofKey, all, held) = (0, 0, 0L);
                foreach (var (holdId, hold) in books.Held)
                {
                    if (books.Open.ContainsKey(holdId) && hold.Epochs.Contains(books.Epoch))
                    {
                        var isOfKey = hold.Request.KeyId == admit.KeyId;
                        all++;
                        ofKey += isOfKey ? 1 : 0;
                        held += isOfKey ? hold.Backed : 0;
                    }
                }

                pending.RunningLeast = (Math.Min(pending.RunningLeast.OfKey, ofKey), Math.Min(pending.RunningLeast.All, all));
                for (var i = 0; i < used.Length; i++)
                {
                    pending.UsedLeast[i] = Math.Min(pending.UsedLeast[i], used[i] + held);
                }
            }
        }
    }

    /// <summary>The present activation has admitted a request: no cap, rate or concurrency limit was against it.</summary>
    private void WithinLimits(PendingMessage pending, AccountBooks books, AdmitRequest request, AdmitAnswer answer)
    {
        var key = KeyOf(books, request.KeyId);
        if (!key.HasLimits)
        {
            return;
        }

        var askedAt = _holds[request.HoldId].AskedAt!.Value;
        var broken = key.Rates.Admit(askedAt, clock.Now, request.EstimatedTokens, key.Latest!.Limits)
            ?? books.Rates.Admit(askedAt, clock.Now, request.EstimatedTokens, books.Rows.Row.Limits);
        if (broken is not null)
        {
            Break(Limits, $"{request.HoldId}: {broken}");
        }

        if (askedAt != pending.At)
        {
            // An earlier message may have admitted it, of which this one does not tell.
            return;
        }

        var settings = key.Since(pending.At).ToList();
        var account = books.Rows.Row.Limits;
        if (!settings.Exists(each => AllowsSpend(each.Caps, pending.UsedLeast, answer.TotalNanos)))
        {
            Break(Limits, $"{request.HoldId} of {answer.TotalNanos} is above {key.Latest!.Caps}: {string.Join(' ', pending.UsedLeast)}");
        }

        if (!settings.Exists(each => !(pending.RunningLeast.OfKey >= each.Limits.Concurrency))
            || pending.RunningLeast.All >= account.Concurrency)
        {
            Break(Limits, $"{request.HoldId} is one too many: {pending.RunningLeast} of {key.Latest!.Limits.Concurrency} and {account.Concurrency}");
        }
    }
}
