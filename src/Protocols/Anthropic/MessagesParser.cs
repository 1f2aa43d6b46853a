using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using OrleansGateway.Protocols.Conversations;
using OrleansGateway.Protocols.Exchange;

namespace OrleansGateway.Protocols.Anthropic;

/// <summary>Reads a Messages request as a conversation, for providers that speak another protocol.</summary>
public sealed class MessagesParser
{
    private readonly List<TextPart> _system = [];
    private readonly List<Turn> _turns = [];
    private readonly List<FeatureUse> _features = [];
    private readonly Dictionary<string, string> _toolNames = new(StringComparer.Ordinal);

    private MessagesParser()
    {
    }

    /// <summary>Reads a request.</summary>
    /// <param name="body">One that <see cref="MessagesRequest"/> has read.</param>
    /// <param name="conversation">It in its normal form, when true is returned.</param>
    /// <param name="error">What is wrong with it otherwise.</param>
    public static bool TryParse(ReadOnlyMemory<byte> body, [NotNullWhen(true)] out Conversation? conversation, out MessagesError error)
    {
        try
        {
            using var json = JsonDocument.Parse(body, new JsonDocumentOptions { MaxDepth = MessagesRequest.MaxDepth });
            conversation = new MessagesParser().Parse(json.RootElement);
            error = default;
            return true;
        }
        catch (WrongException wrong)
        {
            (conversation, error) = (null, wrong.Error);
            return false;
        }
        catch (InvalidOperationException)
        {
            // The answer to a text that escapes one half of a surrogate pair.
            (conversation, error) = (null, new MessagesError("The request body is not valid JSON: a string is not valid Unicode.", null));
            return false;
        }
    }

    private Conversation Parse(JsonElement root)
    {
        ReadSystem(root);
        var messages = Member(root, "messages", JsonValueKind.Array, "messages")!.Value;
        var number = 0;
        foreach (var message in messages.EnumerateArray())
        {
            ReadMessage(message, $"messages.{number++}");
        }

        return Finish(root);
    }

    private Conversation Finish(JsonElement root)
    {
        var tools = ReadTools(root);
        var (choice, parallel) = ReadToolChoice(root);
        NoteRest(root);
        return new Conversation
        {
            System = _system,
            Turns = NormalForm.Of(_turns),
            Tools = tools,
            ToolChoice = choice,
            ParallelToolCalls = parallel,
            Stream = root.TryGetProperty("stream", out var stream) && stream.ValueKind == JsonValueKind.True,
            Temperature = Number(root, "temperature"),
            TopP = Number(root, "top_p"),
            TopK = Number(root, "top_k") is { } k && long.TryParse(k, out var topK) ? Use(Feature.TopK, "top_k", topK) : null,
            Stop = ReadStop(root),
            Format = ReadFormat(root),
            Reasoning = ReadReasoning(root),
            Features = _features,
        };
    }

    private void ReadSystem(JsonElement root)
    {
        if (!root.TryGetProperty("system", out var system) || system.ValueKind == JsonValueKind.Null)
        {
            return;
        }

        foreach (var part in ReadContent(system, "system"))
        {
            _system.Add(part as TextPart ?? throw Wrong("system", "only text is expected."));
        }
    }

    private void ReadMessage(JsonElement message, string path)
    {
        var role = message.GetProperty("role").GetString();
        var content = message.GetProperty("content");
        if (role == "system")
        {
            var texts = ReadContent(content, path + ".content");
            if (texts.Any(static part => part is not TextPart))
            {
                throw Wrong(path + ".content", "only text is expected.");
            }

            // Before the first turn it is an instruction like the others; later its place matters.
            if (_turns.Count == 0)
            {
                _system.AddRange(texts.Cast<TextPart>());
            }
            else
            {
                _turns.Add(new Turn(Role.User, texts));
            }

            return;
        }

        _turns.Add(new Turn(role == "user" ? Role.User : Role.Assistant, ReadContent(content, path + ".content", isTurn: true)));
    }

    /// <summary>Reads texts and media; of a turn all blocks there are.</summary>
    private List<Part> ReadContent(JsonElement content, string path, bool isTurn = false)
    {
        var parts = new List<Part>();
        if (content.ValueKind == JsonValueKind.String)
        {
            AddText(parts, content.GetString()!, null);
            return parts;
        }

        if (content.ValueKind != JsonValueKind.Array)
        {
            throw Wrong(path, "a string or a list of blocks is expected.");
        }

        var number = 0;
        foreach (var block in content.EnumerateArray())
        {
            ReadBlock(parts, block, $"{path}.{number++}", isTurn);
        }

        return parts;
    }

