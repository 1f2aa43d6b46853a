using System.Buffers.Text;
using System.Globalization;
using System.Text;
using System.Text.Json;
using OrleansGateway.Protocols.Conversations;

namespace OrleansGateway.Protocols.Gemini;

/// <summary>Reads a request as a conversation, for providers that speak another protocol.</summary>
public sealed class GeminiConversationReader
{
    private readonly List<FeatureUse> _features = [];
    private readonly List<(string Id, string Name)> _pending = [];
    private GeminiRefusal? _error;
    private int _calls;

    private GeminiConversationReader()
    {
    }

    /// <summary>Reads a request.</summary>
    /// <param name="error">What is wrong with it, when null is returned.</param>
    public static Conversation? Read(GeminiRequest request, out GeminiRefusal error)
    {
        ArgumentNullException.ThrowIfNull(request);
        error = default;
        var reader = new GeminiConversationReader();
        Conversation? conversation = null;
        try
        {
            using var body = JsonDocument.Parse(request.Body, new JsonDocumentOptions { MaxDepth = GeminiRequest.MaxDepth, AllowDuplicateProperties = false });
            conversation = reader.ReadRoot(body.RootElement, request);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            reader.Fail("Invalid JSON payload received: a name is there twice, or a string is not valid Unicode.", null, "invalid_value");
        }

        error = reader._error.GetValueOrDefault();
        return reader._error is null ? conversation : null;
    }

    private Conversation ReadRoot(JsonElement root, GeminiRequest request)
    {
        var config = GeminiElements.Find(root, "generationConfig") ?? default;
        Use(root, "safetySettings", Feature.SafetySettings);
        Use(root, "serviceTier", Feature.ServiceTier);
        Use(root, "labels", Feature.Metadata);
        Use(root, "store", Feature.Store);
        return new Conversation
        {
            System = ReadSystem(root),
            Turns = ReadTurns(root),
            Tools = ReadTools(root),
            ToolChoice = ReadChoice(root),
            Stream = request.Stream,
            Choices = request.Choices,
            Temperature = Number(config, "temperature"),
            TopP = Number(config, "topP"),
            TopK = Whole(config, "topK", Feature.TopK),
            Seed = Whole(config, "seed", Feature.Seed),
            FrequencyPenalty = Number(config, "frequencyPenalty", Feature.Penalties),
            PresencePenalty = Number(config, "presencePenalty", Feature.Penalties),
            Stop = ReadStop(config),
            Format = ReadFormat(config),
            Reasoning = ReadReasoning(config),
            Logprobs = ReadLogprobs(config),
            Features = UseOthers(config, request),
        };
    }

    private List<FeatureUse> UseOthers(JsonElement config, GeminiRequest request)
    {
        if (request.Choices > 1)
        {
            Use(Feature.Choices, request.ChoicesField);
        }

        if (request.HasAudioOutput)
        {
            Use(Feature.AudioOutput, "generationConfig.responseModalities");
        }

        if (request.HasImageOutput)
        {
            Use(Feature.ImageOutput, "generationConfig.responseModalities");
        }

        return _features;
    }

    private List<TextPart> ReadSystem(JsonElement root)
    {
        var texts = new List<TextPart>();
        if (GeminiElements.Find(root, "systemInstruction") is not { } instruction)
        {
            return texts;
        }

        foreach (var (part, path) in Numbered(GeminiElements.Items(instruction, "parts"), "systemInstruction.parts"))
        {
            if (GeminiElements.Text(part, "text") is not { } text)
            {
                Fail($"'{path}' must be text.", path, "invalid_value");
            }
            else if (text.Length > 0)
            {
                texts.Add(new TextPart(text));
            }
        }

        return texts;
    }

    private IReadOnlyList<Turn> ReadTurns(JsonElement root)
    {
        var turns = new List<Turn>();
        foreach (var (content, path) in Numbered(GeminiElements.Items(root, "contents"), "contents"))
        {
            Role? role = GeminiElements.Text(content, "role") switch
            {
                null or "" or "user" or "function" or "tool" => Role.User,
                "model" => Role.Assistant,
                _ => null,
            };
            if (role is null)
            {
                Fail($"'{path}.role' must be user or model.", path + ".role", "invalid_value");
                continue;
            }

            turns.Add(new Turn(role.Value, ReadParts(content, path, role.Value)));
        }

        return NormalForm.Of(turns);
    }

