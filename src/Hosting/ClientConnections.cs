using System.Collections.Concurrent;
using Microsoft.AspNetCore.Connections;

namespace OrleansGateway.Hosting;

/// <summary>The clients' open connections, so that they can be cut when their time is over.</summary>
internal sealed class ClientConnections
{
    private readonly ConcurrentDictionary<string, ConnectionContext> _open = new(StringComparer.Ordinal);

    private volatile bool _areCut;

    /// <summary>Whether they were cut: nothing is left to wait for.</summary>
    public bool AreCut => _areCut;

    /// <summary>Cuts every connection; a response that is under way ends unfinished.</summary>
    /// <returns>How many there were.</returns>
    public int CutAll()
    {
        _areCut = true;
        var cut = 0;
        foreach (var connection in _open.Values)
        {
            connection.Abort(new ConnectionAbortedException("The gateway stops."));
            cut++;
        }

        return cut;
    }

    /// <summary>Keeps account of a connection while it is served.</summary>
    public async Task ServeAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        _open[connection.ConnectionId] = connection;
        try
        {
            await next(connection);
        }
        finally
        {
            _open.TryRemove(connection.ConnectionId, out _);
        }
    }
}
