using Xunit;
using Xunit.Sdk;

namespace OrleansGateway.Tests.Unit.Grains.Accounts;

public sealed class RandomWalkTests
{
    private const int StepsPerWalk = 300;
    private const int WalksPerTest = 50;

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(6)]
    [InlineData(7)]
    public void Walk_AnySeed_BreaksNoRule(int block)
    {
        for (var seed = block * WalksPerTest; seed < (block + 1) * WalksPerTest; seed++)
        {
            try
            {
                using var walk = new RandomWalk(seed);
                walk.Run(StepsPerWalk);
            }
            catch (Exception broken)
            {
                throw new XunitException($"Seed {seed}: {broken.Message}", broken);
            }
        }
    }
}
