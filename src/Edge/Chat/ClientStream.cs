using Microsoft.AspNetCore.Http;
using OrleansGateway.Edge.Http;
using OrleansGateway.Protocols.OpenAI;

namespace OrleansGateway.Edge.Chat;

/// <summary>
/// The client's side of a stream. The relay sends whole events; while it does not, the watchdog may send a keep-alive, so one
/// always falls between events.
/// </summary>
internal sealed class ClientStream(ChatCall call, int keepAliveMs, int writeTimeoutMs)
{
    private static readonly ReadOnlyMemory<byte> KeepAliveComment = ChatStreamFrames.KeepAlive.ToArray();

    private readonly HttpResponse _response = call.Context.Response;
    private int _isWriting;
    private Task _keepAlive = Task.CompletedTask;

    /// <summary>Whether the status line went out: from here on there is no other channel and no other status.</summary>
    public bool HasStarted { get; private set; }

    /// <summary>Whether the stream ended with an error event.</summary>
    public bool IsCut { get; private set; }

    /// <summary>Arms the keep-alive: the provider has answered with its status.</summary>
    public void Begin() => call.Watch.KeepAliveIn(keepAliveMs);

    /// <summary>Sends whole events, and the status line before the first. Nothing goes to a client that is gone.</summary>
    public async ValueTask SendAsync(ReadOnlyMemory<byte> events)
    {
        call.WaitFor(Waiting.Client, writeTimeoutMs);
        await EnterAsync();
        try
        {
            if (!call.IsClientGone)
            {
                Start();
                await _response.BodyWriter.WriteAsync(events);
            }
        }
        finally
        {
            call.Watch.KeepAliveIn(keepAliveMs);
            call.WaitForNothing();
            Volatile.Write(ref _isWriting, 0);
        }
    }

    /// <summary>
    /// Ends what is not complete: with an error event, after which the connection is to end early, or, before the status line,
    /// with a status of its own.
    /// </summary>
    public async ValueTask CutAsync(Refusal refusal)
    {
        if (!HasStarted)
        {
            await ErrorReply.WriteAsync(call.Context, refusal);
            return;
        }

        IsCut = true;
        using var events = new PooledBytes(512);
        OpenAIErrors.WriteEvent(events, refusal.Error);
        await SendAsync(events.Memory);
    }

    /// <summary>Ends the response for the watchdog, which may hold on to it for a moment longer than the server does.</summary>
    public ValueTask CloseAsync()
    {
        call.WaitFor(Waiting.Client, writeTimeoutMs);
        return EnterAsync();
    }

    /// <summary>Sends a comment unless the relay is writing. From the watchdog's timer.</summary>
    public void KeepAlive()
    {
        if (Interlocked.CompareExchange(ref _isWriting, 1, 0) == 0)
        {
            call.Watch.KeepAliveIn(keepAliveMs);
            _keepAlive = KeepAliveAsync();
        }
    }

    private async Task KeepAliveAsync()
    {
        try
        {
            if (!call.IsClientGone)
            {
                Start();
                await _response.BodyWriter.WriteAsync(KeepAliveComment);
            }
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException or InvalidOperationException)
        {
            // The client went away; the relay learns of it by itself.
        }
        finally
        {
            Volatile.Write(ref _isWriting, 0);
        }
    }

    private async ValueTask EnterAsync()
    {
        while (Interlocked.CompareExchange(ref _isWriting, 1, 0) != 0)
        {
            await _keepAlive;
            await Task.Yield();
        }
    }

    private void Start()
    {
        if (HasStarted)
        {
            return;
        }

        // No other channel is tried from here on: what a stream takes for as long as it runs is little.
        call.Body.Dispose();
        HasStarted = true;
        _response.StatusCode = StatusCodes.Status200OK;
        _response.ContentType = "text/event-stream; charset=utf-8";
        _response.Headers.CacheControl = "no-cache";
        _response.Headers["X-Accel-Buffering"] = "no";
        RateHeaders.Write(_response.Headers, call.Admitted.Rates);
    }
}
