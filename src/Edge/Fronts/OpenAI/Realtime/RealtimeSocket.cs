using System.Net.WebSockets;
using System.Text;
using OrleansGateway.Edge.Bodies;
using OrleansGateway.Edge.Http;

namespace OrleansGateway.Edge.Fronts.OpenAI.Realtime;

/// <summary>What has been received.</summary>
internal enum RealtimeRead
{
    Event,
    /// <summary>A frame that is no text.</summary>
    Binary,
    TooLarge,
    /// <summary>There is no memory for so large an event at the moment.</summary>
    NoRoom,
    Closed,
}

/// <summary>One end of a session: whole events in and out, one writer at a time, memory bounded.</summary>
internal sealed class RealtimeSocket(WebSocket socket, AnswerBodies frames, Pipeline.Caller caller) : IDisposable
{
    /// <summary>The largest event, bytes. Source: OpenAI's limit for <c>input_audio_buffer.append</c>.</summary>
    public const int EventBytesMax = 15 * 1024 * 1024;

    private const int ReadBytes = 4096;
    private const int KeptBytesMax = 256 * 1024;
    private const int ReasonBytesMax = 123;

    private readonly SemaphoreSlim _writing = new(1, 1);
    private PooledBytes _read = new(ReadBytes);
    private AnswerRoom? _room;

    /// <summary>What <see cref="ReadAsync"/> has read, until it is called again.</summary>
    public ReadOnlyMemory<byte> Event => _read.Memory;

    /// <summary>Reads a whole event.</summary>
    public async ValueTask<RealtimeRead> ReadAsync(CancellationToken cancellationToken)
    {
        if (_read.Length > KeptBytesMax)
        {
            _read.Dispose();
            _read = new PooledBytes(ReadBytes);
            _room?.Dispose();
            _room = null;
        }

        _read.Clear();
        while (true)
        {
            var result = await socket.ReceiveAsync(_read.GetMemory(ReadBytes), cancellationToken);
            if (result.MessageType == WebSocketMessageType.Close)
            {
                return RealtimeRead.Closed;
            }

            _read.Advance(result.Count);
            if (_read.Length > EventBytesMax)
            {
                return RealtimeRead.TooLarge;
            }

            _room ??= frames.Open(caller);
            if (_room.IsFull(_read.Length) && await _room.GrowAsync(_read.Length, cancellationToken) is not null)
            {
                return RealtimeRead.NoRoom;
            }

            if (result.EndOfMessage)
            {
                return result.MessageType == WebSocketMessageType.Text ? RealtimeRead.Event : RealtimeRead.Binary;
            }
        }
    }

    /// <summary>Sends a whole event.</summary>
    /// <returns>False when nobody is there any more.</returns>
    public async ValueTask<bool> SendAsync(ReadOnlyMemory<byte> sent, CancellationToken cancellationToken)
    {
        try
        {
            await _writing.WaitAsync(cancellationToken);
            try
            {
                await socket.SendAsync(sent, WebSocketMessageType.Text, endOfMessage: true, cancellationToken);
                return true;
            }
            finally
            {
                _writing.Release();
            }
        }
        catch (Exception exception) when (IsGone(exception))
        {
            return false;
        }
    }

    /// <summary>Says that nothing follows.</summary>
    public async ValueTask CloseAsync(int code, string reason, CancellationToken cancellationToken)
    {
        try
        {
            await _writing.WaitAsync(cancellationToken);
            try
            {
                if (socket.State is WebSocketState.Open or WebSocketState.CloseReceived)
                {
                    reason = Encoding.UTF8.GetByteCount(reason) > ReasonBytesMax ? "" : reason;
                    await socket.CloseOutputAsync((WebSocketCloseStatus)code, reason, cancellationToken);
                }
            }
            finally
            {
                _writing.Release();
            }
        }
        catch (Exception exception) when (IsGone(exception))
        {
            // It cannot be told any more.
        }
    }

    /// <summary>Whether it is how a socket shows that nobody is there, or that nobody waits.</summary>
    public static bool IsGone(Exception exception) =>
        exception is WebSocketException or OperationCanceledException or IOException or ObjectDisposedException or InvalidOperationException;

    public void Dispose()
    {
        _read.Dispose();
        _room?.Dispose();
        _writing.Dispose();
        socket.Dispose();
    }
}
