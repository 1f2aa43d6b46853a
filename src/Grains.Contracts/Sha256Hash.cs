using System.Buffers.Binary;
using System.Security.Cryptography;
using Orleans;

namespace OrleansGateway.Grains.Contracts;

/// <summary>A SHA-256 digest as a value: of a key's random part, or of a request's body.</summary>
[GenerateSerializer, Immutable, Alias("og.sha256")]
public readonly record struct Sha256Hash(
    [property: Id(0)] ulong A,
    [property: Id(1)] ulong B,
    [property: Id(2)] ulong C,
    [property: Id(3)] ulong D)
{
    /// <summary>The digest of <paramref name="data"/>.</summary>
    public static Sha256Hash Of(ReadOnlySpan<byte> data)
    {
        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(data, digest);
        return FromBytes(digest);
    }

    /// <summary>Reads a stored digest of 32 bytes.</summary>
    public static Sha256Hash FromBytes(ReadOnlySpan<byte> digest)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(digest.Length, SHA256.HashSizeInBytes);
        return new Sha256Hash(
            BinaryPrimitives.ReadUInt64BigEndian(digest),
            BinaryPrimitives.ReadUInt64BigEndian(digest[8..]),
            BinaryPrimitives.ReadUInt64BigEndian(digest[16..]),
            BinaryPrimitives.ReadUInt64BigEndian(digest[24..]));
    }

    /// <summary>The 32 bytes of the digest.</summary>
    public byte[] ToBytes()
    {
        var bytes = new byte[SHA256.HashSizeInBytes];
        BinaryPrimitives.WriteUInt64BigEndian(bytes, A);
        BinaryPrimitives.WriteUInt64BigEndian(bytes.AsSpan(8), B);
        BinaryPrimitives.WriteUInt64BigEndian(bytes.AsSpan(16), C);
        BinaryPrimitives.WriteUInt64BigEndian(bytes.AsSpan(24), D);
        return bytes;
    }
}
