using System.Buffers;
using System.Globalization;
using System.Text;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Sse;

namespace OrleansGateway.Tests.Unit.Protocols.Gemini;

/// <summary>Writes down the pieces of an answer.</summary>
internal sealed class Answers : IAnswerEvents
{
    public List<string> All { get; } = [];

    public void Take(in AnswerEvent answerEvent)
    {
        var text = new StringBuilder().Append(CultureInfo.InvariantCulture, $"{answerEvent.Choice} {answerEvent.Kind}");
        switch (answerEvent.Kind)
        {
            case AnswerEventKind.ToolStart:
                text.Append(CultureInfo.InvariantCulture, $" {answerEvent.Tool} {Encoding.UTF8.GetString(answerEvent.Id)} {Encoding.UTF8.GetString(answerEvent.Name)}");
                break;
            case AnswerEventKind.ToolArguments:
                text.Append(CultureInfo.InvariantCulture, $" {answerEvent.Tool} {Encoding.UTF8.GetString(answerEvent.Text)}");
                break;
            case AnswerEventKind.ChoiceEnd:
                text.Append(CultureInfo.InvariantCulture, $" {answerEvent.Stop}");
                break;
            case AnswerEventKind.Image:
                text.Append(CultureInfo.InvariantCulture, $" {Encoding.UTF8.GetString(answerEvent.MediaType)} {Encoding.UTF8.GetString(answerEvent.Text)}");
                break;
            default:
                text.Append(CultureInfo.InvariantCulture, $" {Encoding.UTF8.GetString(answerEvent.Text)}");
                break;
        }

        All.Add(text.ToString());
    }

    /// <summary>Reads a stream that came in pieces of one size.</summary>
    public static AnswerRead Read(IAnswerReader reader, ReadOnlySpan<byte> stream, int size, IAnswerEvents events)
    {
        using var splitter = new SseSplitter();
        var read = AnswerRead.Part;
        for (var at = 0; at <= stream.Length; at += size)
        {
            splitter.Append(stream[at..Math.Min(at + size, stream.Length)]);
            if (at + size > stream.Length)
            {
                splitter.Complete();
            }

            while (splitter.TryRead(out var sseEvent) == SseRead.Event)
            {
                if (sseEvent.HasData && read == AnswerRead.Part)
                {
                    read = reader.Read(sseEvent, events);
                }
            }
        }

        return read;
    }

    public static string Text(Action<IBufferWriter<byte>> write)
    {
        var written = new ArrayBufferWriter<byte>();
        write(written);
        return Encoding.UTF8.GetString(written.WrittenSpan);
    }
}
