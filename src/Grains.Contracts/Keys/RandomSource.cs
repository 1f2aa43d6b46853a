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
        private const int PoolBytes = 1024;

        /// <summary>Drawn ahead, since one call to the system costs as much for 32 bytes as for all of them.</summary>
        [ThreadStatic]
        private static byte[]? _pool;

        [ThreadStatic]
        private static int _left;

        public override void Fill(Span<byte> bytes)
        {
            if (bytes.Length > PoolBytes)
            {
                Draw(bytes);
                return;
            }

            _pool ??= new byte[PoolBytes];
            if (_left < bytes.Length)
            {
                Draw(_pool);
                _left = PoolBytes;
            }

            _left -= bytes.Length;
            var taken = _pool.AsSpan(_left, bytes.Length);
            taken.CopyTo(bytes);

            // What was given out stays with whoever got it.
            taken.Clear();
        }

#pragma warning disable RS0030 // This is the injected source that the ban points to.
        private static void Draw(Span<byte> bytes) => RandomNumberGenerator.Fill(bytes);
#pragma warning restore RS0030
    }
}
