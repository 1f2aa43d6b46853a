using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Json;

namespace OrleansGateway.Protocols.Gemini;

/// <summary>What a relay changes in a request for one channel.</summary>
public readonly record struct GeminiChanges
{
    /// <summary>The provider's name for the model.</summary>
    public required string Model { get; init; }

    /// <summary>The output limit to forward in place of the client's or where it gave none, tokens a choice; null leaves it.</summary>
    public int? MaxOutputTokens { get; init; }

    /// <summary>Top-level fields to leave out, in either spelling.</summary>
    public IReadOnlyList<string> Without { get; init; }

    /// <summary>What has no price, to leave out: a tier, tools of the provider.</summary>
    public IReadOnlyList<PricedField> Unpriced { get; init; }
}

public sealed partial class GeminiRequest
{
    /// <summary>The path's name of a model: <c>models/…</c>, unless it says itself what it is.</summary>
    public static string PathOf(string model)
    {
        ArgumentNullException.ThrowIfNull(model);
        return model.StartsWith("models/", StringComparison.Ordinal) || model.StartsWith("tunedModels/", StringComparison.Ordinal) ? model : "models/" + model;
    }

    /// <summary>The body for a provider, changed only as said. Everything else, number text included, stays byte for byte.</summary>
    public UpstreamBody ForUpstream(in GeminiChanges changes)
    {
        var splices = new List<JsonSplice>();
        foreach (var model in _models)
        {
            var member = (byte[])[.. "\"model\":"u8, .. JsonBytes.Quote(PathOf(changes.Model))];
            splices.Add(new(model.NameStart, model.ValueEnd, member));
        }

        if (changes.MaxOutputTokens is { } limit && limit != MaxOutputTokens)
        {
            splices.Add(LimitSplice(limit));
        }

        splices.Sort(static (one, other) => one.Start.CompareTo(other.Start));
        var segments = new List<ReadOnlyMemory<byte>>((2 * splices.Count) + 1);
        var position = 0;
        foreach (var splice in splices)
        {
            segments.Add(Body[position..splice.Start]);
            segments.Add(splice.Replacement);
            position = splice.End;
        }

        segments.Add(Body[position..]);
        var body = new UpstreamBody([.. segments.Where(static segment => !segment.IsEmpty)]);
        return changes is { Without: { Count: > 0 } } or { Unpriced: { Count: > 0 } } ? Without(body, changes) : body;
    }

    private JsonSplice LimitSplice(int limit)
    {
        var member = string.Create(CultureInfo.InvariantCulture, $"\"maxOutputTokens\":{limit}");
        if (_maxOutput.IsPresent)
        {
            return new(_maxOutput.NameStart, _maxOutput.ValueEnd, Encoding.ASCII.GetBytes(member));
        }

        if (!_config.IsPresent)
        {
            // A request has contents, so something follows.
            return new(_rootStart, _rootStart, Encoding.ASCII.GetBytes($"\"generationConfig\":{{{member}}},"));
        }

        if (Body.Span[_config.ValueStart] != '{')
        {
            return new(_config.ValueStart, _config.ValueEnd, Encoding.ASCII.GetBytes($"{{{member}}}"));
        }

        var inside = _config.ValueStart + 1;
        var isEmpty = Body.Span[inside..(_config.ValueEnd - 1)].Trim(" \t\r\n"u8).IsEmpty;
        return new(inside, inside, Encoding.ASCII.GetBytes(isEmpty ? member : member + ","));
    }

    private static UpstreamBody Without(UpstreamBody body, GeminiChanges changes)
    {
        var joined = new ArrayBufferWriter<byte>((int)body.Length);
        body.WriteTo(joined);
        ReadOnlyMemory<byte> json = joined.WrittenMemory;
        var tools = (changes.Unpriced ?? []).Where(static field => field.Field == "tools").Select(static field => field.Value).ToHashSet(StringComparer.Ordinal);
        var kept = new ArrayBufferWriter<byte>();
        var hasTools = tools.Count > 0 && KeepTools(json, tools, kept);
        if (hasTools)
        {
            json = Replace(json, "tools", kept.WrittenMemory);
        }

        var dropped = new GeminiNames((changes.Without ?? [])
            .Concat((changes.Unpriced ?? []).Where(static field => field.Field != "tools").Select(static field => field.Field))
            .Concat(tools.Count > 0 && !hasTools ? ["tools", "toolConfig"] : [])
            .DistinctBy(GeminiNames.Fold, StringComparer.Ordinal));
        return new UpstreamBody(JsonMembers.Without(json, name => dropped.Find(Encoding.UTF8.GetBytes(name)) is not null));
    }

    /// <summary>Writes the list of tools without some of the provider's.</summary>
    /// <returns>Whether any stays.</returns>
    private static bool KeepTools(ReadOnlyMemory<byte> json, HashSet<string> dropped, IBufferWriter<byte> kept)
    {
        var reader = new Utf8JsonReader(json.Span);
        reader.Read();
        while (reader.Read() && !reader.ValueTextEquals("tools"u8))
        {
            reader.Skip();
        }

        var names = new GeminiNames(dropped.DistinctBy(GeminiNames.Fold, StringComparer.Ordinal));
        var separator = "["u8;
        reader.Read();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            var start = (int)reader.TokenStartIndex;
            reader.Skip();
            var tool = JsonMembers.Without(
                json[start..(int)reader.BytesConsumed], name => names.Find(Encoding.UTF8.GetBytes(name)) is not null);
            if (tool.Length > 2)
            {
                kept.Write(separator);
                kept.Write(tool.Span);
                separator = ","u8;
            }
        }

        kept.Write("]"u8);
        return separator[0] == ',';
    }

    private static ReadOnlyMemory<byte> Replace(ReadOnlyMemory<byte> json, string name, ReadOnlyMemory<byte> value)
    {
        var reader = new Utf8JsonReader(json.Span);
        reader.Read();
        while (reader.Read() && !reader.ValueTextEquals(name))
        {
            reader.Skip();
        }

        reader.Read();
        var start = (int)reader.TokenStartIndex;
        reader.Skip();
        return (byte[])[.. json.Span[..start], .. value.Span, .. json.Span[(int)reader.BytesConsumed..]];
    }
}
