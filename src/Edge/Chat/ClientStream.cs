using System.Buffers;
using System.IO.Pipelines;
using Microsoft.AspNetCore.Http;
using OrleansGateway.Edge.Http;
using OrleansGateway.Protocols.OpenAI;

namespace OrleansGateway.Edge.Chat;

/// <summary>
/// The client's side of a stream. The relay writes whole events between <see cref="EnterAsync"/> and
/// <see cref="FlushAsync"/>; outside of that the watchdog may write a keep-alive, so one always falls between events.
/// </summary>
internal sealed class ClientStream(ChatCall call, int keepAliveMs, int writeTimeoutMs)
{
    private readonly HttpResponse _response = call.Context.Response;
    private int _isWriting;
    private Task _keepAlive = Task.CompletedTask;

    /// <summary>Where events are written to; using it is what decides on the status line.</summary>
    public PipeWriter Writer
    {
        get
        {
            Start();
            return _response.BodyWriter;
        }
    }

    /// <summary>Whether the status line went out: from here on there is no other channel and no other status.</summary>
    public bool HasStarted { get; private set; }

    /// <summary>Arms the keep-alive: the provider has answered with its status.</summary>
    public void Begin() => call.Watch.KeepAliveIn(keepAliveMs);

    /// <summary>Keeps the watchdog from writing.</summary>
    public ValueTask EnterAsync() =>
        Interlocked.CompareExchange(ref _isWriting, 1, 0) == 0 ? ValueTask.CompletedTask : EnterAfterKeepAliveAsync();

    /// <summary>Sends what was written and lets the watchdog write again.</summary>
    public async ValueTask FlushAsync()
    {
        if (!call.IsClientGone)
        {
            call.WaitFor(Waiting.Client, writeTimeoutMs);
            await Writer.FlushAsync();
            call.WaitForNothing();
        }

        call.Watch.KeepAliveIn(keepAliveMs);
        Leave();
    }

    /// <summary>Lets the watchdog write again; nothing was written.</summary>
    public void Leave() => Volatile.Write(ref _isWriting, 0);

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
                Writer.Write(ChatStreamFrames.KeepAlive);
                await Writer.FlushAsync();
            }
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException or InvalidOperationException)
        {
            // The client went away; the relay learns of it by itself.
        }
        finally
        {
            Leave();
        }
    }

    private async ValueTask EnterAfterKeepAliveAsync()
    {
        call.WaitFor(Waiting.Client, writeTimeoutMs);
        while (Interlocked.CompareExchange(ref _isWriting, 1, 0) != 0)
        {
            await _keepAlive;
            await Task.Yield();
        }

        call.WaitForNothing();
    }

    private void Start()
    {
        if (HasStarted)
        {
            return;
        }

        HasStarted = true;
        _response.StatusCode = StatusCodes.Status200OK;
        _response.ContentType = "text/event-stream; charset=utf-8";
        _response.Headers.CacheControl = "no-cache";
        _response.Headers["X-Accel-Buffering"] = "no";
        RateHeaders.Write(_response.Headers, call.Admitted.Rates);
    }
}
