using System.Text;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Sse;

namespace OrleansGateway.Tests.Unit.Protocols.OpenAI.Translation;

/// <summary>Writes down the pieces of an answer, a line each; texts of one kind that follow each other are joined.</summary>
internal sealed class AnswerLog : IAnswerEvents
{
    private readonly List<(string Head, string Text)> _lines = [];

    public IReadOnlyList<string> Lines => [.. _lines.Select(line => line.Head + line.Text)];

    public void Take(in AnswerEvent answerEvent)
    {
        var text = Encoding.UTF8.GetString(answerEvent.Text);
        var (head, isText) = answerEvent.Kind switch
        {
            AnswerEventKind.ToolStart => ($"{answerEvent.Choice} start {answerEvent.Tool} {Encoding.UTF8.GetString(answerEvent.Id)} {Encoding.UTF8.GetString(answerEvent.Name)}", false),
            AnswerEventKind.ToolArguments => ($"{answerEvent.Choice} arguments {answerEvent.Tool} ", true),
            AnswerEventKind.ChoiceEnd => ($"{answerEvent.Choice} end {answerEvent.Stop}", false),
            AnswerEventKind.Image => ($"{answerEvent.Choice} image {Encoding.UTF8.GetString(answerEvent.MediaType)} ", false),
            _ => ($"{answerEvent.Choice} {answerEvent.Kind} ".ToLowerInvariant(), true),
        };
        if (isText && _lines.Count > 0 && _lines[^1].Head == head)
        {
            _lines[^1] = (head, _lines[^1].Text + text);
        }
        else
        {
            _lines.Add((head, text));
        }
    }

    /// <summary>Reads a stream that comes in pieces of a size.</summary>
    public static (AnswerRead End, IReadOnlyList<string> Lines) Read(IAnswerReader reader, string stream, int pieceBytes = int.MaxValue)
    {
        var log = new AnswerLog();
        using var splitter = new SseSplitter();
        var bytes = Encoding.UTF8.GetBytes(stream).AsMemory();
        while (true)
        {
            switch (splitter.TryRead(out var sseEvent))
            {
                case SseRead.Event when sseEvent.HasData:
                    if (reader.Read(sseEvent, log) is var read and not AnswerRead.Part)
                    {
                        return (read, log.Lines);
                    }

                    continue;
                case SseRead.Event:
                    continue;
                case SseRead.End:
                    return (AnswerRead.Part, log.Lines);
                default:
                    break;
            }

            var piece = bytes[..Math.Min(bytes.Length, pieceBytes)];
            bytes = bytes[piece.Length..];
            if (piece.IsEmpty)
            {
                splitter.Complete();
                continue;
            }

            piece.CopyTo(splitter.GetMemory(piece.Length));
            splitter.Advance(piece.Length);
        }
    }
}