    private void ReadBlock(List<Part> parts, JsonElement block, string path, bool isTurn)
    {
        if (block.ValueKind != JsonValueKind.Object)
        {
            throw Wrong(path, "an object is expected.");
        }

        switch (Text(block, "type", path))
        {
            case "text" or "mid_conv_system":
                AddText(parts, Text(block, "text", path), CacheFor(block, path));
                break;
            case "image":
                AddMedia(parts, block, MediaKind.Image, path);
                break;
            case "document":
                AddDocument(parts, block, path);
                break;
            case "search_result":
                AddSearchResult(parts, block, path);
                break;
            case "tool_use" when isTurn:
                AddToolCall(parts, block, path);
                break;
            case "tool_result" when isTurn:
                parts.Add(ToolResultOf(block, path));
                break;
            case "thinking" when isTurn:
                AddThinking(parts, OptionalText(block, "thinking") ?? "", OptionalText(block, "signature"));
                break;
            case "redacted_thinking" when isTurn:
                parts.Add(new ReasoningPart("", Signature.Read(Text(block, "data", path), WireFormats.Messages), IsHidden: true));
                break;
            case "container_upload":
                _features.Add(new(Feature.ProviderHeldId, path));
                break;
            default:
                _features.Add(new(Feature.ProviderTool, path));
                break;
        }
    }

    private static void AddText(List<Part> parts, string text, string? cacheFor)
    {
        if (!string.IsNullOrWhiteSpace(text))
        {
            parts.Add(new TextPart(text) { CacheFor = cacheFor });
        }
    }

    private void AddMedia(List<Part> parts, JsonElement block, MediaKind kind, string path)
    {
        var source = Member(block, "source", JsonValueKind.Object, path + ".source") ?? throw Wrong(path + ".source", "Field required");
        var fileName = OptionalText(block, "title");
        switch (Text(source, "type", path + ".source"))
        {
            case "base64":
                var data = Text(source, "data", path + ".source");
                _features.AddRange(kind == MediaKind.Document ? [new(Feature.Document, path)] : (ReadOnlySpan<FeatureUse>)[]);
                parts.Add(new MediaPart(kind, Text(source, "media_type", path + ".source"), System.Text.Encoding.UTF8.GetBytes(data), null)
                {
                    CacheFor = CacheFor(block, path),
                    FileName = fileName,
                });
                break;
            case "url":
                _features.Add(new(kind == MediaKind.Image ? Feature.ImageUrl : Feature.DocumentUrl, path + ".source"));
                parts.Add(new MediaPart(kind, kind == MediaKind.Document ? "application/pdf" : null, null, Text(source, "url", path + ".source"))
                {
                    CacheFor = CacheFor(block, path),
                    FileName = fileName,
                });
                break;
            case "file":
                _features.Add(new(Feature.ProviderHeldId, path + ".source"));
                break;
            case var type:
                throw Wrong(path + ".source.type", $"'{Shown(type)}' is not known.");
        }
    }

    private void AddDocument(List<Part> parts, JsonElement block, string path)
    {
        if (block.TryGetProperty("citations", out var citations) && citations.ValueKind == JsonValueKind.Object
            && citations.TryGetProperty("enabled", out var enabled) && enabled.ValueKind == JsonValueKind.True)
        {
            _features.Add(new(Feature.Citations, path + ".citations"));
        }

        var source = Member(block, "source", JsonValueKind.Object, path + ".source") ?? throw Wrong(path + ".source", "Field required");
        var type = Text(source, "type", path + ".source");
        if (type is not ("text" or "content"))
        {
            AddMedia(parts, block, MediaKind.Document, path);
            return;
        }

        // A text is one under whatever name: every protocol has those.
        AddText(parts, string.Join('\n', new[] { OptionalText(block, "title"), OptionalText(block, "context") }.Where(static text => text is not null)), null);
        if (type == "text")
        {
            AddText(parts, Text(source, "data", path + ".source"), CacheFor(block, path));
        }
        else if (source.TryGetProperty("content", out var content))
        {
            parts.AddRange(ReadContent(content, path + ".source.content"));
        }
    }

    private void AddSearchResult(List<Part> parts, JsonElement block, string path)
    {
        AddText(parts, $"{OptionalText(block, "title")}\n{OptionalText(block, "source")}", null);
        if (block.TryGetProperty("content", out var content))
        {
            parts.AddRange(ReadContent(content, path + ".content"));
        }
    }

