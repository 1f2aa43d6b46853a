using System.Text;
using OrleansGateway.Protocols.OpenAI.Endpoints;
using OrleansGateway.Tests.Unit.Protocols.Gemini;
using Xunit;

namespace OrleansGateway.Tests.Unit.Protocols.OpenAI.Endpoints;

public sealed class SoundLengthTests
{
    /// <summary>MPEG-2 layer 3 at 64 kb/s and 24 kHz: frames of 192 bytes and 24 ms.</summary>
    private static readonly byte[] Frame = [0xFF, 0xF3, 0x84, 0xC4, .. new byte[188]];

    /// <summary>However the sound is cut, and whether or not it has a head: as long as it plays.</summary>
    [Theory]
    [InlineData(true, 2000, 48)]
    [InlineData(true, 100, 2.4)]
    [InlineData(false, 1000, 4)]
    public void Counts_OfSpeechInPieces_TellHowLongItLasts(bool isMpeg, int pieces, double seconds)
    {
        var request = new SpeechRequest(Encoding.UTF8.GetBytes("""{"model":"m","input":"x","voice":"v","stream_format":"sse"}"""));
        Assert.Null(request.Read());
        var reader = new EndpointStreamReader(request, OutputKind.Audio);
        var piece = Convert.ToBase64String(isMpeg ? Frame : new byte[192]).Replace("/", "\\/", StringComparison.Ordinal);
        var stream = string.Concat(Enumerable.Repeat($$"""data: {"type":"speech.audio.delta","audio":"{{piece}}"}""" + "\n\n", pieces));

        Answers.Read(reader, Encoding.UTF8.GetBytes(stream), 1000, new Answers());

        Assert.InRange(reader.Counts.Seconds, seconds, seconds * 1.01);
        Assert.Null(reader.Counts.Reported);
    }
}
