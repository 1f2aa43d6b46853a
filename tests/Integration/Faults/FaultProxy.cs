using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Npgsql;
using OrleansGateway.Tests.Programs.Faults;

namespace OrleansGateway.Tests.Integration.Faults;

/// <summary>
/// A TCP proxy on a loopback port. What passes through it can be delayed; its connections can be refused, and cut at any of the
/// pieces that pass, whichever way they go: with nothing, half or all of a request passed on, or with nothing or half of an answer.
/// </summary>
internal sealed class FaultProxy : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly ConcurrentDictionary<Link, Task> _links = new();
    private readonly EndPoint _target;
    private readonly Random _random;
    private readonly Task _accepting;
    private int _requestsCut;
    private int _answersCut;
    private volatile int _delayMs;
    private volatile int _cutEvery;
    private volatile bool _isRefusing;

    /// <param name="target">What it stands in front of.</param>
    /// <param name="seed">Decides which pieces are cut, and where.</param>
    public FaultProxy(EndPoint target, int seed)
    {
        _target = target;
        _random = new Random(seed);
        _listener.Start();
        _accepting = AcceptAsync();
    }

    /// <summary>A proxy in front of a web server.</summary>
    public static FaultProxy Before(Uri server, int seed) => new(new IPEndPoint(IPAddress.Parse(server.Host), server.Port), seed);

    /// <summary>A proxy in front of PostgreSQL.</summary>
    /// <param name="connectionString">Leads to the server; becomes the one that leads through the proxy.</param>
    public static FaultProxy Before(ref string connectionString, int seed)
    {
        var settings = new NpgsqlConnectionStringBuilder(connectionString);
        EndPoint server = settings.Host!.StartsWith('/')
            ? new UnixDomainSocketEndPoint($"{settings.Host}/.s.PGSQL.{settings.Port}")
            : new IPEndPoint(Dns.GetHostAddresses(settings.Host)[0], settings.Port);
        var proxy = new FaultProxy(server, seed);
        (settings.Host, settings.Port) = (proxy.Address.Host, proxy.Address.Port);
        connectionString = settings.ConnectionString;
        return proxy;
    }

    /// <summary>Where it listens.</summary>
    public Uri Address => new($"http://{_listener.LocalEndpoint}");

    /// <summary>How long each piece is kept, ms, either way.</summary>
    public int DelayMs { set => _delayMs = value; }

    /// <summary>One of so many pieces is where its connection is cut; 0 cuts none.</summary>
    public int CutEvery { set => _cutEvery = value; }

    /// <summary>Whether new connections are closed at once.</summary>
    public bool IsRefusing { set => _isRefusing = value; }

    /// <summary>Connections that were cut at a request.</summary>
    public int RequestsCut => Volatile.Read(ref _requestsCut);

    /// <summary>Connections that were cut at an answer: what it answers is done.</summary>
    public int AnswersCut => Volatile.Read(ref _answersCut);

    /// <summary>Cuts all connections, wherever they are.</summary>
    public void CutAll()
    {
        foreach (var link in _links.Keys)
        {
            link.Dispose();
        }
    }

    /// <summary>Waits until so many more connections were cut at requests, and as many at answers.</summary>
    public Task CutsAsync(int more)
    {
        var (requests, answers) = (RequestsCut + more, AnswersCut + more);
        return Load.UntilAsync(() => RequestsCut >= requests && AnswersCut >= answers, $"{more} cuts either way");
    }

    public async ValueTask DisposeAsync()
    {
        _listener.Dispose();
        await _accepting;
        CutAll();
        await Task.WhenAll(_links.Values);
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                var client = await _listener.AcceptSocketAsync();
                if (_isRefusing)
                {
                    client.Dispose();
                    continue;
                }

                var link = new Link(client, new Socket(_target.AddressFamily, SocketType.Stream, ProtocolType.Unspecified));
                _links[link] = RunAsync(link);
            }
        }
        catch (Exception closed) when (closed is SocketException or ObjectDisposedException)
        {
        }
    }

    private async Task RunAsync(Link link)
    {
        await Task.Yield();
        try
        {
            await link.Server.ConnectAsync(_target);
            using var client = new NetworkStream(link.Client);
            using var server = new NetworkStream(link.Server);
            await Task.WhenAll(PassAsync(link, client, server, isAnswer: false), PassAsync(link, server, client, isAnswer: true));
        }
        catch (Exception ended) when (ended is SocketException or IOException or ObjectDisposedException)
        {
        }
        finally
        {
            link.Dispose();
            _links.TryRemove(link, out _);
        }
    }

    private async Task PassAsync(Link link, NetworkStream from, NetworkStream to, bool isAnswer)
    {
        var buffer = new byte[16 * 1024];
        try
        {
            int length;
            while ((length = await from.ReadAsync(buffer)) > 0)
            {
                if (_delayMs > 0)
                {
                    await Task.Delay(_delayMs);
                }

                var isCut = IsCutAt(ref length, isAnswer);
                await to.WriteAsync(buffer.AsMemory(0, length));
                if (isCut)
                {
                    break;
                }
            }
        }
        finally
        {
            // The end of one way is the other's: nobody here closes one of them alone.
            link.Dispose();
        }
    }

    private bool IsCutAt(ref int length, bool isAnswer)
    {
        lock (_random)
        {
            var every = _cutEvery;
            if (every == 0 || _random.Next(every) > 0)
            {
                return false;
            }

            length = length * _random.Next(isAnswer ? 2 : 3) / 2;
        }

        Interlocked.Increment(ref isAnswer ? ref _answersCut : ref _requestsCut);
        return true;
    }

    private sealed record Link(Socket Client, Socket Server) : IDisposable
    {
        public void Dispose()
        {
            Client.Dispose();
            Server.Dispose();
        }
    }
}
