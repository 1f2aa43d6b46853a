using System.IO.Compression;
using System.Text;
using System.Text.Json.Nodes;

namespace OrleansGateway.Tests.Integration.Edge.Cases;

/// <summary>What providers send, in few words.</summary>
internal static class Wire
{
    public const string Done = "data: [DONE]\n\n";

    /// <summary>An empty delta that ends the choice.</summary>
    public static string Fin(string? usage = null, string? choiceUsage = null, string reason = "stop") => Event(
        $$"""{"index":0,"delta":{},"finish_reason":"{{reason}}"{{(choiceUsage is null ? "" : $",\"usage\":{choiceUsage}")}}}""", usage);

    /// <summary>A piece of text.</summary>
    public static string Text(string text, string? usage = null) =>
        Delta($$"""{"content":{{JsonValue.Create(text)!.ToJsonString()}}}""", usage);

    public static string Delta(string delta, string? usage = null) => Event($$"""{"index":0,"delta":{{delta}},"finish_reason":null}""", usage);

    /// <summary>The chunk that tells the usage alone.</summary>
    public static string Use(int prompt, int completion, int cached = 0) => Event("", Usage(prompt, completion, cached));

    public static string Usage(int prompt, int completion, int cached = 0) =>
        $$$"""{"prompt_tokens":{{{prompt}}},"completion_tokens":{{{completion}}},"prompt_tokens_details":{"cached_tokens":{{{cached}}}} }""";

    /// <summary>A whole answer.</summary>
    public static string Whole(string usage, string message = """{"role":"assistant","content":"hi"}""", string model = "test-model") =>
        $$"""{"id":"c1","object":"chat.completion","created":1,"model":"{{model}}","choices":[{"index":0,"message":{{message}},"finish_reason":"stop"}],"usage":{{usage}}}""";

    /// <summary>A response whose body ends with the connection.</summary>
    public static string Http(string body, int status = 200, string type = "application/json", string headers = "") =>
        $"HTTP/1.1 {status} X\r\ncontent-type: {type}\r\nconnection: close\r\n{headers}\r\n{body}";

    public static string Stream(params string[] events) => Http(string.Concat(events), type: "text/event-stream");

    public static byte[] Compressed(string head, string body, Func<Stream, Stream> compress)
    {
        var bytes = new MemoryStream();
        using (var into = compress(bytes))
        {
            into.Write(Encoding.UTF8.GetBytes(body));
        }

        return [.. Encoding.UTF8.GetBytes(head), .. bytes.ToArray()];
    }

    public static Stream GZip(Stream into) => new GZipStream(into, CompressionLevel.Fastest, leaveOpen: true);

    public static Stream Brotli(Stream into) => new BrotliStream(into, CompressionLevel.Fastest, leaveOpen: true);

    public static Stream Deflate(Stream into) => new ZLibStream(into, CompressionLevel.Fastest, leaveOpen: true);

    private static string Event(string choice, string? usage) =>
        $$"""data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"test-model","choices":[{{choice}}]{{(usage is null ? "" : $",\"usage\":{usage}")}}}""" + "\n\n";
}
