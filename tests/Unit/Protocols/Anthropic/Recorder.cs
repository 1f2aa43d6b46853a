using System.Buffers;
using System.Text;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Sse;

namespace OrleansGateway.Tests.Unit.Protocols.Anthropic;

/// <summary>Remembers the pieces of an answer as words.</summary>
internal sealed class Recorder : IAnswerEvents
{
    public List<string> Words { get; } = [];

    /// <summary>The words, where pieces of one kind that follow each other are one.</summary>
    public string Joined
    {
        get
        {
            var joined = new List<(string Kind, string Text)>();
            foreach (var word in Words)
            {
                var (kind, text) = (word[..word.IndexOf(':')], word[(word.IndexOf(':') + 1)..]);
                if (joined.Count > 0 && joined[^1].Kind == kind && !kind.StartsWith("ToolStart", StringComparison.Ordinal))
                {
                    joined[^1] = (kind, joined[^1].Text + text);
                }
                else
                {
                    joined.Add((kind, text));
                }
            }

            return string.Join('|', joined.Select(word => $"{word.Kind}:{word.Text}"));
        }
    }

    public void Take(in AnswerEvent answerEvent) => Words.Add(answerEvent.Kind switch
    {
        AnswerEventKind.ToolStart => $"ToolStart{answerEvent.Tool}:{Text(answerEvent.Id)} {Text(answerEvent.Name)}",
        AnswerEventKind.ToolArguments => $"Arguments{answerEvent.Tool}:{Text(answerEvent.Text)}",
        AnswerEventKind.ChoiceEnd => $"End:{answerEvent.Stop} {Text(answerEvent.Text)}",
        _ => $"{answerEvent.Kind}:{Text(answerEvent.Text)}",
    });

    /// <summary>Gives the events of a stream to somebody, the bytes cut into pieces.</summary>
    public static void Split(IEnumerable<byte[]> pieces, Action<SseEvent> take)
    {
        using var splitter = new SseSplitter();
        foreach (var piece in pieces)
        {
            splitter.Append(piece);
            Drain();
        }

        splitter.Complete();
        Drain();

        void Drain()
        {
            while (splitter.TryRead(out var sseEvent) == SseRead.Event)
            {
                if (sseEvent.HasData)
                {
                    take(sseEvent);
                }
            }
        }
    }

    public static string Text(ReadOnlySpan<byte> text) => Encoding.UTF8.GetString(text);

    public static string Text(ArrayBufferWriter<byte> writer) => Encoding.UTF8.GetString(writer.WrittenSpan);
}
