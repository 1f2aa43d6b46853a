using OrleansGateway.Edge.Bodies;
using OrleansGateway.Tests.Shared;
using Xunit;

namespace OrleansGateway.Tests.Unit.Edge.Bodies;

public sealed class BodyBudgetTests
{
    private const long MiB = 1024 * 1024;

    private readonly FakeTimeProvider _clock = new();
    private readonly BodyBudget _budget;

    public BodyBudgetTests() => _budget = new BodyBudget(64 * MiB, _clock);

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Take_OneKeyOrAddress_GetsHalfAndLeavesTheRestToOthers(bool isKey)
    {
        var taken = new List<BodyRoom>();
        for (var i = 0; i < 32; i++)
        {
            taken.Add(await TakenAsync(isKey ? new BodyOwner("key", $"address {i}") : new BodyOwner($"key {i}", "address"), MiB));
        }

        Assert.False(Take(isKey ? new BodyOwner("key", "another") : new BodyOwner("another", "address"), 1).IsCompleted);
        taken.Add(await TakenAsync(new BodyOwner("other", "elsewhere"), 24 * MiB));
        Assert.Equal(56 * MiB, _budget.Bytes);

        taken.ForEach(room => room.GiveBack());
    }

    [Fact]
    public async Task Take_LargeBodies_LeaveAnEighthToOrdinaryOnes()
    {
        await TakenAsync(new BodyOwner("a", "1"), 28 * MiB);
        await TakenAsync(new BodyOwner("b", "2"), 28 * MiB);

        Assert.False(Take(new BodyOwner("c", "3"), 2 * MiB).IsCompleted);
        Assert.False(Take(new BodyOwner("a", "4"), 2 * MiB).IsCompleted);
        await TakenAsync(new BodyOwner("a", "1"), MiB);
        await TakenAsync(new BodyOwner("c", "3"), MiB);
    }

    [Fact]
    public async Task Take_NoRoom_WaitsUntilThereIs()
    {
        var first = await TakenAsync(new BodyOwner("a", "1"), 20 * MiB);
        var second = Take(new BodyOwner("a", "1"), 20 * MiB);
        Assert.False(second.IsCompleted);

        first.GiveBack();

        Assert.NotNull(await second);
        Assert.Equal(20 * MiB, _budget.Bytes);
    }

    [Fact]
    public async Task Take_NoRoomForFiveSeconds_GetsNone()
    {
        var first = await TakenAsync(new BodyOwner("a", "1"), 20 * MiB);
        var second = Take(new BodyOwner("a", "1"), 20 * MiB);

        _clock.Advance(TimeSpan.FromMilliseconds(4999));
        Assert.False(second.IsCompleted);
        _clock.Advance(TimeSpan.FromMilliseconds(1));

        Assert.Null(await second);
        first.GiveBack();
        Assert.Equal((0L, 0), (_budget.Bytes, _budget.Shares));
    }

    [Fact]
    public async Task Take_ClientGoesWhileItWaits_GetsNone()
    {
        using var gone = new CancellationTokenSource();
        var first = await TakenAsync(new BodyOwner("a", "1"), 20 * MiB);
        var second = _budget.TakeAsync(new BodyOwner("a", "1"), 20 * MiB, gone.Token);

        await gone.CancelAsync();

        Assert.Null(await second);
        first.GiveBack();
        Assert.Equal((0L, 0), (_budget.Bytes, _budget.Shares));
    }

    [Fact]
    public async Task GiveBack_SeveralWait_ServesTheFirstLargeOneFirstAndOrdinaryOnesAnyway()
    {
        var rooms = new[] { await TakenAsync(new BodyOwner("a", "1"), 28 * MiB), await TakenAsync(new BodyOwner("b", "2"), 28 * MiB) };
        var first = Take(new BodyOwner("c", "3"), 26 * MiB);
        var second = Take(new BodyOwner("d", "4"), 2 * MiB);
        var third = Take(new BodyOwner("e", "5"), 2 * MiB);
        await TakenAsync(new BodyOwner("f", "6"), MiB);

        rooms[0].GiveBack();
        Assert.NotNull(await first);
        Assert.False(second.IsCompleted);

        rooms[1].GiveBack();
        Assert.NotNull(await second);
        Assert.NotNull(await third);
    }

    [Fact]
    public async Task GiveBack_TheFirstWaitsForItsOwnKey_ServesTheNext()
    {
        await TakenAsync(new BodyOwner("a", "1"), 28 * MiB);
        var other = await TakenAsync(new BodyOwner("b", "2"), 20 * MiB);
        var first = Take(new BodyOwner("a", "3"), 20 * MiB);
        var second = Take(new BodyOwner("b", "4"), 20 * MiB);

        other.GiveBack();

        Assert.NotNull(await second);
        Assert.False(first.IsCompleted);
    }

    [Fact]
    public async Task Take_TooManyWait_IsRefusedAtOnce()
    {
        await TakenAsync(new BodyOwner("a", "1"), 28 * MiB);
        for (var i = 0; i < 200; i++)
        {
            Assert.False(Take(new BodyOwner("a", "1"), 28 * MiB).IsCompleted);
        }

        Assert.Null(await Take(new BodyOwner("a", "2"), 28 * MiB));
        Assert.NotNull(await Take(new BodyOwner("b", "2"), 28 * MiB));
    }

    private Task<BodyRoom?> Take(BodyOwner owner, long bytes) => _budget.TakeAsync(owner, bytes, TestContext.Current.CancellationToken).AsTask();

    private async Task<BodyRoom> TakenAsync(BodyOwner owner, long bytes)
    {
        var room = Take(owner, bytes);
        Assert.True(room.IsCompleted);
        return Assert.NotNull(await room);
    }
}
