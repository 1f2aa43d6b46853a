using System.Buffers;

namespace OrleansGateway.Protocols.Sse;

/// <summary>
/// Splits a byte stream into server-sent events (WHATWG HTML, "Server-sent events"), however the bytes were cut on
/// their way. Leading comments come out as events of their own; a byte order mark and surplus blank lines are dropped;
/// an event that the end of the stream left without its blank line comes out marked as unterminated.
/// </summary>
/// <param name="maxEventBytes">The longest event, in bytes, that is read.</param>
public sealed class SseSplitter(int maxEventBytes = SseSplitter.DefaultMaxEventBytes) : IDisposable
{
    /// <summary>16 MiB: pictures travel in single events of several megabytes.</summary>
    public const int DefaultMaxEventBytes = 16 * 1024 * 1024;

    private byte[] _buffer = [];
    private byte[] _joined = [];
    private int _start;
    private int _end;
    private bool _bomSought;
    private bool _skipLineFeed;
    private bool _completed;
    private bool _tooLarge;

    // The event being read; offsets count from _start, so moving the buffer leaves them true.
    private int _line;
    private int _scan;
    private int _rawEnd;
    private int _dataStart;
    private int _dataLength;
    private int _dataLines;
    private int _typeStart;
    private int _typeLength;

    /// <summary>Memory to read the next bytes into; ends the life of events handed out before.</summary>
    public Memory<byte> GetMemory(int minimumBytes)
    {
        if (_start == _end)
        {
            (_start, _end) = (0, 0);
        }

        if (_buffer.Length - _end < minimumBytes)
        {
            MakeRoom(minimumBytes);
        }

        return _buffer.AsMemory(_end);
    }

    /// <summary>Says how many bytes were read into the memory.</summary>
    public void Advance(int bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(bytes, _buffer.Length - _end);
        _end += bytes;
    }

    /// <summary>Adds bytes that are elsewhere already.</summary>
    public void Append(ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(GetMemory(bytes.Length).Span);
        Advance(bytes.Length);
    }

    /// <summary>Says that the stream has ended.</summary>
    public void Complete() => _completed = true;

    /// <summary>Reads the next event.</summary>
    public SseRead TryRead(out SseEvent sseEvent)
    {
        sseEvent = default;
        if (_tooLarge)
        {
            return SseRead.TooLarge;
        }

        if (!_bomSought && !SkipByteOrderMark())
        {
            return SseRead.NeedMore;
        }

        while (true)
        {
            var found = FindLineEnd(out var lineEnd);
            if (_scan > maxEventBytes)
            {
                _tooLarge = true;
                return SseRead.TooLarge;
            }

            if (!found)
            {
                return _completed ? ReadRemainder(out sseEvent) : SseRead.NeedMore;
            }

            if (ReadLine(lineEnd, out sseEvent))
            {
                return SseRead.Event;
            }
        }
    }

    /// <summary>Returns the buffers to the pool. Events handed out are no longer valid.</summary>
    public void Dispose()
    {
        Return(ref _buffer);
        Return(ref _joined);
        (_start, _end) = (0, 0);
        _completed = true;
        _bomSought = true;
        NextEvent(0);
    }

    private bool SkipByteOrderMark()
    {
        var bom = "\uFEFF"u8;
        var present = _buffer.AsSpan(_start, Math.Min(_end - _start, bom.Length));
        if (!_completed && present.Length < bom.Length && bom.StartsWith(present))
        {
            return false;
        }

        _bomSought = true;
        _start += present.SequenceEqual(bom) ? bom.Length : 0;
        return true;
    }

    /// <summary>Moves past the next line end: LF, CR, or CR LF even when these two came apart.</summary>
    private bool FindLineEnd(out int lineEnd)
    {
        lineEnd = 0;
        if (_skipLineFeed && _start + _scan < _end)
        {
            _skipLineFeed = false;
            if (_buffer[_start + _scan] == '\n')
            {
                _line = ++_scan;
            }
        }

        var rest = _buffer.AsSpan(_start + _scan, _end - _start - _scan);
        var at = rest.IndexOfAny((byte)'\r', (byte)'\n');
        if (at < 0)
        {
            _scan += rest.Length;
            return false;
        }

        lineEnd = _scan + at;
        _scan = lineEnd + 1;
        _skipLineFeed = rest[at] == '\r';
        return true;
    }

