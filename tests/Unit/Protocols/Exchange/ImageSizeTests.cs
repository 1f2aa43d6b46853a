using System.Text;
using OrleansGateway.Protocols.Exchange;
using Xunit;

namespace OrleansGateway.Tests.Unit.Protocols.Exchange;

public sealed class ImageSizeTests
{
    private static readonly byte[] Png = [0x89, .. "PNG\r\n\u001a\n"u8, 0, 0, 0, 13, .. "IHDR"u8, 0, 0, 0x10, 0, 0, 0, 3, 0, 8, 6, 0, 0, 0];
    private static readonly byte[] Frame = [0xFF, 0xC2, 0, 17, 8, 0x03, 0x00, 0x10, 0x00, 3];

    public static TheoryData<string, byte[], int, int> Files => new()
    {
        { "PNG", Png, 4096, 768 },
        { "GIF", [.. "GIF89a"u8, 0x40, 1, 0xF0, 0, 0x80], 320, 240 },
        { "WebP, lossy", [.. "RIFF"u8, 1, 0, 0, 0, .. "WEBPVP8 "u8, 1, 0, 0, 0, 0, 0, 0, 0x9D, 0x01, 0x2A, 0x40, 1, 0xF0, 0], 320, 240 },
        { "WebP, lossless", [.. "RIFF"u8, 1, 0, 0, 0, .. "WEBPVP8L"u8, 1, 0, 0, 0, 0x2F, 0x3F, 0xC1, 0x3B, 0x10, 0, 0, 0, 0, 0], 320, 240 },
        { "WebP, extended", [.. "RIFF"u8, 1, 0, 0, 0, .. "WEBPVP8X"u8, 10, 0, 0, 0, 0, 0, 0, 0, 0x3F, 1, 0, 0xEF, 0, 0], 320, 240 },
        { "JPEG", [0xFF, 0xD8, 0xFF, 0xE0, 0, 4, 1, 2, 0xFF, 0xDB, 0, 3, 9, .. Frame], 4096, 768 },
        { "JPEG with a long head", [0xFF, 0xD8, 0xFF, 0xE1, 0xFF, 0xFF, .. new byte[0xFFFD], 0xFF, 0xFF, 0xE2, 0xFF, 0xFF, .. new byte[0xFFFD], .. Frame], 4096, 768 },
        { "JPEG cut off", [0xFF, 0xD8, 0xFF, 0xE1, 0xFF, 0xFF, 1, 2, 3], 0, 0 },
        { "PNG cut off", Png[..18], 0, 0 },
        { "PNG without width", [.. Png[..16], 0, 0, 0, 0, .. Png[20..]], 0, 0 },
        { "another kind", [.. "BM"u8, .. new byte[60]], 0, 0 },
        { "nothing", [], 0, 0 },
    };

    [Theory]
    [MemberData(nameof(Files))]
    public void OfBase64_File_TellsItsSize(string kind, byte[] file, int width, int height) =>
        Assert.Equal((kind, new ImageSize(width, height)), (kind, ImageSize.OfBase64(Encoding.ASCII.GetBytes(Convert.ToBase64String(file)))));

    [Theory]
    [InlineData("!!!!")]
    [InlineData("iVBORw0KGgo\\/")]
    [InlineData("AAA")]
    public void OfBase64_NoBase64_TellsNothing(string text) => Assert.False(ImageSize.OfBase64(Encoding.ASCII.GetBytes(text)).IsKnown);

    [Theory]
    [InlineData(1, 1, 2)]
    [InlineData(32, 32, 2)]
    [InlineData(33, 32, 4)]
    [InlineData(1024, 1024, 1659)]
    [InlineData(4096, 4096, 2489)]
    [InlineData(int.MaxValue, int.MaxValue, 2489)]
    [InlineData(0, 0, 2489)]
    public void TokensOf_Squares_CountsBegunOnesUpToTheMost(int width, int height, long tokens) =>
        Assert.Equal(tokens, new ImageRule(2489, 32, 0, 1_620_000_000).TokensOf(new ImageSize(width, height)));
}
