using System.Buffers.Binary;

namespace OrleansGateway.Protocols.OpenAI.Endpoints;

/// <summary>What a file is, by how it begins.</summary>
public enum MediaKind
{
    /// <summary>Nobody knows.</summary>
    Unknown,

    /// <summary>Something else than sound or film: a picture, a document, an archive.</summary>
    NoSound,

    /// <summary>RIFF/WAVE.</summary>
    Wave,

    /// <summary>MPEG audio, layers 1 to 3.</summary>
    Mpeg,

    /// <summary>AAC in ADTS frames.</summary>
    Adts,

    /// <summary>FLAC.</summary>
    Flac,

    /// <summary>MP4, M4A.</summary>
    Mp4,

    /// <summary>Ogg with Opus or Vorbis.</summary>
    Ogg,

    /// <summary>WebM, Matroska.</summary>
    WebM,
}

/// <summary>How long a file of sound lasts, as far as the file itself tells. What is broken counts by its bytes.</summary>
public static class MediaLength
{
    /// <summary>The longest that is believed, s: beyond it a header lies.</summary>
    public const double MaxSeconds = 1_000_000;

    /// <summary>Speech is rarely packed tighter: Opus at 6 kb/s.</summary>
    private const double LeastBytesPerSecond = 750;

    private static readonly int[] RatesOfAdts = [96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350];
    private static readonly int[] Mpeg1Layer3 = [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];
    private static readonly int[] Mpeg1Layer2 = [32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384];
    private static readonly int[] Mpeg2Layer23 = [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];

    /// <summary>What a file is.</summary>
    public static MediaKind KindOf(ReadOnlySpan<byte> file)
    {
        if (file.Length >= 12 && file.StartsWith("RIFF"u8))
        {
            return file[8..].StartsWith("WAVE"u8) ? MediaKind.Wave : MediaKind.NoSound;
        }

        if (file.StartsWith("ID3"u8))
        {
            return MediaKind.Mpeg;
        }

        if (file.Length >= 2 && file[0] == 0xFF && (file[1] & 0xF6) == 0xF0)
        {
            return MediaKind.Adts;
        }

        if (file.Length >= 4 && TryMpegFrame(file, out _, out _))
        {
            return MediaKind.Mpeg;
        }

        return file.StartsWith("fLaC"u8) ? MediaKind.Flac
            : file.StartsWith("OggS"u8) ? MediaKind.Ogg
            : file.StartsWith((ReadOnlySpan<byte>)[0x1A, 0x45, 0xDF, 0xA3]) ? MediaKind.WebM
            : file.Length >= 8 && file[4..].StartsWith("ftyp"u8) ? MediaKind.Mp4
            : file.StartsWith("%PDF"u8) || file.StartsWith("PK\u0003\u0004"u8) || file.StartsWith("GIF8"u8)
                || file.StartsWith((ReadOnlySpan<byte>)[0x89, (byte)'P', (byte)'N', (byte)'G']) || file.StartsWith((ReadOnlySpan<byte>)[0xFF, 0xD8, 0xFF])
                ? MediaKind.NoSound
            : MediaKind.Unknown;
    }

    /// <summary>Seconds of so many bytes at the least bit rate.</summary>
    public static long SecondsOf(long bytes) => (long)Math.Ceiling(bytes / LeastBytesPerSecond);

    /// <summary>
    /// How long a file can last at the most, s: of containers whose packing cannot be seen as long as their bytes can be at the least bit rate,
    /// since what their headers say is not what is decoded.
    /// </summary>
    public static double MostOf(ReadOnlySpan<byte> file) => KindOf(file) is MediaKind.Ogg or MediaKind.Mp4 or MediaKind.WebM
        ? Math.Max(Of(file), file.Length / LeastBytesPerSecond)
        : Of(file);

