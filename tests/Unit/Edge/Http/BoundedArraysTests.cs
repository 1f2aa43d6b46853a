using OrleansGateway.Edge.Http;
using Xunit;

namespace OrleansGateway.Tests.Unit.Edge.Http;

public sealed class BoundedArraysTests
{
    private const int MiB = 1024 * 1024;

    [Theory]
    [InlineData(0, 16)]
    [InlineData(100, 128)]
    [InlineData(128 * 1024, 128 * 1024)]
    [InlineData((128 * 1024) + 1, 160 * 1024)]
    [InlineData(30 * MiB, 32 * MiB)]
    [InlineData(32 * MiB, 32 * MiB)]
    [InlineData((32 * MiB) + 1, 40 * MiB)]
    [InlineData(int.MaxValue, 0x7FFFFFC7)]
    public void SizeFor_AnyLength_IsOneOfFew(int bytes, int size) => Assert.Equal(size, BoundedArrays.SizeFor(bytes));

    [Theory]
    [InlineData(1000)]
    [InlineData(3 * MiB)]
    public void Rent_AnyLength_IsOfTheSizeThatIsTold(int bytes)
    {
        var arrays = new BoundedArrays(64 * MiB, 128 * MiB);

        var array = arrays.Rent(bytes);

        Assert.Equal(BoundedArrays.SizeFor(bytes), array.Length);
        arrays.Return(array);
        Assert.Equal(bytes > MiB ? array.Length : 0, arrays.KeptBytes);
    }

    [Fact]
    public void Rent_LargeOneThatIsKept_IsLentAgain()
    {
        var arrays = new BoundedArrays(64 * MiB, 128 * MiB);
        var (first, other) = (arrays.Rent(3 * MiB), arrays.Rent(8 * MiB));
        arrays.Return(first);
        arrays.Return(other);

        Assert.Same(first, arrays.Rent((3 * MiB) - 5));
        Assert.Equal(8 * MiB, arrays.KeptBytes);
        Assert.NotSame(first, arrays.Rent(3 * MiB));
    }

    [Fact]
    public void Return_MoreThanIsKept_LeavesTheOldestToTheCollector()
    {
        var arrays = new BoundedArrays(4 * MiB, 8 * MiB);
        var oldest = ReturnNew();
        for (var i = 0; i < 100; i++)
        {
            ReturnNew();
            Assert.InRange(arrays.KeptBytes, 0, 4 * MiB);
        }

        // Nobody asked for a collection: enough was left for one to be due.
        Assert.False(oldest.IsAlive);

        WeakReference ReturnNew()
        {
            var array = new byte[MiB];
            arrays.Return(array);
            return new WeakReference(array);
        }
    }
}
