using System.Net;
using OrleansGateway.Edge.Bodies;
using OrleansGateway.Protocols.Exchange;

namespace OrleansGateway.Edge.Dialects;

/// <summary>
/// The pieces of a body, written one after another without being joined. Over HTTP/2 a provider may answer, and the request may
/// end, while they are on their way: their memory is kept until the writing is over, and disposing of the content ends it.
/// </summary>
internal sealed class BodyContent(UpstreamBody body, BodyMemory memory) : HttpContent
{
    private readonly CancellationTokenSource _over = new();
    private volatile bool _mayBeSent;

    /// <summary>Whether the provider may have all of it.</summary>
    public bool MayBeSent => _mayBeSent;

    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
    {
        if (!memory.TryKeep())
        {
            throw new IOException("The request is over.");
        }

        try
        {
            using var cancelled = cancellationToken.UnsafeRegister(static content => ((BodyContent)content!).Cancel(), this);
            for (var i = 0; i < body.Segments.Count; i++)
            {
                _mayBeSent = i == body.Segments.Count - 1;
                await stream.WriteAsync(body.Segments[i], _over.Token);
            }
        }
        finally
        {
            memory.Release();
        }
    }

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
        SerializeToStreamAsync(stream, context, CancellationToken.None);

    protected override bool TryComputeLength(out long length)
    {
        length = body.Length;
        return true;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            Cancel();
            _over.Dispose();
        }

        base.Dispose(disposing);
    }

    private void Cancel()
    {
        try
        {
            _over.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // The request ended at the same moment.
        }
    }
}
