using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace OrleansGateway.Tests.Integration.Edge.Cases;

/// <summary>A provider that answers each request with given bytes, whatever it is asked.</summary>
internal sealed class Backend : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _over = new();
    private readonly ConcurrentBag<Task> _serving = [];
    private readonly Task _accepting;
    private readonly Func<string, IReadOnlyList<Step>> _answer;

    /// <param name="answer">What is done with a request, by its text.</param>
    public Backend(Func<string, IReadOnlyList<Step>> answer)
    {
        _answer = answer;
        _listener.Start();
        _accepting = AcceptAsync();
    }

    public string Url => $"http://{_listener.LocalEndpoint}/v1/";

    /// <summary>The requests that came, headers and body.</summary>
    public ConcurrentQueue<string> Requests { get; } = new();

    public async ValueTask DisposeAsync()
    {
        await _over.CancelAsync();
        await _accepting;
        _listener.Stop();
        await Task.WhenAll(_serving);
        _over.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                _serving.Add(ServeAsync(await _listener.AcceptTcpClientAsync(_over.Token)));
            }
        }
        catch (OperationCanceledException)
        {
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        using var own = client;
        client.NoDelay = true;
        var stream = client.GetStream();
        try
        {
            var request = await ReadAsync(stream);
            Requests.Enqueue(request);
            foreach (var step in _answer(request))
            {
                await step.RunAsync(client, stream, _over.Token);
            }
        }
        catch (Exception gone) when (gone is OperationCanceledException or IOException or ObjectDisposedException)
        {
        }
    }

    private async Task<string> ReadAsync(NetworkStream stream)
    {
        var bytes = new MemoryStream();
        var buffer = new byte[64 * 1024];
        var length = long.MaxValue;
        while (bytes.Length < length && await stream.ReadAsync(buffer, _over.Token) is var read and > 0)
        {
            bytes.Write(buffer, 0, read);
            if (length == long.MaxValue && bytes.GetBuffer().AsSpan(0, (int)bytes.Length).IndexOf("\r\n\r\n"u8) is var end and >= 0)
            {
                const string Name = "Content-Length:";
                var line = Encoding.UTF8.GetString(bytes.GetBuffer(), 0, end).Split("\r\n").First(line => line.StartsWith(Name, StringComparison.OrdinalIgnoreCase));
                length = end + 4 + long.Parse(line[Name.Length..], System.Globalization.CultureInfo.InvariantCulture);
            }
        }

        return Encoding.UTF8.GetString(bytes.GetBuffer(), 0, (int)bytes.Length);
    }
}

/// <summary>Something that a backend does with a connection; after the last it closes it.</summary>
/// <param name="RunAsync">Does it.</param>
public sealed record Step(Func<TcpClient, NetworkStream, CancellationToken, Task> RunAsync)
{
    /// <summary>Leaves it open, and says nothing more.</summary>
    public static Step Silence { get; } = new((_, _, token) => Task.Delay(Timeout.Infinite, token));

    /// <summary>Breaks it off.</summary>
    public static Step Reset { get; } = new((client, _, _) =>
    {
        client.LingerState = new LingerOption(true, 0);
        client.Close();
        return Task.CompletedTask;
    });

    /// <inheritdoc/>
    public override string ToString() => "step";

    /// <summary>Goes on when the task ends.</summary>
    public static Step Await(Task task) => new((_, _, token) => task.WaitAsync(token));

    /// <summary>Tells that it has come so far.</summary>
    public static Step Tell(TaskCompletionSource reached) => new((_, _, _) =>
    {
        reached.TrySetResult();
        return Task.CompletedTask;
    });

    /// <summary>Closes it, and tells so.</summary>
    public static Step Close(TaskCompletionSource closed) => new((client, _, _) =>
    {
        client.Close();
        closed.TrySetResult();
        return Task.CompletedTask;
    });

    /// <summary>Waits until the other side has closed it, and tells so.</summary>
    public static Step AwaitClose(TaskCompletionSource closed) => new(async (_, stream, token) =>
    {
        try
        {
            while (await stream.ReadAsync(new byte[1], token) > 0)
            {
            }
        }
        catch (IOException)
        {
        }

        closed.TrySetResult();
    });

    /// <summary>Sends a text.</summary>
    public static Step Send(string text) => Send(Encoding.UTF8.GetBytes(text));

    /// <summary>Sends bytes.</summary>
    public static Step Send(byte[] bytes) => new((_, stream, token) => stream.WriteAsync(bytes, token).AsTask());

    /// <summary>Sends each byte by itself.</summary>
    public static Step Trickle(string text) => new(async (_, stream, token) =>
    {
        foreach (var one in Encoding.UTF8.GetBytes(text))
        {
            await stream.WriteAsync(new[] { one }, token);
        }
    });
}
