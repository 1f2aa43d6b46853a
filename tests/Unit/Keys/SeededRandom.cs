using OrleansGateway.Grains.Contracts.Keys;

namespace OrleansGateway.Tests.Unit.Keys;

/// <summary>The same bytes for the same seed.</summary>
internal sealed class SeededRandom(int seed) : RandomSource
{
    private readonly Random _random = new(seed);

    public override void Fill(Span<byte> bytes) => _random.NextBytes(bytes);
}