    private bool ReadLine(int lineEnd, out SseEvent sseEvent)
    {
        sseEvent = default;
        var line = _buffer.AsSpan(_start + _line, lineEnd - _line);
        var isFirst = _rawEnd == 0;
        if (line.IsEmpty)
        {
            return Dispatch(isTerminated: true, out sseEvent);
        }

        if (isFirst)
        {
            // The event starts at its first line, not at a skipped LF before it.
            _start += _line;
            (_scan, lineEnd, _line) = (_scan - _line, lineEnd - _line, 0);
        }

        _rawEnd = lineEnd;
        if (isFirst && line[0] == ':')
        {
            return Dispatch(isTerminated: true, out sseEvent);
        }

        ReadField(line);
        _line = _scan;
        return false;
    }

    private void ReadField(ReadOnlySpan<byte> line)
    {
        var colon = line.IndexOf((byte)':');
        var name = colon < 0 ? line : line[..colon];
        var valueStart = colon < 0 ? line.Length : colon + 1;
        valueStart += valueStart < line.Length && line[valueStart] == ' ' ? 1 : 0;
        var value = line[valueStart..];
        if (name.SequenceEqual("event"u8))
        {
            (_typeStart, _typeLength) = (_line + valueStart, value.Length);
        }
        else if (name.SequenceEqual("data"u8))
        {
            if (_dataLines == 0)
            {
                (_dataStart, _dataLength) = (_line + valueStart, value.Length);
            }
            else
            {
                JoinData(value);
            }

            _dataLines++;
        }
    }

    private void JoinData(ReadOnlySpan<byte> value)
    {
        var length = _dataLength + 1 + value.Length;
        if (_joined.Length < length)
        {
            var larger = ArrayPool<byte>.Shared.Rent(length * 2);
            _joined.AsSpan(0, _dataLines > 1 ? _dataLength : 0).CopyTo(larger);
            Return(ref _joined);
            _joined = larger;
        }

        if (_dataLines == 1)
        {
            _buffer.AsSpan(_start + _dataStart, _dataLength).CopyTo(_joined);
        }

        _joined[_dataLength] = (byte)'\n';
        value.CopyTo(_joined.AsSpan(_dataLength + 1));
        _dataLength = length;
    }

    private SseRead ReadRemainder(out SseEvent sseEvent)
    {
        if (_line < _scan && ReadLine(_scan, out sseEvent))
        {
            return SseRead.Event;
        }

        return Dispatch(isTerminated: false, out sseEvent) ? SseRead.Event : SseRead.End;
    }

    private bool Dispatch(bool isTerminated, out SseEvent sseEvent)
    {
        var hasEvent = _rawEnd > 0;
        sseEvent = hasEvent
            ? new(
                _buffer.AsMemory(_start, _rawEnd),
                _dataLines > 1 ? _joined.AsMemory(0, _dataLength) : _buffer.AsMemory(_start + _dataStart, _dataLength),
                _buffer.AsMemory(_start + _typeStart, _typeLength),
                _dataLines > 0,
                isTerminated)
            : default;
        NextEvent(_scan);
        return hasEvent;
    }

    private void NextEvent(int consumed)
    {
        _start += consumed;
        (_line, _scan, _rawEnd) = (0, 0, 0);
        (_dataStart, _dataLength, _dataLines) = (0, 0, 0);
        (_typeStart, _typeLength) = (0, 0);
    }

    private void MakeRoom(int minimumBytes)
    {
        var used = _end - _start;
        if (_buffer.Length - used >= minimumBytes && used <= _buffer.Length / 2)
        {
            _buffer.AsSpan(_start, used).CopyTo(_buffer);
        }
        else
        {
            var larger = ArrayPool<byte>.Shared.Rent(Math.Max(used + minimumBytes, used * 2));
            _buffer.AsSpan(_start, used).CopyTo(larger);
            Return(ref _buffer);
            _buffer = larger;
        }

        (_start, _end) = (0, used);
    }

    private static void Return(ref byte[] buffer)
    {
        if (buffer.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(buffer);
            buffer = [];
        }
    }
}
