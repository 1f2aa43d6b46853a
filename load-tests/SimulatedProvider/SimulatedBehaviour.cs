using System.ComponentModel;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace OrleansGateway.SimulatedProvider;

/// <summary>
/// How the provider answers a chat completion. The same names in snake case are set by the command line
/// (<c>--latency-ms 20</c>), by a request's headers (<c>x-sim-latency-ms: 20</c>), by its body
/// (<c>"sim": {"latency_ms": 20}</c>) and by <c>POST /sim/defaults</c>; the body wins over headers, headers over defaults.
/// Descriptions are the help texts. "After N events" counts the data events of a stream, the role event included;
/// in an answer that is not streamed any N of 0 or more means after half of the body.
/// </summary>
public sealed record SimulatedBehaviour
{
    internal static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    };

    [Description("ms to wait before the status line")]
    public int LatencyMs { get; init; }

    [Description("ms to wait between the headers and the first byte of the body")]
    public int FirstByteMs { get; init; }

    [Description("completion tokens of a choice, one event each; without it, 8 to 64 derived from the request")]
    public int? Tokens { get; init; }

    [Description("tokens a second; 0 is as fast as possible")]
    public double TokenRate { get; init; }

    [Description("HTTP status of an error to answer with")]
    public int? Error { get; init; }

    [Description("share of requests, 0 to 1, that get the error (500 unless named), spread evenly")]
    public double? ErrorRate { get; init; }

    [Description("error.type of the error")]
    public string? ErrorType { get; init; }

    [Description("error.code of the error")]
    public string? ErrorCode { get; init; }

    [Description("error.message of the error")]
    public string? ErrorMessage { get; init; }

    [Description("whole body of the error, instead of OpenAI's shape")]
    public string? ErrorBody { get; init; }

    [Description("seconds in the retry-after header of an error")]
    public int? RetryAfter { get; init; }

    [Description("reason phrase of the status line")]
    public string? Reason { get; init; }

    [Description("object of further response headers")]
    public JsonObject? Headers { get; init; }

    [Description("reset the connection after N events; -1: before the status line")]
    public int? BreakAfter { get; init; }

    [Description("fall silent after N events until the client goes; -1: before the status line")]
    public int? HangAfter { get; init; }

    [Description("after N events send an error event and end without [DONE]")]
    public int? ErrorAfter { get; init; }

    [Description("after N events send an event whose JSON is cut, then go on")]
    public int? BrokenJson { get; init; }

    [Description("answer 200 with a body that is HTML")]
    public bool Malformed { get; init; }

    [Description("ms between ': keep-alive' comments while a stream waits or is silent; 0 sends none")]
    public int Comments { get; init; }

    [Description("leave out the usage")]
    public bool MissingUsage { get; init; }

    [Description("object that takes the place of the usage, as it is")]
    public JsonObject? Usage { get; init; }

    [Description("send the usage with the finish event, asked for or not, as some providers do")]
    public bool UsageWithFinish { get; init; }

    [Description("prompt_tokens_details.cached_tokens")]
    public long CachedTokens { get; init; }

    [Description("prompt_tokens_details.cache_write_tokens")]
    public long CacheWriteTokens { get; init; }

    [Description("prompt_tokens_details.audio_tokens")]
    public long AudioTokens { get; init; }

    [Description("completion_tokens_details.reasoning_tokens; these tokens have no text")]
    public long ReasoningTokens { get; init; }

    [Description("completion_tokens_details.audio_tokens")]
    public long OutputAudioTokens { get; init; }

    [Description("bytes of text added to the first token")]
    public int Big { get; init; }

    [Description("sizes in bytes, repeated, of the pieces the body is sent in: 1, or [3,1,7]")]
    [JsonConverter(typeof(OneOrManyConverter))]
    public int[]? Split { get; init; }

    [Description("line ends of a stream: lf, crlf or cr")]
    public string LineEnd { get; init; } = "lf";

    [Description("no space after 'data:'")]
    public bool NoSpace { get; init; }

    [Description("every JSON event in two data lines")]
    public bool MultiLine { get; init; }

    [Description("a byte order mark before the stream")]
    public bool Bom { get; init; }

    [Description("no [DONE] at the end of a stream")]
    public bool NoDone { get; init; }

    [Description("no line end after the last event")]
    public bool NoFinalNewline { get; init; }

    [Description("put the request's headers into the answer (first event of a stream) as 'echo_headers'")]
    public bool EchoHeaders { get; init; }

    /// <summary>Whether the bytes of a stream take the usual form at full speed, so that events may share a send.</summary>
    [JsonIgnore]
    internal bool IsPlain =>
        FirstByteMs == 0 && TokenRate == 0 && BreakAfter is null && HangAfter is null && ErrorAfter is null && BrokenJson is null
        && Split is null && HasUsualForm && !NoFinalNewline;

    [JsonIgnore]
    internal bool HasUsualForm => !NoSpace && !MultiLine && LineEnd == "lf";

    /// <summary>This behaviour with some of it replaced.</summary>
    /// <param name="overrides">Values by name in snake case; null takes an option back to its built-in default.</param>
    /// <exception cref="FormatException">A name is unknown or a value has the wrong type.</exception>
    public SimulatedBehaviour With(JsonObject overrides)
    {
        ArgumentNullException.ThrowIfNull(overrides);
        var merged = JsonSerializer.SerializeToNode(this, Json)!.AsObject();
        foreach (var (name, value) in overrides)
        {
            merged.Remove(name);
            if (value is not null)
            {
                merged[name] = value.DeepClone();
            }
        }

        try
        {
            var behaviour = merged.Deserialize<SimulatedBehaviour>(Json)!;
            return behaviour.Split?.Any(size => size < 1) == true
                ? throw new FormatException("split: sizes are 1 or more")
                : behaviour;
        }
        catch (JsonException exception)
        {
            throw new FormatException(exception.Message, exception);
        }
    }

    /// <summary>The JSON value that <paramref name="text"/> of a header or of the command line stands for.</summary>
    internal static JsonNode? FromText(string text)
    {
        try
        {
            return JsonNode.Parse(text);
        }
        catch (JsonException)
        {
            return JsonValue.Create(text);
        }
    }

    private sealed class OneOrManyConverter : JsonConverter<int[]>
    {
        public override int[]? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            reader.TokenType == JsonTokenType.Number ? [reader.GetInt32()] : JsonSerializer.Deserialize<int[]>(ref reader, options);

        public override void Write(Utf8JsonWriter writer, int[] value, JsonSerializerOptions options) =>
            JsonSerializer.Serialize(writer, value, options);
    }
}