    private void AddToolCall(List<Part> parts, JsonElement block, string path)
    {
        var input = Member(block, "input", JsonValueKind.Object, path + ".input");
        var (id, name) = (Text(block, "id", path), Text(block, "name", path));
        _toolNames[id] = name;
        parts.Add(new ToolCallPart(id, name, input?.GetRawText() ?? "{}") { CacheFor = CacheFor(block, path) });
    }

    private ToolResultPart ToolResultOf(JsonElement block, string path)
    {
        var id = Text(block, "tool_use_id", path);
        if (!_toolNames.TryGetValue(id, out var name))
        {
            throw Wrong(path + ".tool_use_id", $"'{Shown(id)}' is no tool_use of an earlier message.");
        }

        var content = block.TryGetProperty("content", out var given) && given.ValueKind != JsonValueKind.Null ? ReadContent(given, path + ".content") : [];
        if (content.Any(static part => part is MediaPart))
        {
            _features.Add(new(Feature.MediaInToolResult, path + ".content"));
        }

        var isError = block.TryGetProperty("is_error", out var flag) && flag.ValueKind == JsonValueKind.True;
        return new ToolResultPart(id, name, content, isError) { CacheFor = CacheFor(block, path) };
    }

    /// <summary>A thought without words after a tool call carries what that call's provider gave with it.</summary>
    private static void AddThinking(List<Part> parts, string text, string? signature)
    {
        var signed = string.IsNullOrEmpty(signature) ? null : Signature.Read(signature, WireFormats.Messages);
        if (text.Length == 0 && signed is not null && signed.Format != WireFormats.Messages
            && parts.Count > 0 && parts[^1] is ToolCallPart { Signature: null } call)
        {
            parts[^1] = call with { Signature = signed };
        }
        else if (text.Length > 0 || signed is not null)
        {
            parts.Add(new ReasoningPart(text, signed));
        }
    }

    private List<Tool> ReadTools(JsonElement root)
    {
        var tools = new List<Tool>();
        if (Member(root, "tools", JsonValueKind.Array, "tools") is not { } list)
        {
            return tools;
        }

        var number = 0;
        foreach (var tool in list.EnumerateArray())
        {
            var path = $"tools.{number++}";
            if (OptionalText(tool, "type") is { } type and not "custom")
            {
                // The model behind another protocol has not learnt the provider's own tools.
                _features.Add(new(Feature.ProviderTool, path + ".type"));
                continue;
            }

            var schema = Member(tool, "input_schema", JsonValueKind.Object, path + ".input_schema");
            tools.Add(new Tool(
                Text(tool, "name", path), OptionalText(tool, "description"), schema?.GetRawText() ?? """{"type":"object","properties":{}}""")
            {
                Strict = tool.TryGetProperty("strict", out var strict) && strict.ValueKind is JsonValueKind.True or JsonValueKind.False ? strict.GetBoolean() : null,
                CacheFor = CacheFor(tool, path),
            });
        }

        return tools;
    }

    private static (ToolChoice Choice, bool? Parallel) ReadToolChoice(JsonElement root)
    {
        if (Member(root, "tool_choice", JsonValueKind.Object, "tool_choice") is not { } choice)
        {
            return (ToolChoice.Unsaid, null);
        }

        bool? parallel = choice.TryGetProperty("disable_parallel_tool_use", out var disable) && disable.ValueKind is JsonValueKind.True or JsonValueKind.False
            ? disable.ValueKind == JsonValueKind.False
            : null;
        return (Text(choice, "type", "tool_choice") switch
        {
            "auto" => new ToolChoice(ToolChoiceKind.Auto, []),
            "none" => new ToolChoice(ToolChoiceKind.None, []),
            "any" => new ToolChoice(ToolChoiceKind.Required, []),
            "tool" => new ToolChoice(ToolChoiceKind.Named, [Text(choice, "name", "tool_choice")]),
            var type => throw Wrong("tool_choice.type", $"'{Shown(type)}' is not known."),
        }, parallel);
    }

    private static List<string> ReadStop(JsonElement root)
    {
        var stop = new List<string>();
        if (Member(root, "stop_sequences", JsonValueKind.Array, "stop_sequences") is { } list)
        {
            foreach (var item in list.EnumerateArray())
            {
                var text = item.ValueKind == JsonValueKind.String ? item.GetString()! : throw Wrong("stop_sequences", "strings are expected.");
                stop.AddRange(text.Length > 0 ? [text] : (ReadOnlySpan<string>)[]);
            }
        }

        return stop;
    }

