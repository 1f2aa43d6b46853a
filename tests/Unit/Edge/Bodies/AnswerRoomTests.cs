using OrleansGateway.Edge.Bodies;
using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Tests.Shared;
using Xunit;

namespace OrleansGateway.Tests.Unit.Edge.Bodies;

public sealed class AnswerRoomTests
{
    private const int MiB = 1024 * 1024;

    private readonly FakeTimeProvider _clock = new();
    private readonly BodyBudget _budget;

    public AnswerRoomTests() => _budget = new BodyBudget(64 * MiB, _clock);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task GrowAsync_OfAnOrdinaryAnswer_IsNotNeeded()
    {
        using var room = Open();
        Assert.False(room.IsFull(MiB));
        Assert.True(room.IsFull(MiB + 1));
        Assert.Null(await room.GrowAsync(MiB + 1, Cancellation));
        Assert.Equal((false, 2 * MiB), (room.IsFull(2 * MiB), _budget.Bytes));
    }

    [Fact]
    public async Task Dispose_AfterGrowing_GivesAllBack()
    {
        var room = Open();
        for (var bytes = MiB + 1; bytes < 8 * MiB; bytes *= 2)
        {
            Assert.Null(await room.GrowAsync(bytes, Cancellation));
        }

        Assert.Equal(8 * MiB, _budget.Bytes);
        room.Dispose();
        Assert.Equal((0, 0), (_budget.Bytes, _budget.Shares));
    }

    [Fact]
    public async Task GrowAsync_BeyondTheLargestAnswer_EndsIt()
    {
        using var room = Open();
        Assert.Equal(ErrorKind.AnswerTooLarge, (await room.GrowAsync((8 * MiB) + 1, Cancellation))!.Error.Kind);
        Assert.Equal(0, _budget.Bytes);
    }

    [Fact]
    public async Task GrowAsync_WithoutRoom_EndsTheAnswerAfterAWaitAndLeavesItsChannelAlone()
    {
        // One key may have 32 MiB, large ones 28 of them.
        var others = Enumerable.Range(0, 3).Select(_ => Open()).ToList();
        foreach (var other in others)
        {
            Assert.Null(await other.GrowAsync(8 * MiB, Cancellation));
        }

        using var room = Open();
        var growing = room.GrowAsync(8 * MiB, Cancellation).AsTask();
        Assert.False(growing.IsCompleted);
        _clock.Advance(TimeSpan.FromMilliseconds(BodyBudget.WaitMs));
        var end = (await growing)!;
        Assert.Equal((ErrorKind.Unavailable, false), (end.Error.Kind, end.IsRetryable));

        others.ForEach(static other => other.Dispose());
        Assert.Null(await room.GrowAsync(8 * MiB, Cancellation));
    }

    private AnswerRoom Open() => new(_budget, new BodyOwner("key", "192.0.2.1"), 8 * MiB);
}
