using Microsoft.AspNetCore.Http;
using OrleansGateway.Edge.Bodies;
using OrleansGateway.Edge.Fronts;
using OrleansGateway.Edge.Http;
using OrleansGateway.Grains.Contracts;
using OrleansGateway.Grains.Contracts.Accounts;

namespace OrleansGateway.Edge.Pipeline;

/// <summary>
/// The client's side of one request: its body, and the one place that writes its response. Of a stream whole events are sent; while none
/// is, the watchdog may send a keep-alive, so one always falls between events.
/// </summary>
internal sealed class Client(HttpContext context, RunningRequest running, IFront front, EdgeOptions options)
{
    /// <summary>What is written at once.</summary>
    private const int WriteBytes = 64 * 1024;

    private readonly HttpResponse _response = context.Response;
    private bool _hasStarted;
    private volatile IStreamForm _form = front;
    private volatile bool _isOver;
    private int _isWriting;
    private Task _keepAlive = Task.CompletedTask;

    public HttpRequest Request => context.Request;

    /// <summary>Says that the client is gone.</summary>
    public CancellationToken Aborted => context.RequestAborted;

    public BodyMemory Body { get; } = new();

    /// <summary>Whether events of an answer went out: from here on there is no other channel.</summary>
    public bool HasEvents { get; private set; }

    /// <summary>Tells the client how much of its limits is left.</summary>
    public void ShowRates(in RateStanding rates) => front.WriteRates(_response.Headers, rates, running.Time.GetUtcNow());

    /// <summary>
    /// Answers with an error, in place of an answer or of the rest of a stream: there it is one event, after which the body ends without the
    /// protocol's end marker. (Aborting the connection lets proxies throw the event away.) Nothing goes to a client that is gone.
    /// </summary>
    public async ValueTask RefuseAsync(ApiError error)
    {
        running.WaitFor(Waiting.Client, options.WriteTimeoutMs);
        await EnterAsync();
        try
        {
            if (running.IsClientGone)
            {
                return;
            }

            if (!_hasStarted)
            {
                await ErrorReply.WriteAsync(context, front, error);
                return;
            }

            if (!_form.TellsErrors)
            {
                context.Abort();
                return;
            }

            using var events = new PooledBytes(512);
            _form.WriteErrorEvent(events, error with { RequestId = running.RequestId });
            await _response.BodyWriter.WriteAsync(events.Memory);
        }
        finally
        {
            _isOver = true;
            running.WaitForNothing();
            Volatile.Write(ref _isWriting, 0);
        }
    }

    /// <summary>Sends a whole answer; a client that leaves it unread is cut. Nothing goes to a client that is gone.</summary>
    /// <param name="type">Its <c>Content-Type</c>.</param>
    public async ValueTask SendWholeAsync(ReadOnlyMemory<byte> body, long chargedNanos, string type)
    {
        if (running.IsClientGone)
        {
            return;
        }

        _response.StatusCode = StatusCodes.Status200OK;
        _response.ContentType = type;
        _response.ContentLength = body.Length;
        _response.Headers["x-og-cost"] = Money.FormatUsd(chargedNanos);
        await WriteAsync(body);
        running.WaitForNothing();
    }

    /// <summary>
    /// Arms the keep-alive of a stream, for all of its attempts. It sends the status line, and nothing of an answer: another channel may still
    /// be tried, but an error is an event from there on.
    /// </summary>
    /// <param name="form">How the stream looks.</param>
    public void ExpectEvents(IStreamForm form)
    {
        _form = form;
        running.Limits.KeepAliveIn(options.FirstKeepAliveMs);
    }

    /// <summary>Says how what follows looks.</summary>
    public void Use(IStreamForm form) => _form = form;

    /// <summary>Sends whole events, and the status line before the first. Nothing goes to a client that is gone.</summary>
    public async ValueTask SendEventsAsync(ReadOnlyMemory<byte> events)
    {
        if (!HasEvents)
        {
            // What a stream takes for as long as it runs is little.
            HasEvents = true;
            Body.Dispose();
        }

        running.WaitFor(Waiting.Client, options.WriteTimeoutMs);
        await EnterAsync();
        try
        {
            if (!running.IsClientGone)
            {
                StartStream();
                await WriteAsync(events);
            }
        }
        finally
        {
            running.Limits.KeepAliveIn(options.KeepAliveMs);
            running.WaitForNothing();
            Volatile.Write(ref _isWriting, 0);
        }
    }

    /// <summary>Ends the response for the watchdog, which may hold on to it for a moment longer than the server does.</summary>
    public ValueTask CloseAsync()
    {
        running.WaitFor(Waiting.Client, options.WriteTimeoutMs);
        return EnterAsync();
    }

    /// <summary>Sends a keep-alive unless events are being sent. From the watchdog's timer.</summary>
    public void KeepAlive()
    {
        if (!_isOver && Interlocked.CompareExchange(ref _isWriting, 1, 0) == 0)
        {
            running.Limits.KeepAliveIn(options.KeepAliveMs);
            _keepAlive = KeepAliveAsync();
        }
    }

    /// <summary>Writes part after part: a client that reads gets the write limit anew for each.</summary>
    private async ValueTask WriteAsync(ReadOnlyMemory<byte> bytes)
    {
        while (!bytes.IsEmpty && !running.IsClientGone)
        {
            var part = bytes[..Math.Min(bytes.Length, WriteBytes)];
            bytes = bytes[part.Length..];
            running.WaitFor(Waiting.Client, options.WriteTimeoutMs);
            await _response.BodyWriter.WriteAsync(part);
        }
    }

    private async Task KeepAliveAsync()
    {
        try
        {
            if (!running.IsClientGone && !_isOver)
            {
                StartStream();
                await _response.BodyWriter.WriteAsync(_form.KeepAlive);
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

    private void StartStream()
    {
        if (_hasStarted)
        {
            return;
        }

        _hasStarted = true;
        _response.StatusCode = StatusCodes.Status200OK;
        _response.ContentType = _form.ContentType;
        _response.Headers.CacheControl = "no-cache, no-transform";
        _response.Headers["X-Accel-Buffering"] = "no";
    }
}