    private List<Part> ReadParts(JsonElement content, string path, Role role)
    {
        var parts = new List<Part>();
        StringBuilder? thought = null;
        foreach (var (part, partPath) in Numbered(GeminiElements.Items(content, "parts"), path + ".parts"))
        {
            var signature = GeminiElements.Text(part, "thoughtSignature");
            var text = GeminiElements.Text(part, "text");
            if (GeminiElements.Find(part, "thought") is { ValueKind: JsonValueKind.True })
            {
                ReadThought(parts, ref thought, text ?? "", signature);
                continue;
            }

            EndThought(parts, ref thought);
            if (text is not null)
            {
                if (text.Length > 0)
                {
                    parts.Add(new TextPart(text));
                }

                if (signature is not null)
                {
                    parts.Add(new ReasoningPart("", GeminiSignatures.Read(signature, out _), IsHidden: true));
                }
            }
            else if (GeminiElements.Find(part, "functionCall") is { } call && role == Role.Assistant)
            {
                parts.Add(ReadCall(call, signature, partPath + ".functionCall"));
            }
            else if (GeminiElements.Find(part, "functionResponse") is { } response && role == Role.User)
            {
                ReadResponse(parts, response, partPath + ".functionResponse");
            }
            else if (ReadMedia(part, partPath) is { } media)
            {
                parts.Add(media);
            }
            else if (GeminiElements.Find(part, "executableCode") is not null || GeminiElements.Find(part, "codeExecutionResult") is not null)
            {
                Use(Feature.ProviderTool, partPath);
            }
            else if (_error is null && (signature is null || part.EnumerateObject().Count() > 1))
            {
                Fail($"'{partPath}' is of no kind that is known here, or does not belong to this role.", partPath, "invalid_value");
            }
        }

        EndThought(parts, ref thought);
        return parts;
    }

    /// <summary>What was thought comes in pieces, the last of them with its signature.</summary>
    private static void ReadThought(List<Part> parts, ref StringBuilder? thought, string text, string? signature)
    {
        (thought ??= new()).Append(text);
        if (signature is null)
        {
            return;
        }

        var read = GeminiSignatures.Read(signature, out var isHidden);
        if (isHidden)
        {
            EndThought(parts, ref thought);
            parts.Add(new ReasoningPart("", read, IsHidden: true));
            return;
        }

        parts.Add(new ReasoningPart(thought.ToString(), read));
        thought = null;
    }

    private static void EndThought(List<Part> parts, ref StringBuilder? thought)
    {
        if (thought is { Length: > 0 })
        {
            parts.Add(new ReasoningPart(thought.ToString(), null));
        }

        thought = null;
    }

    private ToolCallPart ReadCall(JsonElement call, string? signature, string path)
    {
        var name = GeminiElements.Text(call, "name") ?? "";
        if (name.Length == 0)
        {
            Fail($"'{path}.name' is missing: it is required.", path + ".name", "missing_required_parameter");
        }

        // Gemini's calls need no id: their results have the same order.
        var id = GeminiElements.Text(call, "id") is { Length: > 0 } given ? given : string.Create(CultureInfo.InvariantCulture, $"call_{_calls++}");
        _pending.Add((id, name));
        return new ToolCallPart(id, name, GeminiElements.Find(call, "args") is { ValueKind: JsonValueKind.Object } args ? Compact(args) : "{}")
        {
            Signature = signature is null || signature == GeminiSignatures.None ? null : GeminiSignatures.Read(signature, out _),
        };
    }

    private void ReadResponse(List<Part> parts, JsonElement response, string path)
    {
        var (id, name) = (GeminiElements.Text(response, "id"), GeminiElements.Text(response, "name") ?? "");
        var at = id is { Length: > 0 } ? _pending.FindIndex(call => call.Id == id) : _pending.FindIndex(call => call.Name == name);
        if (at < 0)
        {
            Fail($"'{path}' answers no functionCall that stands before it.", path, "invalid_value");
            return;
        }

        var call = _pending[at];
        _pending.RemoveAt(at);
        var (text, isError) = ReadResult(GeminiElements.Find(response, "response"));
        var content = new List<Part>();
        if (text.Length > 0)
        {
            content.Add(new TextPart(text));
        }

        foreach (var (part, partPath) in Numbered(GeminiElements.Items(response, "parts"), path + ".parts"))
        {
            if (ReadMedia(part, partPath) is { } media)
            {
                Use(Feature.MediaInToolResult, partPath);
                content.Add(media);
            }
        }

        parts.Add(new ToolResultPart(call.Id, call.Name, content, isError));
    }

