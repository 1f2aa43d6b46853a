using System.Buffers;
using OrleansGateway.Protocols.Json;
using OrleansGateway.Protocols.Sse;

namespace OrleansGateway.Protocols.OpenAI;

/// <summary>What a payload of a stream, or a whole response, is.</summary>
public enum ChatPayloadKind
{
    /// <summary>Choices: pieces of the answer, or all of it.</summary>
    Choices,

    /// <summary>The usage chunk: usage and no choices. Not for a client that did not ask for it.</summary>
    UsageOnly,

    /// <summary>The stream's end marker.</summary>
    Done,

    /// <summary>An error in the provider's words, which must not be passed on as it is: see <see cref="UpstreamErrors"/>.</summary>
    Error,

    /// <summary>An object of another kind, such as the results of a prompt filter.</summary>
    Other,

    /// <summary>Nothing: to be dropped.</summary>
    Empty,

    /// <summary>Broken or cut off: not to be passed on, the provider has failed.</summary>
    Malformed,
}

/// <summary>Why a choice ended.</summary>
public enum FinishReason
{
    /// <summary>It has not ended.</summary>
    None,

    /// <summary><c>stop</c>.</summary>
    Stop,

    /// <summary><c>length</c>.</summary>
    Length,

    /// <summary><c>tool_calls</c> or the older <c>function_call</c>.</summary>
    ToolCalls,

    /// <summary><c>content_filter</c>, also under Zhipu's name <c>sensitive</c>.</summary>
    ContentFilter,

    /// <summary>A reason of the provider's own.</summary>
    Other,
}

/// <summary>What becomes of a payload's <c>usage</c> member on its way to the client.</summary>
public enum UsageEdit
{
    /// <summary>It stays as it is.</summary>
    Keep,

    /// <summary>It is taken out: the client did not ask.</summary>
    Remove,

    /// <summary>It becomes, or is added as, <c>"usage":null</c>: the client asked, and the usage chunk tells it.</summary>
    Null,

    /// <summary>It becomes, or is added as, <see cref="ChatEdits.UsageJson"/>.</summary>
    Replace,
}

/// <summary>What a relay changes in the payloads of one response.</summary>
public readonly record struct ChatEdits
{
    private static ReadOnlySpan<byte> ModelName => "\"model\":"u8;

    /// <summary>The model's name as a JSON string; empty leaves the provider's.</summary>
    public ReadOnlyMemory<byte> ModelJson { get; private init; }

    /// <summary>The member that is put first into a payload without a model.</summary>
    internal ReadOnlyMemory<byte> ModelMember { get; private init; }

    /// <summary>The id that all chunks are to have, as a JSON string; empty leaves each its own.</summary>
    public ReadOnlyMemory<byte> IdJson { get; init; }

    /// <summary>What becomes of the usage.</summary>
    public UsageEdit Usage { get; init; }

    /// <summary>The usage object for <see cref="UsageEdit.Replace"/>.</summary>
    public ReadOnlyMemory<byte> UsageJson { get; init; }

    /// <summary>The edits of an answer by a model, under the name that it is to have.</summary>
    public static ChatEdits Of(string model)
    {
        var json = JsonBytes.Quote(model);
        return new ChatEdits { ModelJson = json, ModelMember = (byte[])[.. ModelName, .. json, (byte)','] };
    }
}