    /// <summary>How long a file lasts, s, as far as its own header can be believed.</summary>
    public static double Of(ReadOnlySpan<byte> file)
    {
        // A header may say less than there is: where it could hide much, the bytes at a low bit rate count at the least.
        double seconds;
        try
        {
            seconds = KindOf(file) switch
            {
                MediaKind.Wave => OfWave(file),
                MediaKind.Mpeg => OfMpeg(file),
                MediaKind.Adts => OfAdts(file),
                MediaKind.Flac => AtLeast(OfFlac(file), file.Length / 6000.0),
                MediaKind.Mp4 => AtLeast(OfMp4(file), file.Length / 32_000.0),
                MediaKind.Ogg => OfOgg(file),
                MediaKind.WebM => AtLeast(OfWebM(file), file.Length / 64_000.0),
                _ => 0,
            };
        }
        catch (Exception broken) when (broken is ArgumentOutOfRangeException or IndexOutOfRangeException or OverflowException)
        {
            seconds = 0;
        }

        return seconds is > 0 and <= MaxSeconds ? seconds : file.Length / LeastBytesPerSecond;
    }

    private static double AtLeast(double told, double least) => told > 0 ? Math.Max(told, least) : 0;

    private static double OfWave(ReadOnlySpan<byte> file)
    {
        long byteRate = 0;
        for (var at = 12L; at + 8 <= file.Length;)
        {
            var chunk = file[(int)at..];
            long size = BinaryPrimitives.ReadUInt32LittleEndian(chunk[4..]);
            if (chunk.StartsWith("fmt "u8) && chunk.Length >= 24)
            {
                byteRate = ByteRateOf(chunk[8..]);
            }
            else if (chunk.StartsWith("data"u8))
            {
                // Streams that do not know their size yet write 0 or all ones; what lies behind it may be read all the same.
                return byteRate == 0 ? 0 : (double)(file.Length - at - 8) / byteRate;
            }

            at += 8 + size + (size & 1);
        }

        return 0;
    }

    /// <summary>Of plain samples their own rate; of codecs nothing in the header can be believed, so 0 is given.</summary>
    private static long ByteRateOf(ReadOnlySpan<byte> format)
    {
        var tag = BinaryPrimitives.ReadUInt16LittleEndian(format);
        long channels = BinaryPrimitives.ReadUInt16LittleEndian(format[2..]);
        long rate = BinaryPrimitives.ReadUInt32LittleEndian(format[4..]);
        long bits = BinaryPrimitives.ReadUInt16LittleEndian(format[14..]);
        return tag is 1 or 3 or 6 or 7 or 0xFFFE ? channels * rate * bits / 8 : 0;
    }

    private static double OfMpeg(ReadOnlySpan<byte> file)
    {
        var at = 0;
        if (file.Length >= 10 && file.StartsWith("ID3"u8))
        {
            at = 10 + ((file[6] & 0x7F) << 21) + ((file[7] & 0x7F) << 14) + ((file[8] & 0x7F) << 7) + (file[9] & 0x7F);
        }

        // Every frame: the sums in headers may be of another file.
        var (seconds, skipped) = (0.0, 0);
        while (at + 4 <= file.Length)
        {
            if (TryMpegFrame(file[at..], out var length, out var frameSeconds))
            {
                seconds += frameSeconds;
                at += length;
            }
            else
            {
                // Pictures and tags lie between; where nothing is found for long, bytes count.
                at++;
                skipped++;
            }
        }

        return skipped > file.Length / 2 ? 0 : seconds;
    }

