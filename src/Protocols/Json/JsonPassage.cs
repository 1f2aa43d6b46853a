using System.Buffers;

namespace OrleansGateway.Protocols.Json;

/// <summary>
/// Lets a JSON object through that is too large to be kept. Members of its root that are large go on as they come, byte for byte; of the whole
/// stays a summary that reads like it. It lacks what takes the room and tells nothing: pictures, sound, vectors, probabilities.
/// </summary>
public sealed class JsonPassage
{
    /// <summary>A member of the root that is larger goes on, bytes.</summary>
    public const int KeptBytesMax = 16 * 1024;

    /// <summary>The deepest nesting, as readers have it.</summary>
    private const int DepthMax = 64;

    private static readonly SearchValues<byte> StringStops = SearchValues.Create("\"\\"u8);
    private static readonly SearchValues<byte> ScalarStops = SearchValues.Create(",:]}[{\" \t\r\n"u8);
    private static readonly SearchValues<byte> Brackets = SearchValues.Create("\"[]{}"u8);

    /// <summary>The root's members so far, each but the open one.</summary>
    private readonly ArrayBufferWriter<byte> _summary = new(4096);

    /// <summary>The root's open member as it stands, until it is large, and in short.</summary>
    private readonly ArrayBufferWriter<byte> _member = new();
    private readonly ArrayBufferWriter<byte> _short = new();

    private readonly List<string> _passed = [];
    private readonly byte[] _name = new byte[24];

    /// <summary>A bit for each level that is a list.</summary>
    private UInt128 _lists;
    private int _depth;
    private int _nameLength;

    /// <summary>The level below which nothing is noted; 0 for none.</summary>
    private int _skippedBelow;

    /// <summary>What of <see cref="_short"/> can stand at the end of a text.</summary>
    private int _endsAt;

    /// <summary>Bytes of an escape that has begun.</summary>
    private int _escape;
    private bool _inString;
    private bool _inName;
    private bool _inScalar;
    private bool _expectsName;
    private bool _isBulkText;
    private bool _inMember;
    private bool _hasMemberName;
    private bool _isPassed;

    /// <summary>Whether the object has ended.</summary>
    public bool IsWhole { get; private set; }

    /// <summary>Whether it is no object, or breaks JSON's rules.</summary>
    public bool IsBroken { get; private set; }

    /// <summary>Bytes that are kept.</summary>
    public long Bytes => _summary.WrittenCount + _member.WrittenCount + _short.WrittenCount;

    private bool BeginsMember => _depth == 1 && !_inMember;

    private bool InList => ((_lists >> _depth) & 1) != 0;

    /// <summary>Takes the next part of it.</summary>
    /// <param name="passed">Gets what goes on.</param>
    public void Take(ReadOnlySpan<byte> json, IBufferWriter<byte> passed)
    {
        ArgumentNullException.ThrowIfNull(passed);
        var start = 0;
        for (var at = 0; at < json.Length && !IsBroken;)
        {
            var left = json[at..];
            if (_inString)
            {
                at += TakeString(left);
                continue;
            }

            if (_skippedBelow > 0 && left.IndexOfAny(Brackets) is var bracket and not 0)
            {
                at += bracket < 0 ? left.Length : bracket;
                continue;
            }

            switch (left[0])
            {
                case (byte)' ' or (byte)'\t' or (byte)'\r' or (byte)'\n':
                    EndScalar();
                    break;
                case (byte)'"':
                    start = BeginsMember ? at : start;
                    EndScalar();
                    BeginString();
                    break;
                case (byte)'{' or (byte)'[':
                    Open(left[0]);
                    break;
                case (byte)',' when _depth == 1:
                    IsBroken |= !_inMember;
                    EndMember(json[start..at], passed);
                    break;
                case (byte)'}' when _depth == 1:
                    IsBroken |= !_inMember && _summary.WrittenCount > 0;
                    EndMember(json[start..at], passed);
                    (_depth, IsWhole) = (0, true);
                    break;
                case (byte)'}' or (byte)']':
                    Close(left[0]);
                    break;
                case (byte)',' or (byte)':':
                    EndScalar();
                    IsBroken |= !_inMember;
                    _expectsName = left[0] == ',' && !InList;
                    Note(left[..1]);
                    break;
                default:
                    at += TakeScalar(left) - 1;
                    break;
            }

            at++;
        }

        if (_inMember && !IsBroken)
        {
            Pass(json[start..], passed);
        }
    }

