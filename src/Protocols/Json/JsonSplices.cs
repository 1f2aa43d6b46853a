using System.Buffers;
using System.Runtime.CompilerServices;
using OrleansGateway.Protocols.Exchange;

namespace OrleansGateway.Protocols.Json;

/// <summary>Where a JSON member stands in a text: from its name's opening quote to its value's end, in bytes.</summary>
internal readonly record struct JsonMember(int NameStart, int ValueStart, int ValueEnd)
{
    public bool IsPresent => ValueEnd > 0;

    public int ValueLength => ValueEnd - ValueStart;

    /// <summary>The same member in a text that is longer or shorter from <paramref name="from"/> on.</summary>
    public JsonMember Shift(int from, int by) => NameStart < from ? this : new(NameStart + by, ValueStart + by, ValueEnd + by);

    public ReadOnlySpan<byte> Value(ReadOnlySpan<byte> json) => json[ValueStart..ValueEnd];

    /// <summary>The member together with one comma beside it: what to take out.</summary>
    public (int Start, int End) WithComma(ReadOnlySpan<byte> json)
    {
        var after = ValueEnd + json[ValueEnd..].IndexOfAnyExcept(" \t\r\n"u8);
        if (json[after] == ',')
        {
            return (NameStart, after + 1);
        }

        var before = json[..NameStart].LastIndexOfAnyExcept(" \t\r\n"u8);
        return (json[before] == ',' ? before : NameStart, ValueEnd);
    }
}

/// <summary>Replacements in a JSON text, kept in order: a few, as a rule. Everything outside of them stays byte for byte.</summary>
internal struct JsonSplices
{
    private const int Capacity = 8;

    private Items _few;

    /// <summary>All of them, once there are more.</summary>
    private JsonSplice[]? _many;

    public int Count { get; private set; }

    public readonly JsonSplice this[int index] => _many is null ? _few[index] : _many[index];

    /// <summary>Adds a replacement; an insertion goes before what is replaced at the same place.</summary>
    public void Replace(int start, int end, ReadOnlyMemory<byte> replacement)
    {
        if (Count >= Capacity && (_many is null || Count == _many.Length))
        {
            Span<JsonSplice> all = _many is null ? _few : _many;
            all.CopyTo(_many = new JsonSplice[2 * Count]);
        }

        Span<JsonSplice> items = _many is null ? _few : _many;
        var at = Count++;
        for (; at > 0 && (items[at - 1].Start, items[at - 1].End).CompareTo((start, end)) > 0; at--)
        {
            items[at] = items[at - 1];
        }

        items[at] = new(start, end, replacement);
    }

    public void ReplaceValue(JsonMember member, ReadOnlyMemory<byte> value) => Replace(member.ValueStart, member.ValueEnd, value);

    /// <summary>Takes a member out together with one comma beside it.</summary>
    public void Remove(ReadOnlySpan<byte> json, JsonMember member)
    {
        var (start, end) = member.WithComma(json);
        Replace(start, end, default);
    }

    public readonly void Write(ReadOnlySpan<byte> json, IBufferWriter<byte> writer)
    {
        var position = 0;
        for (var i = 0; i < Count; i++)
        {
            writer.Write(json[position..this[i].Start]);
            writer.Write(this[i].Replacement.Span);
            position = this[i].End;
        }

        writer.Write(json[position..]);
    }

    /// <summary>The text's pieces and the replacements between them.</summary>
    public readonly UpstreamBody Apply(ReadOnlyMemory<byte> json)
    {
        var segments = new List<ReadOnlyMemory<byte>>((2 * Count) + 1);
        var position = 0;
        for (var i = 0; i < Count; i++)
        {
            segments.Add(json[position..this[i].Start]);
            segments.Add(this[i].Replacement);
            position = this[i].End;
        }

        segments.Add(json[position..]);
        return new([.. segments.Where(static segment => !segment.IsEmpty)]);
    }

    [InlineArray(Capacity)]
    private struct Items
    {
        private JsonSplice _first;
    }
}

/// <summary>Bytes from start to end (exclusive) give way to the replacement.</summary>
internal readonly record struct JsonSplice(int Start, int End, ReadOnlyMemory<byte> Replacement);
