using System.Buffers;
using System.Net.ServerSentEvents;
using System.Text;
using OrleansGateway.Protocols.Sse;
using Xunit;

namespace OrleansGateway.Tests.Unit.Protocols.Sse;

public sealed class SseSplitterTests
{
    private static readonly string Odd = "\uFEFF\r\n: hello\r\rdata: {\"a\":\"é你😀\"}\r\n\r\n:c\ndata:x\n\nevent: m\rdata: 1\rdata:2\r\rid: 7\n\n"
        + "data\n\ndata:  two\r\n: inside\r\nfoo: bar\r\n\r\n\n\ndata: last";

    private static List<string> Split(IEnumerable<byte[]> pieces, int max = 1000)
    {
        using var splitter = new SseSplitter(max);
        var events = new List<string>();
        foreach (var piece in pieces)
        {
            splitter.Append(piece);
            Drain(splitter, events, SseRead.NeedMore);
        }

        splitter.Complete();
        Drain(splitter, events, SseRead.End);
        return events;
    }

    private static void Drain(SseSplitter splitter, List<string> events, SseRead end)
    {
        SseRead read;
        while ((read = splitter.TryRead(out var e)) == SseRead.Event)
        {
            events.Add($"{Text(e.Type)}|{(e.HasData ? Text(e.Data) : "-")}|{Text(e.Raw)}|{(e.IsTerminated ? "" : "cut")}");
        }

        if (read != end)
        {
            events.Add(read.ToString());
        }
    }

    private static string Text(ReadOnlyMemory<byte> bytes) => Encoding.UTF8.GetString(bytes.Span);

    [Fact]
    public void TryRead_AllOddities_AreEventsAsTheStandardSays()
    {
        Assert.Equal(
            [
                "|-|: hello|",
                "|{\"a\":\"é你😀\"}|data: {\"a\":\"é你😀\"}|",
                "|-|:c|",
                "|x|data:x|",
                "m|1\n2|event: m\rdata: 1\rdata:2|",
                "|-|id: 7|",
                "||data|",
                "| two|data:  two\r\n: inside\r\nfoo: bar|",
                "|last|data: last|cut",
            ],
            Split([Encoding.UTF8.GetBytes(Odd)]));
    }

    [Fact]
    public void TryRead_EveryTwoWaySplit_GivesTheSameEvents()
    {
        var bytes = Encoding.UTF8.GetBytes(Odd);
        var expected = Split([bytes]);

        for (var at = 0; at <= bytes.Length; at++)
        {
            Assert.Equal(expected, Split([bytes[..at], bytes[at..]]));
        }
    }

    [Fact]
    public void TryRead_ByteByByte_GivesTheSameEvents()
    {
        var bytes = Encoding.UTF8.GetBytes(Odd);

        Assert.Equal(Split([bytes]), Split(bytes.Select(value => new[] { value })));
    }

    /// <summary>The runtime's own reader of the same format says the same of random streams, however they are cut.</summary>
    [Fact]
    public async Task TryRead_RandomStreams_GivesWhatTheRuntimesReaderGives()
    {
        // Names come with data: the runtime keeps one without for the next event, against the standard.
        string[] pieces = ["data", "data:", "data: ", "event: e\ndata: ", "event:\r\ndata: ", "event: f\rdata: ", "id: 7", "retry: 5", ": c", ":", "x", " ", "é你😀", "\n", "\n", "\n\n", "\r\n", "\r", "\r\n\r\n", "\uFEFF"];
        var random = new Random(20261130);
        for (var run = 0; run < 3000; run++)
        {
            var text = string.Concat(Enumerable.Range(0, random.Next(1, 40)).Select(_ => pieces[random.Next(pieces.Length)])) + "\n\n";
            var bytes = Encoding.UTF8.GetBytes(text);
            var cuts = Enumerable.Range(0, random.Next(6)).Select(_ => random.Next(bytes.Length)).Append(0).Append(bytes.Length).Order().ToList();
            var ours = Split(cuts.Zip(cuts.Skip(1), (from, to) => bytes[from..to])).Select(line => line.Split('|')).Where(parts => parts[1] != "-")
                .Select(parts => $"{(parts[0].Length > 0 ? parts[0] : "message")}|{parts[1]}");
            var theirs = new List<string>();
            await foreach (var item in SseParser.Create(new MemoryStream(bytes)).EnumerateAsync(TestContext.Current.CancellationToken))
            {
                theirs.Add($"{(item.EventType.Length > 0 ? item.EventType : "message")}|{item.Data}");
            }

            Assert.Equal(theirs, ours);
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("\n\r\n\r")]
    [InlineData("\uFEFF")]
    public void TryRead_NothingButBlankLines_IsTheEnd(string text)
    {
        Assert.Empty(Split([Encoding.UTF8.GetBytes(text)]));
    }

    [Fact]
    public void TryRead_ThreeLinesOfLongData_AreJoined()
    {
        var (a, b, c) = (new string('a', 5000), new string('b', 9000), new string('c', 20000));

        var events = Split([Encoding.UTF8.GetBytes($"data: {a}\ndata: {b}\ndata: {c}\n\ndata: d\ndata: e\n\n")], 100_000);

        Assert.StartsWith($"|{a}\n{b}\n{c}|", events[0], StringComparison.Ordinal);
        Assert.StartsWith("|d\ne|", events[1], StringComparison.Ordinal);
    }

    [Fact]
    public void TryRead_EventBeyondTheBound_IsTooLargeHoweverItIsSplit()
    {
        var bytes = Encoding.UTF8.GetBytes("data: ok\n\ndata: " + new string('x', 200) + "\n\n");

        foreach (var at in Enumerable.Range(0, bytes.Length))
        {
            var events = Split([bytes[..at], bytes[at..]], 100);
            Assert.Equal("|ok|data: ok|", events[0]);
            Assert.All(events.Skip(1), read => Assert.Equal("TooLarge", read));
            Assert.True(events.Count > 1);
        }
    }

    [Fact]
    public void TryRead_ManyEventsInOneBuffer_BoundHoldsForEachAlone()
    {
        var bytes = Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat("data: 12345\n\n", 100)));

        Assert.Equal(100, Split([bytes], 20).Count);
    }

    [Fact]
    public void WriteTo_UnterminatedEvent_IsTerminated()
    {
        using var splitter = new SseSplitter();
        splitter.Append("data: {}\r\ndata: 1"u8);
        splitter.Complete();
        Assert.Equal(SseRead.Event, splitter.TryRead(out var sseEvent));

        var writer = new ArrayBufferWriter<byte>();
        sseEvent.WriteTo(writer);

        Assert.Equal("data: {}\r\ndata: 1\n\n", Encoding.UTF8.GetString(writer.WrittenSpan));
    }

    [Fact]
    public void GetMemory_WhileAnEventIsIncomplete_KeepsWhatCame()
    {
        using var splitter = new SseSplitter();
        var text = Encoding.UTF8.GetBytes("data: " + new string('y', 50_000) + "\n\n");
        for (var at = 0; at < text.Length;)
        {
            var memory = splitter.GetMemory(100);
            var count = Math.Min(Math.Min(memory.Length, 333), text.Length - at);
            text.AsMemory(at, count).CopyTo(memory);
            splitter.Advance(count);
            at += count;
            if (at < text.Length)
            {
                Assert.Equal(SseRead.NeedMore, splitter.TryRead(out _));
            }
        }

        Assert.Equal(SseRead.Event, splitter.TryRead(out var sseEvent));
        Assert.Equal(50_000, sseEvent.Data.Length);
    }
}
