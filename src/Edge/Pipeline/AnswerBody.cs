using System.IO.Compression;
using OrleansGateway.Edge.Http;

namespace OrleansGateway.Edge.Pipeline;

/// <summary>
/// A provider's answer as it was before it was compressed: none is asked to compress, some do. Over HTTP/2 the answer's request may still be
/// on its way: whoever ends the one ends the other.
/// </summary>
internal sealed class AnswerBody : IAsyncDisposable
{
    private const int HeadBytes = 4096;

    private readonly HttpResponseMessage _answer;
    private readonly Stream _stream;
    private readonly PooledBytes _head = new(HeadBytes);
    private int _headRead;

    private AnswerBody(HttpResponseMessage answer, Stream stream) => (_answer, _stream) = (answer, stream);

    /// <summary>Its media type, in lower case; null when it names none.</summary>
    public string? MediaType => _answer.Content.Headers.ContentType?.MediaType?.ToLowerInvariant();

    /// <summary>
    /// Whether it is a stream of events. Where its content type and what it begins with differ, the latter counts: providers of both kinds
    /// mislabel either.
    /// </summary>
    public bool IsEvents
    {
        get
        {
            var head = _head.Span[_headRead..].TrimStart(" \t\r\n"u8);
            return _answer.Content.Headers.ContentType?.MediaType == "text/event-stream"
                ? head is not [(byte)'{', ..]
                : MayBegin(head, "data:"u8) || MayBegin(head, "event:"u8) || MayBegin(head, ":"u8);

            static bool MayBegin(ReadOnlySpan<byte> head, ReadOnlySpan<byte> name) => head.StartsWith(name) || (!head.IsEmpty && name.StartsWith(head));
        }
    }

    /// <returns>
    /// Null for an encoding that nobody here knows. <see cref="ReadAsync"/> of what is not what its headers say throws
    /// <see cref="InvalidDataException"/>.
    /// </returns>
    public static async ValueTask<AnswerBody?> OpenAsync(HttpResponseMessage answer, CancellationToken cancellationToken)
    {
        var stream = await answer.Content.ReadAsStreamAsync(cancellationToken);
        foreach (var encoding in answer.Content.Headers.ContentEncoding.Reverse())
        {
            switch (encoding.ToLowerInvariant())
            {
                case "identity":
                    break;
                case "gzip" or "x-gzip":
                    stream = new GZipStream(stream, CompressionMode.Decompress);
                    break;
                case "br":
                    stream = new BrotliStream(stream, CompressionMode.Decompress);
                    break;
                case "deflate":
                    stream = new ZLibStream(stream, CompressionMode.Decompress);
                    break;
                default:
                    await stream.DisposeAsync();
                    return null;
            }
        }

        return new AnswerBody(answer, stream);
    }

    /// <summary>Waits for something that is not blank: blank lines keep a connection alive.</summary>
    public async ValueTask BeginAsync(CancellationToken cancellationToken)
    {
        int read;
        do
        {
            _head.Clear();
            read = await ReadOnAsync(_head.GetMemory(HeadBytes), cancellationToken);
            _head.Advance(read);
        }
        while (read > 0 && _head.Span.Trim(" \t\r\n"u8).IsEmpty && MediaType?.StartsWith("audio/", StringComparison.Ordinal) != true);

        // A byte order mark is no part of JSON; of events their reader drops it.
        _headRead = _head.Span is [0xEF, 0xBB, 0xBF, (byte)'{', ..] ? 3 : 0;
    }

    /// <summary>Reads what is there; nothing at the end.</summary>
    public ValueTask<int> ReadAsync(Memory<byte> memory, CancellationToken cancellationToken)
    {
        var head = _head.Memory[_headRead..];
        if (head.IsEmpty)
        {
            return ReadOnAsync(memory, cancellationToken);
        }

        var read = Math.Min(head.Length, memory.Length);
        head[..read].CopyTo(memory);
        _headRead += read;
        return ValueTask.FromResult(read);
    }

    public async ValueTask DisposeAsync()
    {
        await _stream.DisposeAsync();
        _answer.RequestMessage?.Dispose();
        _answer.Dispose();
        _head.Dispose();
    }

    private ValueTask<int> ReadOnAsync(Memory<byte> memory, CancellationToken cancellationToken) =>
        _stream is BrotliStream brotli ? ReadBrotliAsync(brotli, memory, cancellationToken) : _stream.ReadAsync(memory, cancellationToken);

    private static async ValueTask<int> ReadBrotliAsync(BrotliStream brotli, Memory<byte> memory, CancellationToken cancellationToken)
    {
        try
        {
            return await brotli.ReadAsync(memory, cancellationToken);
        }
        catch (InvalidOperationException broken)
        {
            throw new InvalidDataException("This is not Brotli.", broken);
        }
    }
}
