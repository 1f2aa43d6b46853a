using System.Collections.Immutable;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Ledger;
using OrleansGateway.Tests.Shared.Ledger;

namespace OrleansGateway.Tests.Integration.Ledger.Model;

/// <summary>Draws the next operation from what the model holds by now.</summary>
internal sealed class OperationDraws(Random random, LedgerModel model)
{
    private const int AccountsMax = 3;

    private readonly BatchDraws _draws = new(random);
    private readonly Dictionary<string, List<AccountRow>> _rowsSoFar = [];
    private readonly List<Operation> _commits = [];

    /// <summary>Remembers the rows as they are, for those who will believe in them too long.</summary>
    public void Remember()
    {
        foreach (var account in model.Accounts)
        {
            if (!_rowsSoFar.TryGetValue(account.Row.AccountId, out var rows))
            {
                _rowsSoFar.Add(account.Row.AccountId, rows = []);
            }

            if (rows.Count == 0 || rows[^1].Version != account.Row.Version)
            {
                rows.Add(account.Row);
            }
        }
    }

    /// <param name="running">
    /// The first try that is still running on the other session, if there is one. Nobody knows yet what it leaves, so no batch
    /// follows from that.
    /// </param>
    public Operation Next(Operation? running = null)
    {
        if (running is not null && _draws.Chance(45))
        {
            return running;
        }

        var count = model.Accounts.Count();
        return random.Next(100) switch
        {
            _ when count == 0 || (count < AccountsMax && _draws.Chance(20)) => Create(_draws.NewId("account")),
            < 5 => CreateOddly(),
            < 20 => Activate(),
            < 29 => FindEntries(running),
            < 35 => FindIdempotency(running),
            < 43 when _commits.Count > 0 => _draws.OneOf(_commits) with { Kind = "an earlier flight again", Flaw = null },
            _ => Commit(running),
        };
    }

    /// <summary>A read of what a running operation writes.</summary>
    public Operation Read(Operation? running) => _draws.Chance(60) ? FindEntries(running) : FindIdempotency(running);

    private Operation Create(string id, string name = "Name", RateLimits? limits = null, Flaw? flaw = null)
    {
        var (drawn, at) = (limits ?? _draws.Limits(), _draws.Time());
        return new Operation("create", async ledger =>
        {
            await ledger.CreateAccountAsync(id, name, drawn, at, CancellationToken.None);
            return null;
        })
        { Text = () => $"{id} {drawn}", Flaw = flaw };
    }

    private Operation CreateOddly() => random.Next(7) switch
    {
        0 => Create(new string('a', 129), flaw: Flaws.LongAccountId),
        1 => Create("", flaw: Flaws.EmptyAccountId),
        2 => Create(_draws.NewId("account"), limits: new RateLimits(0, null, null), flaw: Flaws.AccountLimit),
        3 => Create(AnyAccount().Row.AccountId, limits: new RateLimits(null, null, 0), flaw: Flaws.AccountLimitAgain),
        4 => Create(_draws.NewId("account"), "\0", flaw: Flaws.AccountName),
        5 when _draws.Chance(20) => Create(Flaws.Widest(128), flaw: Flaws.WideAccountId),
        _ => Create(AnyAccount().Row.AccountId, "Again") with { Kind = "create again" },
    };

    private Operation Activate()
    {
        var account = AnyAccount();
        return random.Next(12) switch
        {
            0 => Activate("activate nobody", "nobody", "a1", "p1"),
            1 => Activate("activate", account.Row.AccountId, "\0", "p1", Flaws.ActivationId),
            2 => Activate("activate", account.Row.AccountId, _draws.NewId("a"), "\uD800", Flaws.ProcessId),
            < 6 when account.Activation is { } same => Activate("activate again", account.Row.AccountId, same, "p9"),
            _ => Activate("activate", account.Row.AccountId, _draws.NewId("a"), _draws.OneOf(["p1", "p2", "p3"])),
        };
    }

    private Operation Activate(string kind, string id, string activation, string process, Flaw? flaw = null)
    {
        var at = _draws.Time();
        return new Operation(kind, async ledger => await ledger.ActivateAsync(id, activation, process, at, CancellationToken.None))
        {
            Text = () => $"{id} {activation} {process}",
            Flaw = flaw,
        };
    }