    private static bool TryMpegFrame(ReadOnlySpan<byte> head, out int length, out double seconds)
    {
        (length, seconds) = (0, 0);
        if (head.Length < 4 || head[0] != 0xFF || (head[1] & 0xE0) != 0xE0)
        {
            return false;
        }

        // Versions: 3 is MPEG-1, 2 MPEG-2, 0 MPEG-2.5. Layers: 1 is layer 3, 2 layer 2, 3 layer 1.
        var (version, layer) = ((head[1] >> 3) & 3, (head[1] >> 1) & 3);
        var (bitRate, rate, padding) = (head[2] >> 4, (head[2] >> 2) & 3, (head[2] >> 1) & 1);
        if (version == 1 || layer is 0 or 3 || bitRate is 0 or 15 || rate == 3)
        {
            return false;
        }

        var samplesPerSecond = (rate switch { 0 => 44100, 1 => 48000, _ => 32000 }) >> (version == 3 ? 0 : version == 2 ? 1 : 2);
        var kiloBits = (version == 3 ? layer == 1 ? Mpeg1Layer3 : Mpeg1Layer2 : Mpeg2Layer23)[bitRate - 1];
        var samples = layer == 1 && version != 3 ? 576 : 1152;
        length = (samples / 8 * kiloBits * 1000 / samplesPerSecond) + padding;
        seconds = (double)samples / samplesPerSecond;
        return length > 4;
    }

    private static double OfAdts(ReadOnlySpan<byte> file)
    {
        var (at, seconds) = (0, 0.0);
        while (at + 7 <= file.Length && file[at] == 0xFF && (file[at + 1] & 0xF6) == 0xF0)
        {
            var length = ((file[at + 3] & 3) << 11) | (file[at + 4] << 3) | (file[at + 5] >> 5);
            if (length < 7)
            {
                return 0;
            }

            seconds += 1024.0 * (1 + (file[at + 6] & 3)) / RatesOfAdts[(file[at + 2] >> 2) & 0xF];
            at += length;
        }

        return at < file.Length / 2 ? 0 : seconds;
    }

    private static double OfFlac(ReadOnlySpan<byte> file)
    {
        var info = file[8..];
        var rate = (info[10] << 12) | (info[11] << 4) | (info[12] >> 4);
        var samples = ((long)(info[13] & 0xF) << 32) | BinaryPrimitives.ReadUInt32BigEndian(info[14..]);
        return rate == 0 ? 0 : (double)samples / rate;
    }

    private static double OfOgg(ReadOnlySpan<byte> file)
    {
        // Of each stream in turn: chained ones add up.
        var (total, rate, preSkip, last) = (0.0, 0L, 0L, 0L);
        for (var at = 0; at + 27 <= file.Length;)
        {
            var page = file[at..];
            if (!page.StartsWith("OggS"u8))
            {
                break;
            }

            var granule = BinaryPrimitives.ReadInt64LittleEndian(page[6..]);
            int segments = page[26];
            var length = 27 + segments;
            foreach (var segment in page.Slice(27, segments))
            {
                length += segment;
            }

            var content = page[(27 + segments)..];
            if ((page[5] & 2) != 0 && content.StartsWith("OpusHead"u8))
            {
                total += Seconds();
                (rate, preSkip, last) = (48000, BinaryPrimitives.ReadUInt16LittleEndian(content[10..]), 0);
            }
            else if ((page[5] & 2) != 0 && content.StartsWith("\u0001vorbis"u8))
            {
                total += Seconds();
                (rate, preSkip, last) = (BinaryPrimitives.ReadUInt32LittleEndian(content[12..]), 0, 0);
            }

            last = granule > 0 ? Math.Max(last, granule) : last;
            at += length;
        }

        return total + Seconds();

        double Seconds() => rate == 0 ? 0 : Math.Max(0, last - preSkip) / (double)rate;
    }

    private static double OfMp4(ReadOnlySpan<byte> file)
    {
        var moov = BoxOf(file, "moov"u8);
        var header = BoxOf(moov, "mvhd"u8);
        if (header.Length < 20)
        {
            return 0;
        }

        var isLong = header[0] == 1;
        var scale = BinaryPrimitives.ReadUInt32BigEndian(header[(isLong ? 20 : 12)..]);
        var duration = isLong ? BinaryPrimitives.ReadUInt64BigEndian(header[24..]) : BinaryPrimitives.ReadUInt32BigEndian(header[16..]);
        var fragments = BoxOf(BoxOf(moov, "mvex"u8), "mehd"u8);
        if (fragments.Length >= 8)
        {
            duration = Math.Max(duration, fragments[0] == 1 ? BinaryPrimitives.ReadUInt64BigEndian(fragments[4..]) : BinaryPrimitives.ReadUInt32BigEndian(fragments[4..]));
        }

        // Fragments that no header sums up count by their bytes.
        return scale == 0 ? 0 : duration / (double)scale;
    }