    /// <summary>What was not an object stands in one.</summary>
    private static (string Text, bool IsError) ReadResult(JsonElement? response)
    {
        if (response is not { ValueKind: JsonValueKind.Object } result)
        {
            return ("", false);
        }

        var members = result.EnumerateObject().ToList();
        if (members is not [{ Name: "output" or "result" or "error" } only])
        {
            return (members.Count == 0 ? "" : Compact(result), false);
        }

        return (only.Value.ValueKind == JsonValueKind.String ? only.Value.GetString()! : Compact(only.Value), only.Name == "error");
    }

    private MediaPart? ReadMedia(JsonElement part, string path)
    {
        if (GeminiElements.Find(part, "inlineData") is { } inline)
        {
            var (type, data) = (GeminiElements.Text(inline, "mimeType") ?? "", GeminiSignatures.Standard(GeminiElements.Text(inline, "data") ?? ""));
            if (type.Length == 0 || data.Length == 0 || !Base64.IsValid(data))
            {
                Fail($"'{path}.inlineData' needs a mimeType, and data in base64.", path + ".inlineData", "invalid_value");
                return null;
            }

            var kind = KindOf(type);
            if (kind != MediaKind.Image)
            {
                Use(kind switch { MediaKind.Audio => Feature.Audio, MediaKind.Video => Feature.Video, _ => Feature.Document }, path + ".inlineData");
            }

            return new MediaPart(kind, type, Encoding.ASCII.GetBytes(data), null) { FileName = GeminiElements.Text(inline, "displayName") };
        }

        if (GeminiElements.Find(part, "fileData") is not { } file)
        {
            return null;
        }

        if (GeminiElements.Text(file, "fileUri") is not { Length: > 0 } address)
        {
            Fail($"'{path}.fileData.fileUri' is missing: it is required.", path + ".fileData.fileUri", "missing_required_parameter");
            return null;
        }

        var named = GeminiElements.Text(file, "mimeType");
        var what = KindOf(named ?? "");
        Use(what switch { MediaKind.Image => Feature.ImageUrl, MediaKind.Video => Feature.Video, _ => Feature.DocumentUrl }, path + ".fileData");
        if (what == MediaKind.Audio)
        {
            Use(Feature.Audio, path + ".fileData");
        }

        return new MediaPart(what, named, null, address);
    }

    private static MediaKind KindOf(string type) =>
        type.StartsWith("image/", StringComparison.OrdinalIgnoreCase) ? MediaKind.Image
        : type.StartsWith("audio/", StringComparison.OrdinalIgnoreCase) ? MediaKind.Audio
        : type.StartsWith("video/", StringComparison.OrdinalIgnoreCase) ? MediaKind.Video
        : MediaKind.Document;

    private List<Tool> ReadTools(JsonElement root)
    {
        var tools = new List<Tool>();
        foreach (var (tool, path) in Numbered(GeminiElements.Items(root, "tools"), "tools"))
        {
            foreach (var member in tool.EnumerateObject())
            {
                if (member.Name is not ("functionDeclarations" or "function_declarations") && member.Value.ValueKind != JsonValueKind.Null)
                {
                    Use(Feature.ProviderTool, $"{path}.{member.Name}");
                }
            }

            foreach (var (declaration, declarationPath) in Numbered(GeminiElements.Items(tool, "functionDeclarations"), path + ".functionDeclarations"))
            {
                if (GeminiElements.Text(declaration, "name") is not { Length: > 0 } name)
                {
                    Fail($"'{declarationPath}.name' is missing: it is required.", declarationPath + ".name", "missing_required_parameter");
                    continue;
                }

                var parameters = SchemaOf(declaration, "parametersJsonSchema", "parameters") ?? """{"type":"object","properties":{}}""";
                tools.Add(new Tool(name, GeminiElements.Text(declaration, "description"), parameters));
            }
        }

        return tools;
    }

