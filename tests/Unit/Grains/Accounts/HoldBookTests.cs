using OrleansGateway.Grains.Accounts;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Ledger;
using Xunit;

namespace OrleansGateway.Tests.Unit.Grains.Accounts;

/// <summary>The books alone: no engine, no journal, no clock.</summary>
public sealed class HoldBookTests
{
    private static readonly DateTimeOffset UtcNow = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private static readonly TimeSpan Now = TimeSpan.FromSeconds(1);

    [Fact]
    public void Admit_WithinSlack_TakesItFromTheReserveAndCountsForTheKey()
    {
        var book = Book(balance: 1000, reserved: 300);

        var hold = Admit(book, "h", 200);

        Assert.Equal((200L, 0L, 200L), (hold.Own, hold.Inherited, hold.Total));
        Assert.Equal((200L, 100L), (book.Funds.Own, book.SlackNow));
        Assert.Equal((200L, 1L, 1L), (hold.Key!.Held, hold.Key.Limits.Running, book.Limits.Running));
        Assert.Same(hold, book.Find("h"));
        Assert.True(book.IsOpen(hold));
    }

    [Fact]
    public void Admit_BeyondSlack_BreaksARule()
    {
        var book = Book(balance: 1000, reserved: 300);

        Assert.Throws<InvariantException>(() => Admit(book, "h", 301));
    }

    [Fact]
    public void Drop_GivesBackWhatTheHoldHad()
    {
        var book = Book(balance: 1000, reserved: 300, quarantined: 100);
        var hold = Admit(book, "h", 200);
        book.Inherit(hold, 250);

        book.Drop(hold);

        Assert.Equal((0L, 0L, 300L), (book.Funds.Own, book.Funds.Inherited, book.SlackNow));
        Assert.Equal((0L, 0L, 0L), (hold.Key!.Held, hold.Key.Limits.Running, book.Limits.Running));
        Assert.False(book.IsOpen(hold));
    }

    [Fact]
    public void Inherit_MoreThanQuarantineHas_TakesWhatIsLeftOfIt()
    {
        var book = Book(balance: 1000, reserved: 300, quarantined: 100);
        var (first, second) = (book.Adopt(AccountWorld.Ticket("a", 80)), book.Adopt(AccountWorld.Ticket("b", 80)));

        book.Inherit(first, 80);
        book.Inherit(second, 80);

        Assert.Equal((80L, 20L, 100L), (first.Inherited, second.Inherited, book.Funds.Inherited));
        Assert.Equal(300, book.SlackNow);
    }

    [Fact]
    public void Inherit_WhileABatchEndsQuarantine_TakesNothing()
    {
        var book = Book(balance: 1000, reserved: 300, quarantined: 100);
        var hold = book.Adopt(AccountWorld.Ticket("h", 80));
        book.StartBatch(UtcNow, endsQuarantine: true);

        book.Inherit(hold, 80);

        Assert.Equal(0, hold.Inherited);
    }

    [Fact]
    public void Commit_OfTheEndOfQuarantine_MakesInheritedPartsOwn()
    {
        var book = Book(balance: 1000, reserved: 300, quarantined: 100);
        var hold = book.Adopt(AccountWorld.Ticket("h", 80));
        book.Inherit(hold, 80);
        var batch = book.StartBatch(UtcNow, endsQuarantine: true);
        batch.Funds.EndQuarantine();

        Commit(book, batch);

        Assert.Equal((80L, 0L), (hold.Own, hold.Inherited));
        Assert.Equal((400L, 0L, 80L, 0L), (book.Funds.Reserved, book.Funds.Quarantined, book.Funds.Own, book.Funds.Inherited));
    }

    [Fact]
    public void SlackNow_WhileABatchIsOut_IsWithoutWhatThatTakesAway()
    {
        var book = Book(balance: 1000, reserved: 300);
        var batch = book.StartBatch(UtcNow, endsQuarantine: false);
        batch.Funds.GiveBackSlack();

        Assert.Equal((300L, 0L), (book.Funds.Slack, book.SlackNow));

        book.EndBatch();
        Assert.Equal(300, book.SlackNow);
    }

    [Fact]
    public void SlackNow_WhileABlockIsOut_DoesNotCountIt()
    {
        var book = Book(balance: 1000, reserved: 300);
        var batch = book.StartBatch(UtcNow, endsQuarantine: false);
        book.ExtendReserve(batch, wanted: 500, largest: 100);

        Assert.Equal((400L, 300L), (batch.Block, book.SlackNow));

        Commit(book, batch);
        Assert.Equal((700L, 2L), (book.SlackNow, book.Row!.Version));
    }

