using System.Net.Sockets;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using OrleansGateway.Hosting;

namespace OrleansGateway.Silo.Operator;

/// <summary>
/// The operators' Unix socket: only the gateway's own user may open it. What a process that is gone left behind is replaced; a lock
/// beside it tells whether it is gone, and keeps two that start at once apart.
/// </summary>
internal sealed class OperatorSocket : IDisposable
{
    /// <summary>What a socket's address holds, without the zero at its end.</summary>
    public const int PathBytesMax = 107;

    private const string Setting = "Gateway:OperatorSocket";

    /// <summary>Longer than a gateway lives whose lock another has taken.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(40);

    private static readonly TimeSpan PauseBetweenTries = TimeSpan.FromMilliseconds(200);

    private readonly FileStream _lock;

    private OperatorSocket(FileStream taken) => _lock = taken;

    /// <summary>Makes the path free for a new socket; waits a bounded time for a gateway that has it still.</summary>
    /// <exception cref="StartUpException">A running process keeps it, or it is something else than a socket.</exception>
    public static async Task<OperatorSocket> TakeAsync(string path, TimeProvider time, CancellationToken cancellationToken)
    {
        var startedAt = time.GetTimestamp();
        while (TryTake(path) is var taken)
        {
            if (taken is not null)
            {
                return taken;
            }

            if (time.GetElapsedTime(startedAt) > Patience)
            {
                break;
            }

            await Task.Delay(PauseBetweenTries, time, cancellationToken);
        }

        throw new StartUpException($"{SettingNames.Full(Setting)}: another gateway that runs has {path}.");
    }

    /// <returns>Null while another gateway has it.</returns>
    private static OperatorSocket? TryTake(string path)
    {
        FileStream? taken = null;
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            taken = new FileStream(path + ".lock", FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            RemoveAbandoned(path);
            return new OperatorSocket(taken);
        }
        catch (IOException) when (taken is null && File.Exists(path + ".lock"))
        {
            return null;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or SocketException)
        {
            taken?.Dispose();
            throw new StartUpException($"{SettingNames.Full(Setting)}: {path} cannot be used: {exception.Message}");
        }
    }

    /// <summary>Makes the listening socket of an endpoint; a Unix one is closed to others before it listens.</summary>
    public static Socket Bind(System.Net.EndPoint endpoint)
    {
        var socket = SocketTransportOptions.CreateDefaultBoundListenSocket(endpoint);
        if (endpoint is UnixDomainSocketEndPoint unix && !OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(unix.ToString(), UnixFileMode.UserRead | UnixFileMode.UserWrite);
        }

        return socket;
    }

    public void Dispose() => _lock.Dispose();

    private static void RemoveAbandoned(string path)
    {
        if (!File.Exists(path))
        {
            return;
        }

        if (IsFile(path))
        {
            throw new IOException("it is a file, not a socket.");
        }

        using var probe = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            probe.Connect(new UnixDomainSocketEndPoint(path));
        }
        catch (SocketException refused) when (refused.SocketErrorCode == SocketError.ConnectionRefused)
        {
            File.Delete(path);
            return;
        }

        throw new IOException("another program listens on it.");
    }

    /// <summary>Connecting to either is refused alike, but a socket cannot be opened.</summary>
    private static bool IsFile(string path)
    {
        try
        {
            File.OpenRead(path).Dispose();
            return true;
        }
        catch (IOException)
        {
            return false;
        }
    }
}
