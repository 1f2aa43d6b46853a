using System.Buffers.Text;
using System.Text;
using System.Text.Json;
using OrleansGateway.Protocols.Conversations;
using OrleansGateway.Protocols.Json;

namespace OrleansGateway.Protocols.OpenAI.Translation;

/// <summary>What the readers of OpenAI's requests have in common: turns in their normal form, tools, media, and what is used.</summary>
internal abstract class ConversationReader
{
    /// <summary>The schema of a tool whose input is text.</summary>
    public const string TextParameters =
        """{"type":"object","properties":{"input":{"type":"string"}},"required":["input"],"additionalProperties":false}""";

    private const string NoParameters = """{"type":"object","properties":{}}""";

    /// <summary>How long a marked prefix is cached for want of a word: that of OpenAI's marks is longer, and no provider has it.</summary>
    private const string CachedFor = "5m";

    private readonly List<TextPart> _system = [];
    private readonly List<(Role Role, List<Part> Parts)> _turns = [];
    private readonly List<FeatureUse> _features = [];
    private readonly List<Tool> _tools = [];
    private readonly List<(string Id, string Name)> _calls = [];
    private readonly HashSet<string> _answered = new(StringComparer.Ordinal);

    protected RequestProblem Problem { get; } = new();

    /// <summary>Reads a body.</summary>
    public Conversation? Read(ReadOnlyMemory<byte> body, out OpenAIError error)
    {
        try
        {
            using var json = JsonDocument.Parse(body, new JsonDocumentOptions { MaxDepth = ChatRequest.MaxDepth });
            var conversation = Read(new RequestNode(json.RootElement, "", Problem));
            error = Problem.Found.GetValueOrDefault();
            return Problem.Found is null ? conversation : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // The facts' reader leaves texts as they are escaped: one half of a surrogate pair is found only here.
            error = OpenAIError.BadRequest("We could not parse the JSON body of your request: one of its strings is not valid Unicode.");
            return null;
        }
    }

    protected abstract Conversation Read(RequestNode root);

    /// <summary>Reads a part of a content; null for one that is only noted.</summary>
    protected abstract Part? ReadPart(RequestNode part);

    /// <summary>Reads a content: none, a text, or parts.</summary>
    protected IEnumerable<Part> ReadContent(RequestNode? content)
    {
        switch (content)
        {
            case null:
                break;
            case { IsList: true } parts:
                foreach (var part in parts.Items())
                {
                    if (ReadPart(part) is { } read)
                    {
                        yield return Marked(part, read);
                    }
                }

                break;
            case { } text:
                yield return new TextPart(text.Text);
                break;
        }
    }

    /// <summary>What was read.</summary>
    protected Conversation Finish(RequestNode root, string? effort, string effortPath) => new()
    {
        System = _system,
        Turns = [.. _turns.Select(static turn => new Turn(turn.Role, turn.Parts))],
        Tools = _tools,
        Stream = root.FindFlag("stream") ?? false,
        ParallelToolCalls = root.FindFlag("parallel_tool_calls"),
        Temperature = root.FindNumber("temperature"),
        TopP = root.FindNumber("top_p"),
        CacheKey = root.FindText("prompt_cache_key"),
        Reasoning = effort is null ? null : ReadEffort(effort, effortPath),
        Features = _features,
    };

    /// <summary>How many likely tokens are to be told beside each of the answer's; null when they were not asked for.</summary>
    protected int? ReadLogprobs(RequestNode root)
    {
        var most = root.FindInteger("top_logprobs");
        if (most > 0)
        {
            Note(Feature.Logprobs, "top_logprobs");
        }

        return most is > 0 and <= int.MaxValue ? (int)most : _features.Exists(static use => use.Feature == Feature.Logprobs) ? 0 : null;
    }

    /// <summary>The same with its choice of tools. Where the model may call some of them or none, the others are left out.</summary>
    protected static Conversation Choose(Conversation conversation, ToolChoice choice) => choice is { Kind: ToolChoiceKind.Auto, Names.Count: > 0 }
        ? conversation with { Tools = [.. conversation.Tools.Where(tool => choice.Names.Contains(tool.Name))], ToolChoice = new(ToolChoiceKind.Auto, []) }
        : conversation with { ToolChoice = choice };

    protected void Note(Feature feature, string path) => _features.Add(new FeatureUse(feature, path));

    /// <summary>Notes the fields of both protocols that some provider lacks.</summary>
    protected void NoteCommon(RequestNode root)
    {
        NoteIfThere(root, "prompt_cache_key", Feature.CacheKey);
        NoteIfThere(root, "user", Feature.UserId);
        NoteIfThere(root, "safety_identifier", Feature.UserId);
        NoteIfThere(root, "metadata", Feature.Metadata);
        NoteIfThere(root, "store", Feature.Store);
        NoteIfThere(root, "service_tier", Feature.ServiceTier);
    }

