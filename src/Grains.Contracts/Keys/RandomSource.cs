using System.Security.Cryptography;

namespace OrleansGateway.Grains.Contracts.Keys;

/// <summary>Where ids and secrets take their randomness from, so that a seed can drive the code that makes them.</summary>
public abstract class RandomSource
{
    /// <summary>The operating system's cryptographic generator: the one for production.</summary>
    public static RandomSource Secure { get; } = new SecureRandomSource();

    /// <summary>Overwrites all of <paramref name="bytes"/>.</summary>
    public abstract void Fill(Span<byte> bytes);

    private sealed class SecureRandomSource : RandomSource
    {
#pragma warning disable RS0030 // This is the injected source that the ban points to.
        public override void Fill(Span<byte> bytes) => RandomNumberGenerator.Fill(bytes);
#pragma warning restore RS0030
    }
}