/// <summary>Where the members stand that a relay may change.</summary>
internal readonly record struct ChatMembers(JsonMember Id, JsonMember Model, JsonMember Usage, List<JsonMember>? SensitiveFinishes)
{
    private static readonly ReadOnlyMemory<byte> ContentFilter = "\"content_filter\""u8.ToArray();
    private static ReadOnlySpan<byte> AddedUsage => ",\"usage\":"u8;

    private static readonly ReadOnlyMemory<byte> AddedNull = ",\"usage\":null"u8.ToArray();

    public JsonSplices Splices(ReadOnlySpan<byte> json, in ChatEdits edits)
    {
        var splices = default(JsonSplices);
        if (!edits.ModelJson.IsEmpty && !Model.IsPresent)
        {
            var start = json.IndexOf((byte)'{') + 1;
            var rest = edits.Usage == UsageEdit.Remove && Usage.IsPresent && json[start..Usage.NameStart].Trim(" \t\r\n"u8).IsEmpty
                ? json[Usage.ValueEnd..]
                : json[start..];
            var isEmpty = rest.TrimStart(" \t\r\n"u8) is [(byte)'}', ..];
            splices.Replace(start, start, isEmpty ? edits.ModelMember[..^1] : edits.ModelMember);
        }
        else if (!edits.ModelJson.IsEmpty && !Model.Value(json).SequenceEqual(edits.ModelJson.Span))
        {
            splices.ReplaceValue(Model, edits.ModelJson);
        }

        if (!edits.IdJson.IsEmpty && Id.IsPresent && !Id.Value(json).SequenceEqual(edits.IdJson.Span))
        {
            splices.ReplaceValue(Id, edits.IdJson);
        }

        for (var i = 0; i < SensitiveFinishes?.Count; i++)
        {
            splices.ReplaceValue(SensitiveFinishes[i], ContentFilter);
        }

        SpliceUsage(ref splices, json, edits);
        return splices;
    }

    private void SpliceUsage(ref JsonSplices splices, ReadOnlySpan<byte> json, in ChatEdits edits)
    {
        switch (edits.Usage)
        {
            case UsageEdit.Remove when Usage.IsPresent:
                splices.Remove(json, Usage);
                break;
            case UsageEdit.Null when !Usage.IsPresent:
                var end = json.LastIndexOf((byte)'}');
                splices.Replace(end, end, AddedNull);
                break;
            case UsageEdit.Null when !Usage.Value(json).SequenceEqual("null"u8):
                splices.ReplaceValue(Usage, JsonBytes.Null);
                break;
            case UsageEdit.Replace when Usage.IsPresent:
                splices.ReplaceValue(Usage, edits.UsageJson);
                break;
            case UsageEdit.Replace:
                var close = json.LastIndexOf((byte)'}');
                splices.Replace(close, close, (byte[])[.. AddedUsage, .. edits.UsageJson.Span]);
                break;
            default:
                break;
        }
    }
}

/// <summary>What one payload of a stream is and tells.</summary>
public readonly struct ChatChunk
{
    internal ChatMembers Members { get; init; }

    /// <summary>What it is.</summary>
    public ChatPayloadKind Kind { get; init; }

    /// <summary>Whether it reports usage (not a null or unreadable one); the meter keeps the last.</summary>
    public bool HasUsage { get; init; }

    /// <summary>Whether it carries output: text, reasoning, a tool call, audio or a picture.</summary>
    public bool HasOutput { get; init; }

    /// <summary>The reason with which its last ended choice ended.</summary>
    public FinishReason FinishReason { get; init; }

    /// <summary>
    /// Writes the event to the client: its data alone, untouched where no edit applies. Only for kinds that are passed on
    /// (Choices, UsageOnly, Other, Done).
    /// </summary>
    /// <param name="writer">The client's stream.</param>
    /// <param name="sseEvent">The event that the chunk was read from.</param>
    /// <param name="edits">The response's edits; <see cref="UsageEdit.Null"/> only touches chunks with choices.</param>
    public void WriteEvent(IBufferWriter<byte> writer, in SseEvent sseEvent, in ChatEdits edits)
    {
        var payload = sseEvent.Data.Span;
        var applied = edits.Usage == UsageEdit.Null && Kind != ChatPayloadKind.Choices ? edits with { Usage = UsageEdit.Keep } : edits;
        var splices = Kind == ChatPayloadKind.Done ? default : Members.Splices(payload, applied);
        if (splices.Count == 0 && sseEvent.IsDataAlone)
        {
            sseEvent.WriteTo(writer);
        }
        else if (splices.Count == 0)
        {
            // Ids, retry times, names of events and comments stay here: some clients stumble over them.
            ChatStreamFrames.WriteData(writer, payload);
        }
        else if (payload.Contains((byte)'\n'))
        {
            var edited = new ArrayBufferWriter<byte>(payload.Length + 256);
            splices.Write(payload, edited);
            ChatStreamFrames.WriteData(writer, edited.WrittenSpan);
        }
        else
        {
            writer.Write(ChatStreamFrames.DataPrefix);
            splices.Write(payload, writer);
            writer.Write(ChatStreamFrames.EventEnd);
        }
    }
}