    /// <summary>Writes the summary as if the object ended here.</summary>
    public void WriteSummary(IBufferWriter<byte> writer)
    {
        ArgumentNullException.ThrowIfNull(writer);
        writer.Write(_summary.WrittenCount == 0 ? "{"u8 : _summary.WrittenSpan);
        var endsInText = _inString && !_inName && _skippedBelow == 0;
        if (_inMember && (endsInText || _endsAt > 0))
        {
            writer.Write(_summary.WrittenCount == 0 ? default : ","u8);
            writer.Write(endsInText ? _short.WrittenSpan[..^(_isBulkText ? 0 : _escape)] : _short.WrittenSpan[.._endsAt]);
            writer.Write(endsInText ? "\""u8 : default);
            for (var depth = _skippedBelow > 0 ? _skippedBelow : _depth; depth > 1; depth--)
            {
                writer.Write(((_lists >> depth) & 1) != 0 ? "]"u8 : "}"u8);
            }
        }

        writer.Write("}"u8);
    }

    /// <summary>Writes the end of the object: all that has not gone on.</summary>
    /// <param name="summary">The summary, whatever was changed in it.</param>
    public void WriteRest(IBufferWriter<byte> writer, ReadOnlyMemory<byte> summary)
    {
        ArgumentNullException.ThrowIfNull(writer);
        var left = JsonMembers.Without(summary, _passed.Contains).Span;
        writer.Write(_passed.Count == 0 ? "{"u8 : left.Length > 2 ? ","u8 : default);
        writer.Write(left[1..]);
    }

    /// <summary>What is no more than bulk in the answers of the protocols, by its name.</summary>
    private bool IsBulk(bool isText)
    {
        ReadOnlySpan<byte> name = _name.AsSpan(0, _nameLength);
        return isText
            ? name.SequenceEqual("b64_json"u8) || name.SequenceEqual("data"u8) || name.SequenceEqual("url"u8) || name.SequenceEqual("result"u8)
                || name.SequenceEqual("embedding"u8) || name.SequenceEqual("thoughtSignature"u8) || name.SequenceEqual("signature"u8)
                || name.SequenceEqual("encrypted_content"u8)
            : name.SequenceEqual("embedding"u8) || name.SequenceEqual("values"u8) || name.SequenceEqual("logprobs"u8)
                || name.SequenceEqual("logprobsResult"u8) || name.SequenceEqual("segments"u8) || name.SequenceEqual("words"u8);
    }

    private void BeginString()
    {
        IsBroken |= _depth == 0 || (BeginsMember && !_expectsName);
        _inMember |= _depth == 1;
        _inName = _expectsName;
        _nameLength = _inName ? 0 : _nameLength;
        _isBulkText = !_inName && !InList && IsBulk(isText: true);
        (_inString, _expectsName) = (true, false);
        Note("\""u8);
    }

    /// <returns>How many bytes of it were taken.</returns>
    private int TakeString(ReadOnlySpan<byte> json)
    {
        if (_escape > 0)
        {
            // A backslash and a letter, or "u" and four digits.
            NoteText(json[..1]);
            _escape = _escape == 1 && json[0] != 'u' ? 0 : (_escape + 1) % 6;
            return 1;
        }

        var length = json.IndexOfAny(StringStops);
        if (length != 0)
        {
            length = length < 0 ? json.Length : length;
            NoteText(json[..length]);
            return length;
        }

        if (json[0] == '\\')
        {
            NoteText(json[..1]);
            _escape = 1;
            return 1;
        }

        Note("\""u8);
        if (_inName)
        {
            _hasMemberName |= _depth == 1;
        }
        else
        {
            NoteEnd();
        }

        (_inString, _inName, _isBulkText) = (false, false, false);
        return 1;
    }

