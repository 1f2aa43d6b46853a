using System.Collections.Immutable;
using OrleansGateway.Grains.Contracts;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Grains.Contracts.Pricing;
using OrleansGateway.Ledger;
using Xunit;

namespace OrleansGateway.Tests.Integration.Ledger;

/// <summary>An account as its activation believes it to be, and the batches that follow from that.</summary>
internal sealed class TestAccount(string id)
{
    public static readonly DateTimeOffset Start = new(2026, 3, 14, 12, 0, 0, TimeSpan.Zero);

    private static int _created;

    public string Id => id;
    public long Epoch { get; private set; }
    public long Version { get; private set; }
    public long Seq { get; private set; }
    public long Balance { get; private set; }
    public long Reserved { get; private set; }
    public long Quarantined { get; private set; }
    public long Bonus { get; private set; }

    /// <summary>Creates an account of a new id, activates it and gives it money.</summary>
    public static async Task<TestAccount> CreateAsync(ILedger ledger, long balance = 1000)
    {
        var token = TestContext.Current.CancellationToken;
        var account = new TestAccount($"acct{Interlocked.Increment(ref _created):D5}");
        await ledger.CreateAccountAsync(account.Id, "Test", RateLimits.None, Start, token);
        await account.ActivateAsync(ledger);
        if (balance > 0)
        {
            await account.ApplyAsync(ledger, account.Credit("first", balance));
        }

        return account;
    }

    /// <summary>Raises the epoch and believes the row from then on.</summary>
    public async Task<ActivatedAccount> ActivateAsync(ILedger ledger, string? activation = null, string process = "p1")
    {
        var answer = await ledger.ActivateAsync(
            Id, activation ?? $"activation{Epoch + 1}", process, Start, TestContext.Current.CancellationToken);
        var row = answer!.Account;
        (Epoch, Version, Seq) = (row.Epoch, row.Version, row.Seq);
        (Balance, Reserved, Quarantined, Bonus) = (row.Balance, row.Reserved, row.Quarantined, row.Bonus);
        return answer;
    }

    /// <summary>A batch that changes nothing but the version.</summary>
    public AccountBatch Batch(long balance = 0, long reserved = 0, long quarantined = 0, long bonus = 0) => new()
    {
        AccountId = Id,
        Epoch = Epoch,
        Version = Version,
        BalanceAfter = Balance + balance,
        ReservedAfter = Reserved + reserved,
        QuarantinedAfter = Quarantined + quarantined,
        BonusAfter = Bonus + bonus,
        BalanceDelta = balance,
        ReservedDelta = reserved,
        QuarantinedDelta = quarantined,
        BonusDelta = bonus,
    };

    public AccountBatch Credit(string reference, long amount) => Batch(balance: amount) with
    {
        Entries = [new LedgerEntry(Seq + 1, EntryKind.Topup, amount, 0, Balance + amount, reference, null, Start)],
    };

    /// <summary>Charges <paramref name="count"/> requests a cost each, with their usage, out of what is free.</summary>
    public AccountBatch Settle(string hold, long cost, int count = 1, string key = "k1")
    {
        var entries = ImmutableArray.CreateBuilder<LedgerEntry>(count);
        var usage = ImmutableArray.CreateBuilder<UsageRow>(count);
        for (var i = 1; i <= count; i++)
        {
            var reference = count == 1 ? hold : $"{hold}-{i}";
            entries.Add(new LedgerEntry(
                Seq + i, EntryKind.Charge, -cost, 0, Balance - (i * cost), reference, ClosedBy.Settlement, Start));
            usage.Add(Usage(reference, cost, key));
        }

        return Batch(balance: -count * cost) with { Entries = entries.MoveToImmutable(), Usage = usage.MoveToImmutable() };
    }

    public static UsageRow Usage(string requestId, long charge, string key = "k1") => new()
    {
        At = Start,
        KeyId = key,
        RequestId = requestId,
        Model = "gpt-test",
        Channel = "main",
        Endpoint = "/v1/chat/completions",
        PriceId = "gpt-test@1",
        Usage = new Usage
        {
            [Unit.Input] = 100, [Unit.CachedInput] = 1, [Unit.CacheWrite5m] = 2, [Unit.CacheWrite1h] = 3,
            [Unit.Output] = 20, [Unit.Reasoning] = 5, [Unit.Calls] = 1,
        },
        Charge = charge,
        FirstByteMs = 12,
        DurationMs = 345,
        Status = RequestStatus.Completed,
        ClientAddress = "192.0.2.7",
    };

    public static KeySettings Key(string id) => new() { KeyId = id, Hash = Sha256Hash.Of("key"u8), Name = "A key" };

    /// <summary>What a batch leaves, once it is known to be committed.</summary>
    public void Applied(AccountBatch batch)
    {
        if (batch.IsReadOnly)
        {
            return;
        }

        Version++;
        Seq += batch.Entries.Length;
        (Balance, Reserved, Quarantined, Bonus) = (batch.BalanceAfter, batch.ReservedAfter, batch.QuarantinedAfter, batch.BonusAfter);
    }

    /// <summary>Commits a batch alone and expects it to be applied.</summary>
    public async Task ApplyAsync(ILedger ledger, AccountBatch batch)
    {
        var answers = await ledger.CommitAsync([batch], TestContext.Current.CancellationToken);
        Assert.True(Assert.Single(answers).IsApplied);
        Applied(batch);
    }
}
