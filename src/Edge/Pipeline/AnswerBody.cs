using System.IO.Compression;

namespace OrleansGateway.Edge.Pipeline;

/// <summary>A provider's answer as it was before it was compressed. None is asked to compress; some do.</summary>
internal static class AnswerBody
{
    /// <returns>
    /// Null for an encoding that nobody here knows. <see cref="ReadAsync"/> of what is not what its headers say throws
    /// <see cref="InvalidDataException"/>.
    /// </returns>
    public static async ValueTask<Stream?> OpenAsync(HttpResponseMessage answer, CancellationToken cancellationToken)
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

        return stream;
    }

    /// <summary>Reads what is there; nothing at the end.</summary>
    public static ValueTask<int> ReadAsync(Stream answer, Memory<byte> memory, CancellationToken cancellationToken) =>
        answer is BrotliStream brotli ? ReadBrotliAsync(brotli, memory, cancellationToken) : answer.ReadAsync(memory, cancellationToken);

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
