using System.Net;

namespace OrleansGateway.Silo.Operator;

/// <summary>Counts wrong tokens, so that guessing goes at the pace of one every <see cref="RefillEvery"/> from each address.</summary>
internal sealed class WrongTokens(TimeProvider time)
{
    /// <summary>Wrong ones that an address may send at once.</summary>
    public const int Burst = 10;

    /// <summary>Addresses that are kept apart; further ones are counted as one.</summary>
    public const int PeersMax = 1000;

    public static readonly TimeSpan RefillEvery = TimeSpan.FromSeconds(6);

    private readonly Lock _gate = new();

    /// <summary>When each address has all of its burst again.</summary>
    private readonly Dictionary<string, DateTimeOffset> _fullAt = new(StringComparer.Ordinal);

    /// <summary>How long a token of this address is not looked at; zero if it is.</summary>
    public TimeSpan Wait(IPAddress? address)
    {
        lock (_gate)
        {
            var wait = _fullAt.GetValueOrDefault(Find(address)) - time.GetUtcNow() - (RefillEvery * (Burst - 1));
            return wait > TimeSpan.Zero ? wait : TimeSpan.Zero;
        }
    }

    /// <summary>A wrong one came.</summary>
    public void Note(IPAddress? address)
    {
        lock (_gate)
        {
            var (name, now) = (Find(address), time.GetUtcNow());
            var fullAt = _fullAt.GetValueOrDefault(name);
            _fullAt[name] = (fullAt > now ? fullAt : now) + RefillEvery;
        }
    }

    /// <summary>The name that an address is counted under.</summary>
    private string Find(IPAddress? address)
    {
        const string Others = "";
        var name = NameOf(address);
        if (_fullAt.ContainsKey(name) || _fullAt.Count < PeersMax)
        {
            return name;
        }

        var now = time.GetUtcNow();
        foreach (var (full, _) in _fullAt.Where(peer => peer.Value <= now).ToList())
        {
            _fullAt.Remove(full);
        }

        return _fullAt.Count < PeersMax ? name : Others;
    }

    /// <summary>One customer has a whole /64 of IPv6.</summary>
    private static string NameOf(IPAddress? address) => address switch
    {
        null => "unix",
        { IsIPv4MappedToIPv6: true } => address.MapToIPv4().ToString(),
        { AddressFamily: System.Net.Sockets.AddressFamily.InterNetworkV6 } => Convert.ToHexString(address.GetAddressBytes().AsSpan(0, 8)),
        _ => address.ToString(),
    };
}