    private Operation FindEntries(Operation? running)
    {
        var batch = running?.Batches.IsEmpty == false ? _draws.OneOf(running.Batches) : null;
        var account = batch?.AccountId ?? AnyAccount().Row.AccountId;
        var flaw = random.Next(20) switch { 0 => Flaws.FoundRef, 1 => Flaws.FoundAccount, _ => null };
        List<EntryRef> refs = [new(EntryKind.Charge, "nothing"), .. batch?.Entries.Select(static e => new EntryRef(e.Kind, e.Ref)) ?? []];
        foreach (var entry in model.Accounts.SelectMany(static a => a.Entries).Where(_ => _draws.Chance(30)))
        {
            // Under its own kind, mostly; and now and then twice.
            refs.Add(new EntryRef(_draws.Chance(80) ? entry.Kind : EntryKind.Topup, entry.Ref));
            refs.Add(new EntryRef(entry.Kind, entry.Ref));
        }

        ImmutableArray<EntryRef> asked = flaw == Flaws.FoundRef ? [.. refs, new EntryRef(EntryKind.Topup, "a\0")] : [.. refs];
        var id = flaw == Flaws.FoundAccount ? "a\0" : account;
        return new Operation("find entries", async ledger => await ledger.FindEntriesAsync(id, asked, CancellationToken.None))
        {
            IsRead = true,
            Text = () => $"{id} {string.Join(", ", asked)}",
            Flaw = flaw,
        };
    }

    private Operation FindIdempotency(Operation? running)
    {
        var batch = running?.Batches.IsEmpty == false ? _draws.OneOf(running.Batches) : null;
        var account = batch?.AccountId ?? AnyAccount().Row.AccountId;
        var flaw = _draws.Chance(8) ? Flaws.FoundKey : null;
        List<string> keys =
        [
            "no-key",
            .. batch?.IdempotencyStarts.Select(static s => s.Key) ?? [],
            .. model.Accounts.SelectMany(static a => a.Idempotency.Keys),
        ];
        var key = flaw is null ? _draws.OneOf(keys) : "\uDC00";
        return new Operation("find idempotency", async ledger => await ledger.FindIdempotencyAsync(account, key, CancellationToken.None))
        {
            IsRead = true,
            Text = () => $"{account} {key}",
            Flaw = flaw,
        };
    }

    private Operation Commit(Operation? running)
    {
        var flaw = _draws.Chance(45) ? _draws.OneOf([.. Flaws.OfFlights]) : null;
        if (running is not null && (flaw == Flaws.LaterVersion || flaw == Flaws.LaterEpoch))
        {
            flaw = null;
        }

        var accounts = model.Accounts.ToArray();
        random.Shuffle(accounts);
        var batches = accounts.Take(_draws.Chance(60) ? 1 : AccountsMax).Select(a => _draws.Batch(a.Row, a)).ToList();
        var first = accounts[0];
        if (flaw == Flaws.NoAccount)
        {
            batches.Add(new TestAccount("nobody").Batch());
        }
        else if (flaw == Flaws.TwoOfOneAccount)
        {
            batches.Add(batches[0]);
        }
        else if (flaw is not null && Spoil(flaw, batches[0], first) is { } spoiled)
        {
            batches[0] = spoiled;
        }
        else
        {
            flaw = null;
        }

        var shuffled = batches.ToArray();
        random.Shuffle(shuffled);
        var commit = Operation.Commit(shuffled.Length == 1 ? "flight" : "flight of several accounts", [.. shuffled], flaw);
        if (flaw != Flaws.LaterVersion && flaw != Flaws.LaterEpoch)
        {
            _commits.Add(commit);
        }

        return commit;
    }

    private AccountBatch? Spoil(Flaw flaw, AccountBatch batch, LedgerModelAccount account)
    {
        if (flaw == Flaws.LaterVersion)
        {
            return batch with { Version = batch.Version + 1 };
        }

        if (flaw == Flaws.LaterEpoch)
        {
            return batch with { Epoch = batch.Epoch + 1 };
        }

        if (flaw == Flaws.EarlierVersion || flaw == Flaws.EarlierEpoch)
        {
            var believed = _rowsSoFar[account.Row.AccountId].Where(row =>
                flaw == Flaws.EarlierEpoch
                    ? row.Epoch < account.Row.Epoch
                    : row.Epoch == account.Row.Epoch && row.Version < account.Row.Version);
            return believed.ToList() is { Count: > 0 } rows ? Stale(_draws.OneOf(rows), account) : null;
        }

        return batch.IsReadOnly ? null : flaw.Spoil(batch, new FlawContext(account.Row, account, _draws));
    }

    /// <summary>What an activation sends that believes an earlier row: now and then with data that would be refused.</summary>
    private AccountBatch Stale(AccountRow believed, LedgerModelAccount account)
    {
        var batch = _draws.Batch(believed, account);
        var flaw = _draws.OneOf(Flaws.InBatch);
        return (_draws.Chance(40) && !batch.IsReadOnly ? flaw.Spoil(batch, new FlawContext(believed, account, _draws)) : null) ?? batch;
    }

    private LedgerModelAccount AnyAccount() => _draws.OneOf([.. model.Accounts]);
}