    private void NoteText(ReadOnlySpan<byte> text)
    {
        if (_isBulkText)
        {
            // Whether there is anything is all that it tells.
            Note(_short.WrittenSpan[^1] == '"' ? "-"u8 : default);
            return;
        }

        Note(text);
        if (_inName && _nameLength + text.Length is var length && length <= _name.Length)
        {
            text.CopyTo(_name.AsSpan(_nameLength));
            _nameLength = length;
        }
        else if (_inName)
        {
            // Longer than any that matters.
            (_nameLength, _name[0]) = (1, 0);
        }
    }

    private int TakeScalar(ReadOnlySpan<byte> json)
    {
        IsBroken |= _depth == 0 || BeginsMember || IsWhole;
        var length = json.IndexOfAny(ScalarStops);
        length = length < 0 ? json.Length : length;
        Note(json[..length]);
        _inScalar = true;
        return length;
    }

    private void EndScalar()
    {
        if (_inScalar)
        {
            _inScalar = false;
            NoteEnd();
        }
    }

    private void Open(byte bracket)
    {
        if (_depth == 0)
        {
            IsBroken |= bracket != '{' || IsWhole;
            (_depth, _expectsName) = (1, true);
            return;
        }

        IsBroken |= BeginsMember || _depth == DepthMax;
        var isSkipped = _skippedBelow == 0 && !InList && IsBulk(isText: false);
        _depth++;
        _lists = bracket == '[' ? _lists | (UInt128.One << _depth) : _lists & ~(UInt128.One << _depth);
        Note(bracket == '[' ? "["u8 : "{"u8);
        NoteEnd();
        _skippedBelow = isSkipped ? _depth : _skippedBelow;
        _expectsName = bracket == '{' && _skippedBelow == 0;
    }

    private void Close(byte bracket)
    {
        EndScalar();
        IsBroken |= _depth == 0 || InList != (bracket == ']');
        _skippedBelow = _skippedBelow == _depth ? 0 : _skippedBelow;
        _depth--;
        _expectsName = false;
        Note(bracket == ']' ? "]"u8 : "}"u8);
        NoteEnd();
    }

    /// <summary>Notes a piece in short.</summary>
    private void Note(ReadOnlySpan<byte> json)
    {
        if (_skippedBelow == 0)
        {
            _short.Write(json);
        }
    }

    /// <summary>Says that what was noted last can stand at the end.</summary>
    private void NoteEnd() => _endsAt = _short.WrittenCount;

    /// <param name="last">What of it has not gone on.</param>
    private void EndMember(ReadOnlySpan<byte> last, IBufferWriter<byte> passed)
    {
        EndScalar();
        _expectsName = true;
        if (!_inMember)
        {
            return;
        }

        Pass(last, passed);
        _summary.Write(_summary.WrittenCount == 0 ? "{"u8 : ","u8);
        _summary.Write((_isPassed ? _short : _member).WrittenSpan);
        _member.ResetWrittenCount();
        _short.ResetWrittenCount();
        _endsAt = 0;
        (_inMember, _hasMemberName, _isPassed) = (false, false, false);
    }

    /// <summary>Passes on a part of the root's open member, or keeps it as long as it is not large.</summary>
    private void Pass(ReadOnlySpan<byte> part, IBufferWriter<byte> passed)
    {
        if (_isPassed)
        {
            passed.Write(part);
            return;
        }

        _member.Write(part);
        if (_member.WrittenCount > KeptBytesMax && _hasMemberName)
        {
            passed.Write(_passed.Count == 0 ? "{"u8 : ","u8);
            passed.Write(_member.WrittenSpan);
            _passed.Add(JsonBytes.TextOf(_member.WrittenSpan) ?? "");
            _member.ResetWrittenCount();
            _isPassed = true;
        }
    }
}