    private AnswerFormat? ReadFormat(JsonElement root)
    {
        var format = Member(root, "output_config", JsonValueKind.Object, "output_config") is { } config
            && Member(config, "format", JsonValueKind.Object, "output_config.format") is { } inner
            ? inner
            : Member(root, "output_format", JsonValueKind.Object, "output_format");
        if (format is not { } known || OptionalText(known, "type") != "json_schema")
        {
            return null;
        }

        _features.Add(new(Feature.JsonSchema, "output_config.format"));
        return new AnswerFormat(null, Member(known, "schema", JsonValueKind.Object, "output_config.format.schema")?.GetRawText(), Strict: true);
    }

    private Conversations.Reasoning? ReadReasoning(JsonElement root)
    {
        var effort = Member(root, "output_config", JsonValueKind.Object, "output_config") is { } config ? OptionalText(config, "effort") : null;
        ReasoningEffort? asked = effort switch
        {
            null => null,
            "low" => ReasoningEffort.Low,
            "medium" => ReasoningEffort.Medium,
            "high" => ReasoningEffort.High,
            "xhigh" => ReasoningEffort.ExtraHigh,
            "max" => ReasoningEffort.Max,
            _ => throw Wrong("output_config.effort", $"'{Shown(effort)}' is not known."),
        };
        if (Member(root, "thinking", JsonValueKind.Object, "thinking") is not { } thinking)
        {
            return asked is null ? null : Use(Feature.Reasoning, "output_config.effort", new Conversations.Reasoning(asked));
        }

        bool? isShown = OptionalText(thinking, "display") is { } display ? display != "omitted" : null;
        return Use(Feature.Reasoning, "thinking", Text(thinking, "type", "thinking") switch
        {
            "disabled" => new Conversations.Reasoning(ReasoningEffort.None),
            "enabled" => new Conversations.Reasoning(
                asked, thinking.TryGetProperty("budget_tokens", out var budget) && budget.ValueKind == JsonValueKind.Number && budget.TryGetInt32(out var tokens)
                    ? tokens
                    : throw Wrong("thinking.budget_tokens", "an integer is expected."),
                isShown),
            "adaptive" => new Conversations.Reasoning(asked, null, isShown),
            var type => throw Wrong("thinking.type", $"'{Shown(type)}' is not known."),
        });
    }

    /// <summary>Notes what some protocol lacks.</summary>
    private void NoteRest(JsonElement root)
    {
        foreach (var (name, feature) in (ReadOnlySpan<(string, Feature)>)
            [("metadata", Feature.UserId), ("service_tier", Feature.ServiceTier), ("context_management", Feature.ContextManagement),
             ("container", Feature.ProviderHeldId), ("mcp_servers", Feature.ProviderTool), ("cache_control", Feature.CacheMarks)])
        {
            if (root.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null
                && !(value.ValueKind == JsonValueKind.Array && value.GetArrayLength() == 0))
            {
                _features.Add(new(feature, name));
            }
        }
    }

    private string? CacheFor(JsonElement block, string path)
    {
        if (!block.TryGetProperty("cache_control", out var control) || control.ValueKind != JsonValueKind.Object)
        {
            return null;
        }

        _features.Add(new(Feature.CacheMarks, path + ".cache_control"));
        return OptionalText(control, "ttl") ?? "5m";
    }

    private T Use<T>(Feature feature, string path, T value)
    {
        _features.Add(new(feature, path));
        return value;
    }

    private static string? Number(JsonElement root, string name)
    {
        if (!root.TryGetProperty(name, out var value) || value.ValueKind == JsonValueKind.Null)
        {
            return null;
        }

        return value.ValueKind == JsonValueKind.Number ? value.GetRawText() : throw Wrong(name, "a number is expected.");
    }

    private static JsonElement? Member(JsonElement parent, string name, JsonValueKind kind, string path)
    {
        if (parent.ValueKind != JsonValueKind.Object || !parent.TryGetProperty(name, out var value) || value.ValueKind == JsonValueKind.Null)
        {
            return null;
        }

        return value.ValueKind == kind ? value : throw Wrong(path, kind == JsonValueKind.Array ? "a list is expected." : "an object is expected.");
    }

    private static string Text(JsonElement parent, string name, string path) => OptionalText(parent, name) ?? throw Wrong($"{path}.{name}", "a string is expected.");

    private static string? OptionalText(JsonElement parent, string name) =>
        parent.ValueKind == JsonValueKind.Object && parent.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static string Shown(string? text) => text is { Length: > 64 } ? text[..64] + "…" : text ?? "";

    private static WrongException Wrong(string path, string what) => new(new MessagesError($"{path}: {what}", path));

    private sealed class WrongException(MessagesError error) : Exception(error.Message)
    {
        public MessagesError Error => error;
    }
}
