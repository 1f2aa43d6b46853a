using OrleansGateway.Grains.Contracts.Keys;
using Xunit;

namespace OrleansGateway.Tests.Unit.Keys;

public sealed class RandomSourceTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(32)]
    [InlineData(1000)]
    [InlineData(5000)]
    public void Fill_Repeated_GivesNoByteTwice(int length)
    {
        var seen = new HashSet<ulong>();
        var bytes = new byte[length];
        var stretch = new List<byte>();
        for (var i = 0; i < 20_000 / length; i++)
        {
            RandomSource.Secure.Fill(bytes);
            stretch.AddRange(bytes);
        }

        // Eight bytes that come twice would take 2⁶⁴ draws; bytes that were cleared would be eight zeros.
        for (var i = 0; i + 8 <= stretch.Count; i += 8)
        {
            var value = BitConverter.ToUInt64([.. stretch.GetRange(i, 8)]);
            Assert.NotEqual(0UL, value);
            Assert.True(seen.Add(value));
        }
    }
}