    [Theory]
    // Of 8,000 that are free and nothing in reserve: four of the largest, an eighth of what is free, all that waits, all there is.
    [InlineData(300, 300, 1200)]
    [InlineData(1, 1, 1000)]
    [InlineData(2000, 100, 2000)]
    [InlineData(100_000, 100_000, 8000)]
    public void ExtendReserve_ByHowMuch_IsAsTheProtocolSays(long wanted, long largest, long block)
    {
        var book = Book(balance: 8000, reserved: 0);
        var batch = book.StartBatch(UtcNow, endsQuarantine: false);

        book.ExtendReserve(batch, wanted, largest);

        Assert.Equal((block, block), (batch.Block, batch.Funds.Reserved));
    }

    [Fact]
    public void ExtendReserve_WhileHalfABlockIsLeft_DoesNothing()
    {
        var book = Book(balance: 8000, reserved: 1000);
        Admit(book, "h", 500);
        Assert.False(book.IsReserveLow);

        var batch = book.StartBatch(UtcNow, endsQuarantine: false);
        book.ExtendReserve(batch, wanted: 0, largest: 0);
        Assert.Equal(0, batch.Block);
        book.EndBatch();

        Admit(book, "i", 1);
        Assert.True(book.IsReserveLow);
        batch = book.StartBatch(UtcNow, endsQuarantine: false);
        book.ExtendReserve(batch, wanted: 0, largest: 0);
        Assert.Equal(875, batch.Block);
    }

    [Fact]
    public void Close_OfASettlement_ChargesOnceItIsCommittedAndIsRemembered()
    {
        var book = Book(balance: 1000, reserved: 300);
        var hold = Admit(book, "h", 200);
        var batch = book.StartBatch(UtcNow, endsQuarantine: false);
        var closing = new CloseHold(hold, ClosedBy.Settlement, (operation, outcome) => book.Close(operation.Hold, outcome, 0, Now))
        {
            Cost = 150,
            Usage = default,
            Status = RequestStatus.Completed,
            FirstByteMs = 1,
            DurationMs = 2,
        };
        hold.Closing = closing;
        batch.Operations.Add(closing);
        closing.AddTo(batch);

        Assert.Equal((1000L, 200L, 100L), (book.Funds.Balance, book.Funds.Own, book.SlackNow));
        Assert.False(book.IsOpen(hold));
        Assert.Same(hold, book.Find("h"));

        Commit(book, batch);

        Assert.Equal((850L, 150L, 0L, 1L), (book.Funds.Balance, book.Funds.Reserved, book.Funds.Own, book.Row!.Seq));
        Assert.Equal(150, hold.Key!.Spend.TotalNanos);
        Assert.Null(book.Find("h"));
        Assert.True(book.TryGetClosed("h", out var closed));
        Assert.Equal(new ClosedHold(ClosedBy.Settlement, 150, 0), closed);
        book.ForgetClosed(Now + TimeSpan.FromMinutes(1.1));
        Assert.False(book.HasClosedHolds);
    }

    [Fact]
    public void StartBatch_WhileOneIsOut_BreaksARule()
    {
        var book = Book(balance: 1000, reserved: 300);
        book.StartBatch(UtcNow, endsQuarantine: false);

        Assert.Throws<InvariantException>(() => book.StartBatch(UtcNow, endsQuarantine: false));
    }

    [Fact]
    public void Adopt_OfAKeyThatTheAccountDoesNotHave_CountsForTheAccountAlone()
    {
        var book = Book(balance: 1000, reserved: 300);

        var hold = book.Adopt(AccountWorld.Ticket("h", 80) with { KeyId = "otherkey1234" });
        book.GrowOwn(hold, 80);
        book.Close(hold, new ClosedHold(ClosedBy.Lease, 0, 0), 0, Now);

        Assert.Null(hold.Key);
        Assert.Equal((0L, 0L), (book.Limits.Running, book.Funds.Own));
    }

    private static HoldBook Book(long balance, long reserved, long quarantined = 0)
    {
        var row = new AccountRow
        {
            AccountId = AccountWorld.AccountId,
            Name = "Test",
            Status = AccountStatus.Active,
            Limits = RateLimits.None,
            Epoch = 1,
            Version = 1,
            Seq = 0,
            Balance = balance,
            Reserved = reserved,
            Quarantined = quarantined,
            Bonus = 0,
        };
        var book = new HoldBook(TimeSpan.FromMinutes(1));
        book.Load(new ActivatedAccount(row, [new KeyRow(AccountWorld.Key, KeySpend.None)], null), TimeSpan.Zero);
        return book;
    }

    private static Hold Admit(HoldBook book, string holdId, long amount) =>
        book.Admit(AccountWorld.Request(holdId, amount), book.FindKey(AccountWorld.KeyId)!, amount, Now);

    private static void Commit(HoldBook book, BatchBuilder batch)
    {
        batch.Close();
        book.EndBatch();
        book.Commit(batch);
    }
}
