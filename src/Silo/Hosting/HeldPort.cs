using System.Net;
using System.Net.Sockets;

namespace OrleansGateway.Silo.Hosting;

/// <summary>
/// A free port on loopback that stays this process's: a socket is bound to it, without listening, so that the system gives it to nobody
/// else before the silo listens there (which shares the address).
/// </summary>
internal sealed class HeldPort : IDisposable
{
    private readonly Socket _socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);

    /// <summary>Takes one.</summary>
    public HeldPort()
    {
        _socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, true);
        _socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        Port = ((IPEndPoint)_socket.LocalEndPoint!).Port;
    }

    /// <summary>The port.</summary>
    public int Port { get; }

    public void Dispose() => _socket.Dispose();
}
