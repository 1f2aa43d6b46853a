using System.IO.Compression;

namespace OrleansGateway.Edge.Pipeline;

/// <summary>A provider's answer as it was before it was compressed. None is asked to compress; some do.</summary>
internal static class AnswerBody
{
    /// <returns>Null for an encoding that nobody here knows. Reading what is not what its headers say throws <see cref="InvalidDataException"/>.</returns>
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
}
