using System.Buffers;
using System.Numerics;

namespace OrleansGateway.Edge.Http;

/// <summary>
/// Arrays to borrow. Small ones come from a pool that has enough for many requests at once, middling ones from the shared pool; of large ones the last few are kept
/// for who comes next, and the rest is left to the collector. That is told when much was left to it: with one heap it would wait until the
/// garbage is several times what is in use.
/// </summary>
/// <param name="keptBytesMax">The most that is kept unused.</param>
/// <param name="leftBytesMax">The most that is left between two full collections.</param>
internal sealed class BoundedArrays(long keptBytesMax, long leftBytesMax)
{
    /// <summary>The largest array that every request may have.</summary>
    private const int SmallBytes = 4 * 1024;

    /// <summary>How many small arrays of each length are kept unused: the shared pool has 32 for each core, and some thousand requests run at once.</summary>
    private const int SmallKept = 2048;

    /// <summary>The largest array of the shared pool.</summary>
    private const int MiddlingBytes = 128 * 1024;

    private readonly ArrayPool<byte> _small = ArrayPool<byte>.Create(SmallBytes, SmallKept);

    private readonly Lock _lock = new();
    private readonly LinkedList<byte[]> _kept = [];
    private long _leftBytes;
    private int _collections = GC.CollectionCount(GC.MaxGeneration);

    public static BoundedArrays Shared { get; } = new(keptBytesMax: 64 * 1024 * 1024, leftBytesMax: 128 * 1024 * 1024);

    /// <summary>Large arrays that are kept unused, bytes.</summary>
    public long KeptBytes { get; private set; }

    /// <summary>How long the array is that is lent for this many bytes: of few lengths, so that it serves others too, and at most a quarter longer.</summary>
    public static int SizeFor(int bytes)
    {
        if (bytes <= MiddlingBytes)
        {
            return (int)BitOperations.RoundUpToPowerOf2((uint)Math.Max(bytes, 16));
        }

        var step = (long)BitOperations.RoundUpToPowerOf2((uint)bytes) / 8;
        return (int)Math.Min((bytes + step - 1) / step * step, Array.MaxLength);
    }

    /// <summary>An array of <see cref="SizeFor"/>, with whatever its last user left in it.</summary>
    public byte[] Rent(int bytes)
    {
        var size = SizeFor(bytes);
        if (size <= MiddlingBytes)
        {
            return PoolOf(size).Rent(size);
        }

        lock (_lock)
        {
            for (var node = _kept.First; node is not null; node = node.Next)
            {
                if (node.Value.Length == size)
                {
                    _kept.Remove(node);
                    KeptBytes -= size;
                    return node.Value;
                }
            }
        }

        return GC.AllocateUninitializedArray<byte>(size);
    }

    public void Return(byte[] array)
    {
        if (array.Length <= MiddlingBytes)
        {
            PoolOf(array.Length).Return(array);
        }
        else if (Keep(array))
        {
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Forced, blocking: true, compacting: false);
        }
    }

    private ArrayPool<byte> PoolOf(int size) => size <= SmallBytes ? _small : ArrayPool<byte>.Shared;

    /// <returns>Whether so much was left that it has to be collected.</returns>
    private bool Keep(byte[] array)
    {
        lock (_lock)
        {
            _kept.AddFirst(array);
            KeptBytes += array.Length;
            while (KeptBytes > keptBytesMax)
            {
                var oldest = _kept.Last!.Value;
                _kept.RemoveLast();
                KeptBytes -= oldest.Length;
                _leftBytes += oldest.Length;
            }

            var collections = GC.CollectionCount(GC.MaxGeneration);
            if (collections != _collections)
            {
                (_collections, _leftBytes) = (collections, 0);
            }

            var isMuch = _leftBytes > leftBytesMax;
            _leftBytes = isMuch ? 0 : _leftBytes;
            return isMuch;
        }
    }
}
