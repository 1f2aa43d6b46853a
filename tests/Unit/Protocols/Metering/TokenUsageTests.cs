using OrleansGateway.Protocols.Metering;
using Xunit;

namespace OrleansGateway.Tests.Unit.Protocols.Metering;

public sealed class TokenUsageTests
{
    private static readonly TokenUsage Estimate = new() { UncachedInput = 5, Output = 60, Reasoning = 50, AudioOutput = 7, IsEstimated = true };

    [Theory]
    [InlineData(1000, 60, 50, 7)]
    [InlineData(117, 60, 50, 7)]
    [InlineData(115, 60, 50, 5)]
    [InlineData(100, 60, 40, 0)]
    [InlineData(0, 0, 0, 0)]
    public void CappedAt_Estimate_HasNoMoreOutput(long most, long output, long reasoning, long audio) =>
        Assert.Equal(Estimate with { Output = output, Reasoning = reasoning, AudioOutput = audio }, Estimate.CappedAt(most));

    [Fact]
    public void CappedAt_Reported_StaysAsItIs() => Assert.Equal(Estimate with { IsEstimated = false }, (Estimate with { IsEstimated = false }).CappedAt(1));
}