    private static ToolChoice ReadChoice(JsonElement root)
    {
        if ((GeminiElements.Find(root, "toolConfig") is { } config ? GeminiElements.Find(config, "functionCallingConfig") : null) is not { } calling)
        {
            return ToolChoice.Unsaid;
        }

        var names = GeminiElements.Items(calling, "allowedFunctionNames").Where(static name => name.ValueKind == JsonValueKind.String).Select(static name => name.GetString()!).ToList();
        return GeminiElements.Text(calling, "mode")?.ToUpperInvariant() switch
        {
            "NONE" => new ToolChoice(ToolChoiceKind.None, []),
            "ANY" when names.Count > 0 => new ToolChoice(ToolChoiceKind.Named, names),
            "ANY" => new ToolChoice(ToolChoiceKind.Required, []),
            "AUTO" or "VALIDATED" => new ToolChoice(ToolChoiceKind.Auto, []),
            _ => ToolChoice.Unsaid,
        };
    }

    private static List<string> ReadStop(JsonElement config) =>
        [.. GeminiElements.Items(config, "stopSequences").Where(static stop => stop.ValueKind == JsonValueKind.String).Select(static stop => stop.GetString()!).Where(static stop => stop.Length > 0)];

    private AnswerFormat? ReadFormat(JsonElement config)
    {
        var type = GeminiElements.Text(config, "responseMimeType");
        if (type is null or "" or "text/plain")
        {
            return null;
        }

        if (type != "application/json")
        {
            Fail(
                $"'generationConfig.responseMimeType': '{(type.Length <= 64 ? type : type[..64])}' is not available with this model. Use application/json.",
                "generationConfig.responseMimeType",
                "unsupported_value");
            return null;
        }

        var schema = SchemaOf(config, "responseJsonSchema", "responseSchema");
        Use(schema is null ? Feature.JsonObject : Feature.JsonSchema, "generationConfig." + (schema is null ? "responseMimeType" : "responseSchema"));
        return new AnswerFormat(null, schema, null);
    }

    private static string? SchemaOf(JsonElement element, string full, string own) =>
        GeminiElements.Find(element, full) is { ValueKind: JsonValueKind.Object } schema ? Compact(schema)
        : GeminiElements.Find(element, own) is { ValueKind: JsonValueKind.Object } gemini ? GeminiSchema.Convert(gemini.GetRawText())
        : null;

    private Reasoning? ReadReasoning(JsonElement config)
    {
        if (GeminiElements.Find(config, "thinkingConfig") is not { ValueKind: JsonValueKind.Object } thinking)
        {
            return null;
        }

        Use(Feature.Reasoning, "generationConfig.thinkingConfig");
        return GeminiThinking.Read(thinking);
    }

    private int? ReadLogprobs(JsonElement config)
    {
        if (GeminiElements.Find(config, "responseLogprobs") is not { ValueKind: JsonValueKind.True })
        {
            return null;
        }

        Use(Feature.Logprobs, "generationConfig.responseLogprobs");
        return (int)Math.Clamp(Whole(config, "logprobs", Feature.Logprobs) ?? 0, 0, int.MaxValue);
    }

    private string? Number(JsonElement config, string name, Feature? feature = null)
    {
        if (GeminiElements.Find(config, name) is not { } value)
        {
            return null;
        }

        if (value.ValueKind != JsonValueKind.Number)
        {
            Fail($"'generationConfig.{name}' must be a number.", "generationConfig." + name, "invalid_type");
            return null;
        }

        if (feature is { } used)
        {
            Use(used, "generationConfig." + name);
        }

        return value.GetRawText();
    }

    private long? Whole(JsonElement config, string name, Feature feature)
    {
        if (Number(config, name, feature) is not { } text)
        {
            return null;
        }

        // A number without a fraction may be written with one.
        if (decimal.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && number == decimal.Truncate(number) && decimal.Abs(number) <= long.MaxValue)
        {
            return (long)number;
        }

        Fail($"'generationConfig.{name}' must be a whole number.", "generationConfig." + name, "invalid_type");
        return null;
    }

    private static IEnumerable<(JsonElement Item, string Path)> Numbered(IEnumerable<JsonElement> items, string path) =>
        items.Select((item, number) => (item, string.Create(CultureInfo.InvariantCulture, $"{path}[{number}]")));

    private static string Compact(JsonElement element) => Encoding.UTF8.GetString(GeminiJson.Compact(element));

    private void Use(JsonElement element, string name, Feature feature)
    {
        if (GeminiElements.Find(element, name) is not null)
        {
            Use(feature, name);
        }
    }

    private void Use(Feature feature, string path) => _features.Add(new FeatureUse(feature, path));

    private void Fail(string message, string? field, string? code) => _error ??= new GeminiRefusal(message, field, code);
}