    protected void NoteIfThere(RequestNode root, string name, Feature feature)
    {
        if (root.Find(name) is { } node && node.Json.ValueKind != JsonValueKind.False)
        {
            Note(feature, node.Path);
        }
    }

    protected void AddSystem(string text)
    {
        if (text.Length > 0)
        {
            _system.Add(new TextPart(text));
        }
    }

    /// <summary>Adds a part to the turn that is last, or begins one.</summary>
    protected void Add(Role role, Part part)
    {
        if (part is TextPart { Text.Length: 0 })
        {
            return;
        }

        if (_turns.Count == 0 || _turns[^1].Role != role)
        {
            _turns.Add((role, []));
        }

        // What came of tools goes first.
        var parts = _turns[^1].Parts;
        parts.Insert(part is ToolResultPart ? parts.FindLastIndex(static other => other is ToolResultPart) + 1 : parts.Count, part);
    }

    /// <summary>Adds a tool, in the place of one of the same name.</summary>
    protected void AddTool(Tool tool)
    {
        _tools.RemoveAll(other => other.Name == tool.Name);
        _tools.Add(tool);
    }

    /// <summary>The last tool call of the turn that runs, if it is the model's; null when there is none.</summary>
    protected ToolCallPart? LastCall => _turns.Count > 0 && _turns[^1].Role == Role.Assistant ? _turns[^1].Parts.OfType<ToolCallPart>().LastOrDefault() : null;

    /// <summary>Puts another in the last tool call's place.</summary>
    protected void ReplaceLastCall(ToolCallPart call) => _turns[^1].Parts[_turns[^1].Parts.FindLastIndex(static part => part is ToolCallPart)] = call;

    protected void AddCall(string id, string name, string arguments, Signature? signature)
    {
        _calls.Add((id, name));
        Add(Role.Assistant, new ToolCallPart(id, name, arguments) { Signature = signature });
    }

    protected void AddResult(string id, string path, IReadOnlyList<Part> content)
    {
        var call = _calls.FindLast(call => call.Id == id);
        if (call.Id is null)
        {
            Problem.Note($"Invalid '{path}': no tool call with the id '{Shown(id)}' comes before it.", path, "invalid_value");
            return;
        }

        _answered.Add(id);
        if (content.Any(static part => part is MediaPart))
        {
            Note(Feature.MediaInToolResult, path);
        }

        Add(Role.User, new ToolResultPart(id, call.Name, content));
    }

    /// <summary>The id of the first call by a tool that has no result yet; null when there is none.</summary>
    protected string? Unanswered(string name) => _calls.Find(call => call.Name == name && !_answered.Contains(call.Id)).Id;

    /// <summary>A call's arguments, which have to be a JSON object; none are an empty one.</summary>
    protected string ReadArguments(RequestNode? arguments)
    {
        var text = arguments?.Text ?? "";
        if (text.AsSpan().Trim().IsEmpty)
        {
            return "{}";
        }

        try
        {
            using var json = JsonDocument.Parse(text, new JsonDocumentOptions { MaxDepth = ChatRequest.MaxDepth / 2 });
            if (json.RootElement.ValueKind == JsonValueKind.Object)
            {
                return text;
            }
        }
        catch (JsonException)
        {
        }

        Problem.Note($"Invalid '{arguments!.Value.Path}': expected a JSON object as text.", arguments.Value.Path, "invalid_value");
        return "{}";
    }

    /// <summary>The arguments that a tool of text has in common.</summary>
    protected static string TextArguments(string input) => "{\"input\":" + Encoding.UTF8.GetString(JsonBytes.Quote(input)) + "}";

    /// <summary>A function, the object that names it.</summary>
    /// <param name="name">As providers get it.</param>
    protected static Tool ReadFunction(RequestNode function, string name) =>
        new(name, function.FindText("description"), function.FindObject("parameters")?.Raw ?? NoParameters) { Strict = function.FindFlag("strict") };

    /// <summary>A tool whose input is text.</summary>
    /// <param name="name">As providers get it.</param>
    protected Tool ReadTextTool(RequestNode tool, string name)
    {
        Note(Feature.TextTool, tool.PathOf("type"));
        var description = tool.FindText("description");
        if (tool.FindObject("format") is { } format && format.FindText("type") == "grammar")
        {
            // Nobody else keeps the model to a grammar; it can be told.
            var grammar = format.FindObject("grammar") ?? format;
            description = $"{description}\n\nThe input has to match this {grammar.FindText("syntax")} grammar:\n{grammar.FindText("definition")}".TrimStart('\n');
        }

        return new Tool(name, description, TextParameters);
    }

