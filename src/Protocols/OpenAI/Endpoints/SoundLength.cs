using System.Buffers.Text;
using System.Text;
using System.Text.Json;
using OrleansGateway.Protocols.Json;

namespace OrleansGateway.Protocols.OpenAI.Endpoints;

/// <summary>
/// How long spoken sound lasts that comes in pieces: as many bytes a second as its beginning has. Plain samples, which have no head, are 24,000
/// a second of 16 bits.
/// </summary>
public sealed class SoundLength
{
    private const double SampleBytesPerSecond = 48_000;
    private const int HeadBytesMax = 16 * 1024;

    private readonly byte[] _head = new byte[HeadBytesMax];
    private int _headBytes;
    private long _bytes;

    /// <summary>Seconds so far.</summary>
    public double Seconds => _headBytes == 0 ? 0 : Of(_head.AsSpan(0, _headBytes)) / _headBytes * _bytes;

    /// <summary>How long sound lasts that is all there, s.</summary>
    public static double Of(ReadOnlySpan<byte> sound) =>
        MediaLength.KindOf(sound) == MediaKind.Unknown ? sound.Length / SampleBytesPerSecond : MediaLength.Of(sound);

    /// <summary>Adds what an event brings, if it brings any.</summary>
    /// <param name="json">A JSON object with the sound in <c>audio</c>, base64.</param>
    internal void Add(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json);
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isSound = reader.IsText("audio");
            reader.Read();
            if (isSound && reader.TokenType == JsonTokenType.String)
            {
                var base64 = reader.ValueIsEscaped ? Encoding.UTF8.GetBytes(reader.Text() ?? "") : reader.ValueSpan;
                _bytes += Base64.GetMaxDecodedFromUtf8Length(base64.Length) - (base64.EndsWith("=="u8) ? 2 : base64.EndsWith("="u8) ? 1 : 0);
                var free = (HeadBytesMax - _headBytes) / 3 * 4;
                Base64.DecodeFromUtf8(base64[..Math.Min(free, base64.Length)], _head.AsSpan(_headBytes), out _, out var written);
                _headBytes += written;
            }

            reader.Skip();
        }
    }
}
