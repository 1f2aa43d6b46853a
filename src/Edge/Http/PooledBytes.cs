using System.Buffers;

namespace OrleansGateway.Edge.Http;

/// <summary>A growing buffer of pooled memory.</summary>
internal sealed class PooledBytes(int capacity = 4096) : IBufferWriter<byte>, IDisposable
{
    private byte[] _bytes = BoundedArrays.Shared.Rent(capacity);

    public int Length { get; private set; }

    public ReadOnlyMemory<byte> Memory => _bytes.AsMemory(0, Length);

    public ReadOnlySpan<byte> Span => _bytes.AsSpan(0, Length);

    public void Advance(int count) => Length += count;

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        EnsureFree(Math.Max(sizeHint, 1));
        return _bytes.AsMemory(Length);
    }

    public Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;

    public void Clear() => Length = 0;

    /// <summary>Forgets what is in it, and gives back what it has grown by.</summary>
    public void Reset(int capacity)
    {
        if (_bytes.Length > BoundedArrays.SizeFor(capacity))
        {
            BoundedArrays.Shared.Return(_bytes);
            _bytes = BoundedArrays.Shared.Rent(capacity);
        }

        Length = 0;
    }

    public void Dispose()
    {
        if (_bytes.Length > 0)
        {
            BoundedArrays.Shared.Return(_bytes);
            _bytes = [];
            Length = 0;
        }
    }

    private void EnsureFree(int count)
    {
        if (_bytes.Length - Length >= count)
        {
            return;
        }

        var larger = BoundedArrays.Shared.Rent(Math.Max(checked(Length + count), _bytes.Length < Array.MaxLength / 2 ? _bytes.Length * 2 : 0));
        _bytes.AsSpan(0, Length).CopyTo(larger);
        BoundedArrays.Shared.Return(_bytes);
        _bytes = larger;
    }
}
