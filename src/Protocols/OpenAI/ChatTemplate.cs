using System.Buffers;

namespace OrleansGateway.Protocols.OpenAI;

/// <summary>
/// The last chunk of plain text without its text. A payload that only differs in its text, and whose text has
/// nothing that JSON treats specially, is a chunk of the same structure: it need not be parsed.
/// </summary>
internal struct ChatTemplate
{
    private const int MaxBytes = 1024;

    private static readonly SearchValues<byte> EndsPlainText = SearchValues.Create(
        Enumerable.Range(0, 0x20).Append('"').Append('\\').Select(value => (byte)value).ToArray());

    private byte[]? _bytes;
    private int _prefix;
    private int _length;
    private int _textEnd;
    private ChatMembers _members;

    public bool IsReasoning { get; private set; }

    public void Keep(ReadOnlySpan<byte> payload, in ChatScanner scan, ChatMembers members)
    {
        var length = payload.Length - (scan.OutputEnd - scan.OutputStart);
        if (length > MaxBytes)
        {
            return;
        }

        _bytes ??= new byte[MaxBytes];
        payload[..scan.OutputStart].CopyTo(_bytes);
        payload[scan.OutputEnd..].CopyTo(_bytes.AsSpan(scan.OutputStart));
        (_prefix, _textEnd, _length) = (scan.OutputStart, scan.OutputEnd, length);
        _members = members;
        IsReasoning = scan.OutputIsReasoning;
    }

    public readonly bool TryMatch(ReadOnlySpan<byte> payload, out ReadOnlySpan<byte> text, out ChatMembers members)
    {
        text = default;
        members = default;
        var textLength = payload.Length - _length;
        if (_length == 0 || textLength <= 0
            || !payload.StartsWith(_bytes.AsSpan(0, _prefix))
            || !payload.EndsWith(_bytes.AsSpan(_prefix, _length - _prefix)))
        {
            return false;
        }

        text = payload.Slice(_prefix, textLength);
        if (text.ContainsAny(EndsPlainText))
        {
            return false;
        }

        var by = _prefix + textLength - _textEnd;
        members = new(_members.Id.Shift(_textEnd, by), _members.Model.Shift(_textEnd, by), _members.Usage.Shift(_textEnd, by), default);
        return true;
    }
}
