using System.Buffers.Binary;
using System.Text;
using OrleansGateway.Protocols.OpenAI.Endpoints;
using Xunit;

namespace OrleansGateway.Tests.Unit.Protocols.OpenAI.Endpoints;

public sealed class MediaLengthTests
{
    /// <summary>Plain samples count by their own rate and the bytes that are there, whatever the header says.</summary>
    [Theory]
    [InlineData(32_000u, 64_000u)]
    [InlineData(4_000_000u, 64_000u)]
    [InlineData(32_000u, 0u)]
    [InlineData(32_000u, uint.MaxValue)]
    [InlineData(32_000u, 10u)]
    public void Of_Wave_IsItsSamples(uint toldRate, uint toldSize)
    {
        var file = new byte[44 + 64_000];
        "RIFF"u8.CopyTo(file);
        "WAVEfmt "u8.CopyTo(file.AsSpan(8));
        BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(16), 16);
        BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(20), 1);
        BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(22), 1);
        BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(24), 16_000);
        BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(28), toldRate);
        BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(34), 16);
        "data"u8.CopyTo(file.AsSpan(36));
        BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(40), toldSize);
        AssertLasts(2, MediaKind.Wave, file);
    }

    /// <summary>Frames are counted; a tag before them, with a picture or without, is none.</summary>
    [Theory]
    [InlineData(0xFB, 0x90, 417, 1152.0 / 44_100, 0)]
    [InlineData(0xFB, 0x90, 417, 1152.0 / 44_100, 300)]
    [InlineData(0xF3, 0x84, 192, 576.0 / 24_000, 0)]
    public void Of_Mpeg_IsItsFrames(byte version, byte rates, int length, double frameSeconds, int tagBytes)
    {
        var file = new MemoryStream();
        if (tagBytes > 0)
        {
            file.Write([.. "ID3"u8, 4, 0, 0, 0, 0, (byte)(tagBytes >> 7), (byte)(tagBytes & 0x7F), .. new byte[tagBytes]]);
        }

        for (var i = 0; i < 100; i++)
        {
            file.Write([0xFF, version, rates, 0, .. new byte[length - 4]]);
        }

        AssertLasts(100 * frameSeconds, MediaKind.Mpeg, file.ToArray());
    }

    [Fact]
    public void Of_Adts_IsItsFrames()
    {
        var file = new MemoryStream();
        for (var i = 0; i < 48; i++)
        {
            // 48,000 samples a second, frames of 100 bytes.
            file.Write([0xFF, 0xF1, 0x4C, 0x80, 100 >> 3, (100 & 7) << 5, 0, .. new byte[93]]);
        }

        AssertLasts(48 * 1024 / 48_000.0, MediaKind.Adts, file.ToArray());
    }

    [Fact]
    public void Of_Flac_IsItsSamples()
    {
        var file = new byte[100];
        "fLaC"u8.CopyTo(file);

        // 44,100 samples a second, 441,000 of them.
        (file[18], file[19], file[20]) = (44_100 >> 12, (44_100 >> 4) & 0xFF, (44_100 & 0xF) << 4);
        BinaryPrimitives.WriteUInt32BigEndian(file.AsSpan(22), 441_000);
        AssertLasts(10, MediaKind.Flac, file);

        // A header that says less than such a file can be counts by its bytes.
        AssertLasts(100, MediaKind.Flac, [.. file, .. new byte[600_000 - 100]]);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Of_Mp4_IsItsHeader(bool isLast)
    {
        byte[] header = [.. new byte[12], .. Big(600), .. Big(6000), .. new byte[80]];
        byte[] moov = Box("moov", Box("mvhd", header));
        byte[] data = Box("mdat", new byte[1000]);
        AssertLasts(10, MediaKind.Mp4, [.. Box("ftyp", "M4A "u8.ToArray()), .. isLast ? data : moov, .. isLast ? moov : data]);
    }

    [Fact]
    public void Of_Ogg_IsItsLastGranuleOfEachStream()
    {
        byte[] opus = [.. Page(2, 0, [.. "OpusHead"u8, 1, 1, 0x38, 1, .. new byte[7]]), .. Page(0, 48_312, new byte[50]), .. Page(4, 96_312, new byte[50])];
        byte[] vorbis = [.. Page(2, 0, [1, .. "vorbis"u8, 0, 0, 0, 0, 1, 0x80, 0xBB, 0, 0, .. new byte[14]]), .. Page(4, 24_000, new byte[50])];
        AssertLasts(2, MediaKind.Ogg, opus);
        AssertLasts(2.5, MediaKind.Ogg, [.. opus, .. vorbis]);
    }

    /// <summary>What a header says is not what is decoded: held is what so many bytes can be.</summary>
    [Fact]
    public void MostOf_AHeaderThatSaysLittle_IsItsBytesAtALowRate()
    {
        byte[] ogg = [.. Page(2, 0, [.. "OpusHead"u8, 1, 1, 0, 0, .. new byte[7]]), .. Page(4, 48_000, new byte[200]), .. new byte[75_000]];
        Assert.Equal(1, MediaLength.Of(ogg), 6);
        Assert.InRange(MediaLength.MostOf(ogg), 100, 101);
        byte[] wave = [.. "RIFF\0\0\0\0WAVEfmt "u8, 16, 0, 0, 0, 1, 0, 1, 0, 0x40, 0x1F, 0, 0, 0x40, 0x1F, 0, 0, 1, 0, 8, 0, .. "data"u8, 0, 0, 0, 0, .. new byte[8000]];
        Assert.Equal(1, MediaLength.MostOf(wave), 6);
    }

    [Fact]
    public void Of_WebM_IsItsDurationOrItsLastCluster()
    {
        byte[] scale = Element([0x2A, 0xD7, 0xB1], [0x0F, 0x42, 0x40]);
        byte[] seconds = new byte[8];
        BinaryPrimitives.WriteDoubleBigEndian(seconds, 12_500);
        byte[] head = Element([0x1A, 0x45, 0xDF, 0xA3], new byte[4]);
        byte[] cluster = Element([0x1F, 0x43, 0xB6, 0x75], [.. Element([0xE7], [0x27, 0x10]), .. Element([0xA3], new byte[20])]);
        AssertLasts(12.5, MediaKind.WebM, [.. head, .. Element([0x18, 0x53, 0x80, 0x67], [.. Element([0x15, 0x49, 0xA9, 0x66], [.. scale, .. Element([0x44, 0x89], seconds)]), .. cluster])]);

        // Of recordings the segment's size is open: a cluster at 10 s, which may last 33 s.
        AssertLasts(43, MediaKind.WebM, [.. head, 0x18, 0x53, 0x80, 0x67, 0x01, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, .. Element([0x15, 0x49, 0xA9, 0x66], scale), .. cluster]);
    }

    [Fact]
    public void Of_WhatCannotBeRead_IsItsBytes()
    {
        Assert.Equal(2, MediaLength.Of(new byte[1500]));
        Assert.Equal((MediaKind.NoSound, MediaKind.NoSound, MediaKind.Unknown), (MediaLength.KindOf("%PDF-1.7"u8), MediaLength.KindOf("PK\u0003\u0004"u8), MediaLength.KindOf("words"u8)));
    }

    /// <summary>Whatever follows a head, a length comes of it.</summary>
    [Fact]
    public void Of_Rubbish_NeverThrows()
    {
        var random = new Random(4711);
        byte[][] heads =
        [
            [.. "RIFF\0\0\0\0WAVEfmt "u8], [.. "ID3"u8], [0xFF, 0xFB, 0x90], [0xFF, 0xF1], [.. "fLaC"u8], [.. "OggS"u8], [0, 0, 0, 8, .. "ftyp"u8, 0, 0, 0, 40, .. "moov"u8],
            [0x1A, 0x45, 0xDF, 0xA3, 0x80, 0x18, 0x53, 0x80, 0x67, 0xFF], [],
        ];
        for (var i = 0; i < 20_000; i++)
        {
            var rest = new byte[random.Next(200)];
            random.NextBytes(rest);
            byte[] file = [.. heads[i % heads.Length], .. rest];
            Assert.InRange(MediaLength.Of(file), 0, MediaLength.MaxSeconds);
        }
    }

    private static void AssertLasts(double seconds, MediaKind kind, byte[] file)
    {
        Assert.Equal(kind, MediaLength.KindOf(file));
        Assert.Equal(seconds, MediaLength.Of(file), 6);
    }

    private static byte[] Big(uint value)
    {
        var bytes = new byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, value);
        return bytes;
    }

    private static byte[] Box(string name, byte[] content) => [.. Big((uint)content.Length + 8), .. Encoding.ASCII.GetBytes(name), .. content];

    private static byte[] Page(byte flags, long granule, byte[] content)
    {
        var position = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(position, granule);
        return [.. "OggS"u8, 0, flags, .. position, .. new byte[12], 1, (byte)content.Length, .. content];
    }

    private static byte[] Element(byte[] id, byte[] content) => [.. id, (byte)(0x80 | content.Length), .. content];
}