    private static ReadOnlySpan<byte> BoxOf(ReadOnlySpan<byte> boxes, ReadOnlySpan<byte> name)
    {
        while (boxes.Length >= 8)
        {
            ulong size = BinaryPrimitives.ReadUInt32BigEndian(boxes);
            var head = 8;
            if (size == 1 && boxes.Length >= 16)
            {
                (size, head) = (BinaryPrimitives.ReadUInt64BigEndian(boxes[8..]), 16);
            }

            var length = size == 0 ? boxes.Length : (int)Math.Min(size, (ulong)boxes.Length);
            if (length < head)
            {
                break;
            }

            if (boxes[4..].StartsWith(name))
            {
                return boxes[head..length];
            }

            boxes = boxes[length..];
        }

        return default;
    }

    private static double OfWebM(ReadOnlySpan<byte> file)
    {
        // Segment / Info / Duration, in units of TimestampScale; recordings lack it: the last cluster's time then.
        var (scale, duration, last) = (1_000_000.0, 0.0, 0.0);
        for (var at = 0; at < file.Length;)
        {
            if (!TryElement(file[at..], out var id, out var size, out var head))
            {
                break;
            }

            var content = file[Math.Min(at + head, file.Length)..];
            content = content[..(int)Math.Min((ulong)content.Length, size)];
            switch (id)
            {
                case 0x18538067 or 0x1549A966 or 0x1F43B675:
                    // Segment, Info and Cluster: their children come next.
                    at += head;
                    continue;
                case 0x2AD7B1:
                    scale = UnsignedOf(content);
                    break;
                case 0x4489:
                    duration = content.Length == 4 ? BinaryPrimitives.ReadSingleBigEndian(content) : BinaryPrimitives.ReadDoubleBigEndian(content);
                    break;
                case 0xE7:
                    last = Math.Max(last, UnsignedOf(content));
                    break;
                default:
                    break;
            }

            at += head + content.Length;
        }

        // A cluster lasts up to some 33 s, by its blocks' signed 16 bits of ms.
        return duration > 0 ? duration * scale / 1e9 : last > 0 ? (last * scale / 1e9) + 33 : 0;
    }

    private static double UnsignedOf(ReadOnlySpan<byte> bytes)
    {
        var value = 0.0;
        foreach (var one in bytes)
        {
            value = (value * 256) + one;
        }

        return value;
    }

    private static bool TryElement(ReadOnlySpan<byte> bytes, out uint id, out ulong size, out int head)
    {
        (id, size, head) = (0, 0, 0);
        if (bytes.IsEmpty || bytes[0] == 0)
        {
            return false;
        }

        var idLength = System.Numerics.BitOperations.LeadingZeroCount((uint)bytes[0]) - 24 + 1;
        if (idLength > 4 || bytes.Length <= idLength || bytes[idLength] == 0)
        {
            return false;
        }

        foreach (var one in bytes[..idLength])
        {
            id = (id << 8) | one;
        }

        var sizeLength = System.Numerics.BitOperations.LeadingZeroCount((uint)bytes[idLength]) - 24 + 1;
        if (bytes.Length < idLength + sizeLength)
        {
            return false;
        }

        size = (ulong)(bytes[idLength] & ((1 << (8 - sizeLength)) - 1));
        var isOpen = size == (ulong)((1 << (8 - sizeLength)) - 1);
        foreach (var one in bytes.Slice(idLength + 1, sizeLength - 1))
        {
            isOpen &= one == 0xFF;
            size = (size << 8) | one;
        }

        size = isOpen ? ulong.MaxValue : size;
        head = idLength + sizeLength;
        return true;
    }
}