    protected AnswerFormat? ReadFormat(RequestNode format, RequestNode named)
    {
        switch (format.NeedText("type"))
        {
            case "text":
                return null;
            case "json_object":
                Note(Feature.JsonObject, format.Path);
                return new AnswerFormat(null, null, null);
            case "json_schema":
                Note(Feature.JsonSchema, format.Path);
                return new AnswerFormat(
                    named.FindText("name"), named.FindObject("schema")?.Raw ?? NoParameters, named.FindFlag("strict"), named.FindText("description"));
            default:
                format.Find("type")?.Unknown("expected 'text', 'json_object' or 'json_schema'.");
                return null;
        }
    }

    /// <summary>A picture, from its address or as a data URL.</summary>
    protected MediaPart ReadImage(string url, string path, string? detail)
    {
        if (url.StartsWith("data:", StringComparison.OrdinalIgnoreCase))
        {
            var (type, base64) = ReadDataUrl(url, path);
            return new MediaPart(MediaKind.Image, type, base64, null) { Detail = detail };
        }

        Note(Feature.ImageUrl, path);
        if (!Uri.TryCreate(url, UriKind.Absolute, out var uri) || uri.Scheme is not ("http" or "https"))
        {
            Problem.Note($"Invalid '{path}': expected an http(s) address or a data URL.", path, "invalid_value");
        }

        return new MediaPart(MediaKind.Image, null, null, url) { Detail = detail };
    }

    /// <summary>A document that stands in the request.</summary>
    /// <param name="data">A data URL, or bare base64 of a PDF.</param>
    protected MediaPart ReadFile(string data, string path, string? fileName)
    {
        Note(Feature.Document, path);
        var (type, base64) = data.StartsWith("data:", StringComparison.OrdinalIgnoreCase)
            ? ReadDataUrl(data, path)
            : ("application/pdf", ReadBase64(data, path));
        return new MediaPart(MediaKind.Document, type, base64, null) { FileName = fileName };
    }

    /// <summary>Sound that stands in the request.</summary>
    protected MediaPart ReadAudio(RequestNode audio)
    {
        Note(Feature.Audio, audio.Path);
        var format = audio.NeedText("format");
        return new MediaPart(MediaKind.Audio, format == "mp3" ? "audio/mpeg" : "audio/" + format, ReadBase64(audio.NeedText("data"), audio.PathOf("data")), null);
    }

    /// <summary>The part, marked as one to cache up to if it is.</summary>
    protected Part Marked(RequestNode part, Part read)
    {
        if (part.Find("prompt_cache_breakpoint") is not { } mark)
        {
            return read;
        }

        Note(Feature.CacheMarks, mark.Path);
        return read with { CacheFor = CachedFor };
    }

    protected static string Shown(string text) => text.Length <= 64 ? text : text[..64] + "…";

    private Reasoning? ReadEffort(string effort, string path)
    {
        Note(Feature.Reasoning, path);
        ReasoningEffort? read = effort switch
        {
            "none" => ReasoningEffort.None,
            "minimal" => ReasoningEffort.Minimal,
            "low" => ReasoningEffort.Low,
            "medium" => ReasoningEffort.Medium,
            "high" => ReasoningEffort.High,
            "xhigh" => ReasoningEffort.ExtraHigh,
            "max" => ReasoningEffort.Max,
            _ => null,
        };
        if (read is null)
        {
            Problem.Note($"Invalid value for '{path}': expected one of none, minimal, low, medium, high, xhigh and max.", path, "invalid_value");
        }

        return new Reasoning(read);
    }

    private (string Type, ReadOnlyMemory<byte> Base64) ReadDataUrl(string url, string path)
    {
        var comma = url.IndexOf(',', StringComparison.Ordinal);
        var head = comma < 0 ? "" : url["data:".Length..comma];
        if (!head.EndsWith(";base64", StringComparison.OrdinalIgnoreCase) || head.Length <= ";base64".Length)
        {
            Problem.Note($"Invalid '{path}': expected a data URL with a type and base64: data:image/png;base64,…", path, "invalid_value");
            return ("", default);
        }

        return (head[..head.IndexOf(';', StringComparison.Ordinal)].ToLowerInvariant(), ReadBase64(url.AsSpan(comma + 1), path));
    }

    private ReadOnlyMemory<byte> ReadBase64(ReadOnlySpan<char> text, string path)
    {
        if (text.IsEmpty || !Base64.IsValid(text))
        {
            Problem.Note($"Invalid '{path}': expected base64.", path, "invalid_base64");
            return default;
        }

        var bytes = new byte[text.Length];
        Encoding.ASCII.GetBytes(text, bytes);
        return bytes;
    }
}
