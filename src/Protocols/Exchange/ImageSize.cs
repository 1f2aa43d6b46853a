using System.Buffers;
using System.Buffers.Binary;
using System.Buffers.Text;

namespace OrleansGateway.Protocols.Exchange;

/// <summary>A picture's size as its file's head tells it, pixels; both 0 where it does not.</summary>
public readonly record struct ImageSize(int Width, int Height)
{
    /// <summary>How much of a file is looked at: the head of a JPEG may hold a preview and a colour profile.</summary>
    private const int HeadBytesMax = 256 * 1024;

    private static ReadOnlySpan<byte> PngMark => [0x89, (byte)'P', (byte)'N', (byte)'G', (byte)'\r', (byte)'\n', 0x1A, (byte)'\n'];

    /// <summary>Whether it is known.</summary>
    public bool IsKnown => Width > 0 && Height > 0;

    /// <summary>Reads the size from a PNG, JPEG, GIF or WebP in base64.</summary>
    public static ImageSize OfBase64(ReadOnlySpan<byte> base64)
    {
        // Of all kinds but JPEG the first bytes tell.
        Span<byte> first = stackalloc byte[48];
        var size = Base64.DecodeFromUtf8(base64[..Math.Min(base64.Length / 4 * 4, 64)], first, out _, out var count) is OperationStatus.InvalidData
            ? default
            : Of(first[..count]);
        if (size.IsKnown || !IsJpeg(first[..count]))
        {
            return size;
        }

        var head = ArrayPool<byte>.Shared.Rent(HeadBytesMax);
        try
        {
            Base64.DecodeFromUtf8(base64[..Math.Min(base64.Length / 4 * 4, HeadBytesMax / 3 * 4)], head, out _, out count);
            return OfJpeg(head.AsSpan(0, count));
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(head);
        }
    }

    /// <summary>Reads the size from the file itself.</summary>
    public static ImageSize OfFile(ReadOnlySpan<byte> file) => IsJpeg(file) ? OfJpeg(file[..Math.Min(file.Length, HeadBytesMax)]) : Of(file);

    private static ImageSize Of(ReadOnlySpan<byte> head)
    {
        if (head.Length >= 24 && head.StartsWith(PngMark))
        {
            return Checked(BinaryPrimitives.ReadUInt32BigEndian(head[16..]), BinaryPrimitives.ReadUInt32BigEndian(head[20..]));
        }

        if (head.Length >= 10 && (head.StartsWith("GIF87a"u8) || head.StartsWith("GIF89a"u8)))
        {
            return Checked(BinaryPrimitives.ReadUInt16LittleEndian(head[6..]), BinaryPrimitives.ReadUInt16LittleEndian(head[8..]));
        }

        return head.Length >= 30 && head.StartsWith("RIFF"u8) && head[8..].StartsWith("WEBP"u8) ? OfWebP(head) : default;
    }

    private static ImageSize OfWebP(ReadOnlySpan<byte> head)
    {
        if (head[12..].StartsWith("VP8X"u8))
        {
            return Checked(1 + UInt24(head[24..]), 1 + UInt24(head[27..]));
        }

        if (head[12..].StartsWith("VP8L"u8))
        {
            var bits = BinaryPrimitives.ReadUInt32LittleEndian(head[21..]);
            return Checked(1 + (bits & 0x3FFF), 1 + ((bits >> 14) & 0x3FFF));
        }

        return head[12..].StartsWith("VP8 "u8)
            ? Checked(BinaryPrimitives.ReadUInt16LittleEndian(head[26..]) & 0x3FFFu, BinaryPrimitives.ReadUInt16LittleEndian(head[28..]) & 0x3FFFu)
            : default;
    }

    private static ImageSize OfJpeg(ReadOnlySpan<byte> head)
    {
        for (var at = 2; at + 9 <= head.Length && head[at] == 0xFF;)
        {
            var marker = head[at + 1];
            if (marker == 0xFF)
            {
                at++;
                continue;
            }

            // The frame's header, of whatever process; DHT, JPG and DAC stand among its markers.
            if (marker is >= 0xC0 and <= 0xCF and not (0xC4 or 0xC8 or 0xCC))
            {
                return Checked(BinaryPrimitives.ReadUInt16BigEndian(head[(at + 7)..]), BinaryPrimitives.ReadUInt16BigEndian(head[(at + 5)..]));
            }

            at += 2 + BinaryPrimitives.ReadUInt16BigEndian(head[(at + 2)..]);
        }

        return default;
    }

    private static bool IsJpeg(ReadOnlySpan<byte> head) => head is [0xFF, 0xD8, 0xFF, ..];

    private static uint UInt24(ReadOnlySpan<byte> bytes) => bytes[0] | ((uint)bytes[1] << 8) | ((uint)bytes[2] << 16);

    private static ImageSize Checked(uint width, uint height) =>
        width is > 0 and <= int.MaxValue && height is > 0 and <= int.MaxValue ? new((int)width, (int)height) : default;
}
