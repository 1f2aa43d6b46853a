using System.Buffers;
using OrleansGateway.Edge.Bodies;
using OrleansGateway.Tests.Shared;
using Xunit;

namespace OrleansGateway.Tests.Unit.Edge.Bodies;

public sealed class BodyMemoryTests
{
    private readonly BodyBudget _budget = new(1_000_000, new FakeTimeProvider());

    [Fact]
    public async Task Dispose_WhileAConnectionReads_GivesBackAfterIt()
    {
        var body = await FilledAsync();
        Assert.True(body.TryKeep());

        body.Dispose();
        Assert.Equal("body"u8, body.Memory.Span);
        Assert.Equal(4096, _budget.Bytes);

        body.Release();
        Assert.Equal((0L, 0, 0), (_budget.Bytes, body.Capacity, body.Length));
        Assert.False(body.TryKeep());
    }

    [Fact]
    public async Task Dispose_Twice_GivesBackOnce()
    {
        var body = await FilledAsync();

        body.Dispose();
        body.Dispose();

        Assert.Equal(0, _budget.Bytes);
    }

    [Fact]
    public async Task Grow_FilledBody_KeepsItsBytesAndGivesTheOldRoomBack()
    {
        using var body = await FilledAsync();

        body.Grow(8192, await RoomAsync(8192));

        Assert.Equal("body"u8, body.Memory.Span);
        Assert.Equal((8192L, 8192), (_budget.Bytes, body.Capacity));
    }

    private async Task<BodyMemory> FilledAsync()
    {
        var body = new BodyMemory();
        body.Grow(4096, await RoomAsync(4096));
        body.Append(new ReadOnlySequence<byte>("body"u8.ToArray()));
        return body;
    }

    private async Task<BodyRoom> RoomAsync(int bytes) =>
        Assert.NotNull(await _budget.TakeAsync(new BodyOwner("key", "address"), bytes, TestContext.Current.CancellationToken));
}
