using System.Runtime.InteropServices;

namespace OrleansGateway.Edge.Bodies;

/// <summary>Whom a body is of.</summary>
/// <param name="KeyId">The key's id.</param>
/// <param name="Address">The client's address.</param>
internal readonly record struct BodyOwner(string KeyId, string Address);

/// <summary>Memory taken from a budget.</summary>
internal readonly record struct BodyRoom(BodyBudget? Budget, BodyShare Key, BodyShare Address, long Bytes)
{
    /// <summary>Large bodies may not take all of a budget, or of a share in it: what all others need stays free.</summary>
    public bool IsLarge => Bytes > BodyBudget.LargeBytes;

    public void GiveBack() => Budget?.GiveBack(this);
}

/// <summary>What one key or one address has of a budget. Changed under the budget's lock.</summary>
internal sealed class BodyShare(string owner)
{
    public string Owner => owner;
    public long Bytes { get; set; }
    public int Waiting { get; set; }
}

/// <summary>
/// The memory that requests' bodies may take together. One key and one address may have half of it, large bodies seven eighths of that
/// and of the whole. What finds no room waits for a moment; the first to come is the first to be served.
/// </summary>
internal sealed class BodyBudget(long bytesMax, TimeProvider time)
{
    /// <summary>Up to here a body is an ordinary one.</summary>
    public const int LargeBytes = 1024 * 1024;

    /// <summary>How long a body waits for room, ms.</summary>
    public const int WaitMs = 5000;

    private const int WaitingMax = 1000;
    private const int WaitingOfOneMax = 200;

    private readonly Lock _lock = new();

    /// <summary>By key id and by address, which never look alike.</summary>
    private readonly Dictionary<string, BodyShare> _shares = new(StringComparer.Ordinal);

    private readonly LinkedList<Waiter> _waiting = [];
    private long _bytes;

    /// <summary>Whether a large body waits for nothing but others to end: those that come after it do not overtake it.</summary>
    private bool _isLargeOneWaiting;

    /// <summary>What is taken, bytes.</summary>
    public long Bytes
    {
        get
        {
            lock (_lock)
            {
                return _bytes;
            }
        }
    }

    /// <summary>Keys and addresses that have a share.</summary>
    public int Shares
    {
        get
        {
            lock (_lock)
            {
                return _shares.Count;
            }
        }
    }

    /// <summary>Takes room, to be given back; null when there is none within <see cref="WaitMs"/>, or nobody waits for it any more.</summary>
    public ValueTask<BodyRoom?> TakeAsync(BodyOwner owner, long bytes, CancellationToken cancellationToken)
    {
        Waiter waiter;
        lock (_lock)
        {
            var room = new BodyRoom(this, Share(owner.KeyId), Share(owner.Address), bytes);
            if (TryTake(room))
            {
                return new ValueTask<BodyRoom?>(room);
            }

            if (_waiting.Count >= WaitingMax || room.Key.Waiting >= WaitingOfOneMax || room.Address.Waiting >= WaitingOfOneMax)
            {
                Forget(room);
                return new ValueTask<BodyRoom?>(result: null);
            }

            waiter = new Waiter(room);
            waiter.Node = _waiting.AddLast(waiter);
            room.Key.Waiting++;
            room.Address.Waiting++;
        }

        return WaitAsync(waiter, cancellationToken);
    }

    public void GiveBack(in BodyRoom room)
    {
        lock (_lock)
        {
            _bytes -= room.Bytes;
            room.Key.Bytes -= room.Bytes;
            room.Address.Bytes -= room.Bytes;
            Serve();
            Forget(room);
        }
    }

    private async ValueTask<BodyRoom?> WaitAsync(Waiter waiter, CancellationToken cancellationToken)
    {
        try
        {
            await waiter.Served.Task.WaitAsync(TimeSpan.FromMilliseconds(WaitMs), time, cancellationToken);
        }
        catch (Exception exception) when (exception is TimeoutException or OperationCanceledException)
        {
            lock (_lock)
            {
                if (waiter.Node.List is not null)
                {
                    Leave(waiter);
                    Serve();
                    Forget(waiter.Room);
                    return null;
                }
            }
        }

        return waiter.Room;
    }

    private void Serve()
    {
        _isLargeOneWaiting = false;
        for (var node = _waiting.First; node is not null;)
        {
            var (waiter, next) = (node.Value, node.Next);
            if (TryTake(waiter.Room))
            {
                Leave(waiter);
                waiter.Served.SetResult();
            }

            node = next;
        }
    }

    private bool TryTake(in BodyRoom room)
    {
        if (!Fits(room.Key.Bytes, bytesMax / 2, room) || !Fits(room.Address.Bytes, bytesMax / 2, room) || (room.IsLarge && _isLargeOneWaiting))
        {
            return false;
        }

        if (!Fits(_bytes, bytesMax, room))
        {
            _isLargeOneWaiting |= room.IsLarge;
            return false;
        }

        _bytes += room.Bytes;
        room.Key.Bytes += room.Bytes;
        room.Address.Bytes += room.Bytes;
        return true;
    }

    private static bool Fits(long taken, long most, in BodyRoom room) => taken + room.Bytes <= (room.IsLarge ? most / 8 * 7 : most);

    private void Leave(Waiter waiter)
    {
        _waiting.Remove(waiter.Node);
        waiter.Room.Key.Waiting--;
        waiter.Room.Address.Waiting--;
    }

    private BodyShare Share(string owner) => CollectionsMarshal.GetValueRefOrAddDefault(_shares, owner, out _) ??= new BodyShare(owner);

    /// <summary>Forgets the shares of those who have nothing any more.</summary>
    private void Forget(in BodyRoom room)
    {
        Forget(room.Key);
        Forget(room.Address);
    }

    private void Forget(BodyShare share)
    {
        if (share is { Bytes: 0, Waiting: 0 })
        {
            _shares.Remove(share.Owner);
        }
    }

    private sealed class Waiter(BodyRoom room)
    {
        public BodyRoom Room => room;
        public TaskCompletionSource Served { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
        public LinkedListNode<Waiter> Node { get; set; } = null!;
    }
}
