using System.Buffers;
using OrleansGateway.Edge.Http;

namespace OrleansGateway.Edge.Bodies;

/// <summary>
/// A request's body. Its memory, and with it the room that it takes in a budget, goes back when nobody reads it any more: neither the
/// request itself nor a connection to a provider.
/// </summary>
internal sealed class BodyMemory : IDisposable
{
    private byte[] _bytes = [];
    private BodyRoom _room;
    private int _readers = 1;
    private int _isOver;

    public int Length { get; private set; }

    /// <summary>Bytes of memory, used or not.</summary>
    public int Capacity => _bytes.Length;

    public ReadOnlyMemory<byte> Memory => _bytes.AsMemory(0, Length);

    /// <summary>Moves into more memory.</summary>
    /// <param name="bytes">Its size.</param>
    /// <param name="room">What it takes.</param>
    public void Grow(int bytes, in BodyRoom room)
    {
        var larger = BoundedArrays.Shared.Rent(bytes);
        _bytes.AsSpan(0, Length).CopyTo(larger);
        GiveBack();
        (_bytes, _room) = (larger, room);
    }

    /// <summary>Moves to another budget.</summary>
    public void MoveTo(in BodyRoom room)
    {
        _room.GiveBack();
        _room = room;
    }

    public void Append(in ReadOnlySequence<byte> bytes)
    {
        bytes.CopyTo(_bytes.AsSpan(Length));
        Length += (int)bytes.Length;
    }

    /// <summary>Keeps the memory until <see cref="Release"/>.</summary>
    /// <returns>False when it has gone back already.</returns>
    public bool TryKeep()
    {
        for (var readers = Volatile.Read(ref _readers); readers > 0;)
        {
            var found = Interlocked.CompareExchange(ref _readers, readers + 1, readers);
            if (found == readers)
            {
                return true;
            }

            readers = found;
        }

        return false;
    }

    public void Release()
    {
        if (Interlocked.Decrement(ref _readers) == 0)
        {
            GiveBack();
            (_bytes, _room, Length) = ([], default, 0);
        }
    }

    /// <summary>The request needs it no longer.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _isOver, 1) == 0)
        {
            Release();
        }
    }

    private void GiveBack()
    {
        if (_bytes.Length > 0)
        {
            BoundedArrays.Shared.Return(_bytes);
        }

        _room.GiveBack();
    }
}
