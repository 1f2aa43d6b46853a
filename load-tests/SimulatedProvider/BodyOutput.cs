using System.Buffers;
using System.IO.Pipelines;
using System.Text;

namespace OrleansGateway.SimulatedProvider;

/// <summary>Sends a body, in the pieces and with the line ends that the behaviour asks for.</summary>
internal sealed class BodyOutput(PipeWriter writer, SimulatedBehaviour behaviour)
{
    private readonly ArrayBufferWriter<byte>? _pending = behaviour.Split is null ? null : new();
    private int _pieces;

    /// <summary>Whether a send found the connection closed.</summary>
    public bool IsClosed { get; private set; }

    /// <summary>Leaves <paramref name="bytes"/> to go with whatever is sent next.</summary>
    public void Hold(ReadOnlySpan<byte> bytes)
    {
        if (_pending is null)
        {
            // Asked for no certain size, Kestrel may hand out an empty span.
            bytes.CopyTo(writer.GetSpan(bytes.Length));
            writer.Advance(bytes.Length);
        }
        else
        {
            _pending.Write(bytes);
        }
    }

    /// <summary>Sends <paramref name="bytes"/> at once; with a split, as many whole pieces as there are.</summary>
    public async ValueTask SendAsync(ReadOnlyMemory<byte> bytes)
    {
        if (_pending is null)
        {
            IsClosed |= (await writer.WriteAsync(bytes)).IsCompleted;
            return;
        }

        _pending.Write(bytes.Span);
        await SendPiecesAsync(wholeOnly: true);
    }

    /// <summary>Sends what is held, a piece that is not full included.</summary>
    public async ValueTask FlushAsync()
    {
        if (_pending is not null)
        {
            await SendPiecesAsync(wholeOnly: false);
        }

        IsClosed |= (await writer.FlushAsync()).IsCompleted;
    }

    /// <summary>A stream's event, written <c>data: …\n\n</c>, in the form that the behaviour asks for.</summary>
    public static byte[] Shape(ReadOnlySpan<byte> usualForm, SimulatedBehaviour behaviour, bool isLast)
    {
        if (behaviour.HasUsualForm && !(isLast && behaviour.NoFinalNewline))
        {
            return usualForm.ToArray();
        }

        var text = Encoding.UTF8.GetString(usualForm);
        if (behaviour.MultiLine)
        {
            text = text.Replace(",\"choices\":", "\ndata: ,\"choices\":", StringComparison.Ordinal);
        }

        if (behaviour.NoSpace)
        {
            text = text.Replace("data: ", "data:", StringComparison.Ordinal);
        }

        if (isLast && behaviour.NoFinalNewline)
        {
            text = text.TrimEnd('\n');
        }

        return Encoding.UTF8.GetBytes(behaviour.LineEnd switch
        {
            "crlf" => text.Replace("\n", "\r\n", StringComparison.Ordinal),
            "cr" => text.Replace('\n', '\r'),
            _ => text,
        });
    }

    private async ValueTask SendPiecesAsync(bool wholeOnly)
    {
        var rest = _pending!.WrittenMemory;
        while (!rest.IsEmpty && !IsClosed)
        {
            var size = behaviour.Split![_pieces % behaviour.Split.Length];
            if (size > rest.Length && wholeOnly)
            {
                break;
            }

            _pieces++;
            size = Math.Min(size, rest.Length);
            IsClosed |= (await writer.WriteAsync(rest[..size])).IsCompleted;
            rest = rest[size..];
        }

        var kept = rest.ToArray();
        _pending.ResetWrittenCount();
        _pending.Write(kept);
    }
}
