using System.Buffers;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using OrleansGateway.Protocols.Conversations;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Json;

namespace OrleansGateway.Protocols.Anthropic;

/// <summary>Writes a conversation as a Messages request.</summary>
public sealed class MessagesBody
{
    private const string EmptySchema = """{"type":"object","properties":{}}""";
    private const string GoOn = "Continue.";
    private const int ThinkingTokensMin = 1024;

    /// <summary>The most marks of what to cache.</summary>
    private const int CacheMarksMax = 4;

    private readonly Conversation _conversation;
    private readonly ClaudeModel _model;
    private readonly int _cap;
    private readonly bool _thinks;
    private readonly Utf8JsonWriter _json;
    private int _cacheMarks;

    private MessagesBody(Conversation conversation, ClaudeModel model, int cap, Utf8JsonWriter json)
    {
        (_conversation, _model, _cap, _json) = (conversation, model, cap, json);
        _thinks = Thinks();
    }

    /// <summary>Says what the protocol cannot say of a conversation though it has the feature; null when all is well.</summary>
    public static string? Refuse(Conversation conversation)
    {
        ArgumentNullException.ThrowIfNull(conversation);
        if (conversation.Turns.Count == 0)
        {
            return "The conversation has no message with content. Send at least one message of the user.";
        }

        foreach (var tool in conversation.Tools)
        {
            if (!IsName(tool.Name, 128))
            {
                return $"The tool name '{(tool.Name.Length > 64 ? tool.Name[..64] : tool.Name)}' is not available with this model: it takes letters, digits, '_' and '-'.";
            }
        }

        foreach (var media in conversation.Turns.SelectMany(static turn => turn.Parts)
            .SelectMany(static part => part is ToolResultPart result ? result.Content : [part]).OfType<MediaPart>())
        {
            if (media is { Kind: MediaKind.Image, Base64: not null } && ImageType(media) is null)
            {
                return $"Pictures of type '{media.MediaType}' are not available with this model: it takes JPEG, PNG, GIF and WebP.";
            }

            if (media is { Kind: MediaKind.Document, Base64: not null, MediaType: not "application/pdf" }
                && media.MediaType?.StartsWith("text/", StringComparison.Ordinal) != true)
            {
                return $"Files of type '{media.MediaType}' are not available with this model: it takes PDF and text.";
            }
        }

        return null;
    }

    /// <summary>Writes the body.</summary>
    /// <param name="conversation">One that <see cref="Refuse"/> has nothing against.</param>
    /// <param name="model">The provider's name for the model, which decides how some things are said.</param>
    /// <param name="maxTokens">The output limit, tokens.</param>
    public static ReadOnlyMemory<byte> Write(Conversation conversation, string model, int maxTokens, bool stream)
    {
        ArgumentNullException.ThrowIfNull(conversation);
        var body = new ArrayBufferWriter<byte>(4096);
        using (var json = new Utf8JsonWriter(body, JsonBytes.WriterOptions))
        {
            json.WriteStartObject();
            json.WriteString("model"u8, model);
            json.WriteNumber("max_tokens"u8, maxTokens);
            if (stream)
            {
                json.WriteBoolean("stream"u8, true);
            }

            new MessagesBody(conversation, ClaudeModel.Of(model), maxTokens, json).WriteMembers();
            json.WriteEndObject();
        }

        return body.WrittenMemory;
    }

    private void WriteMembers()
    {
        WriteTools();
        WriteSystem();
        WriteTurns();
        if (_conversation.Stop.Count > 0)
        {
            _json.WriteStartArray("stop_sequences"u8);
            foreach (var stop in _conversation.Stop.Where(static stop => !string.IsNullOrWhiteSpace(stop)))
            {
                _json.WriteStringValue(stop);
            }

            _json.WriteEndArray();
        }

        WriteSampling();
        WriteReasoning();
    }

    private void WriteTools()
    {
        var tools = _conversation.Tools;
        var isOfHistory = tools.Count == 0;
        if (isOfHistory)
        {
            // Calls in the history are refused where no tool is there.
            tools = [.. _conversation.Turns.SelectMany(static turn => turn.Parts).OfType<ToolCallPart>().Select(static call => call.Name).Distinct()
                .Where(static name => IsName(name, 128)).Select(static name => new Tool(name, null, EmptySchema))];
        }

        if (tools.Count == 0)
        {
            return;
        }

        _json.WriteStartArray("tools"u8);
        foreach (var tool in tools)
        {
            _json.WriteStartObject();
            _json.WriteString("name"u8, tool.Name);
            if (tool.Description is { Length: > 0 } description)
            {
                _json.WriteString("description"u8, description);
            }

            _json.WritePropertyName("input_schema"u8);
            _json.WriteRawValue(tool.Parameters);
            if (tool.Strict == true && _model.TakesSchema)
            {
                _json.WriteBoolean("strict"u8, true);
            }

            WriteCacheMark(tool.CacheFor);
            _json.WriteEndObject();
        }

        _json.WriteEndArray();
        WriteToolChoice(isOfHistory ? new ToolChoice(ToolChoiceKind.None, []) : _conversation.ToolChoice);
    }

    private void WriteToolChoice(ToolChoice choice)
    {
        var isSingle = _conversation.ParallelToolCalls == false && choice.Kind != ToolChoiceKind.None;
        if (choice.Kind == ToolChoiceKind.Unsaid && !isSingle)
        {
            return;
        }

        _json.WriteStartObject("tool_choice"u8);
        switch (choice.Kind)
        {
            case ToolChoiceKind.None:
                _json.WriteString("type"u8, "none"u8);
                break;
            case ToolChoiceKind.Named when choice.Names.Count == 1:
                _json.WriteString("type"u8, "tool"u8);
                _json.WriteString("name"u8, choice.Names[0]);
                break;
            case ToolChoiceKind.Required or ToolChoiceKind.Named:
                _json.WriteString("type"u8, "any"u8);
                break;
            default:
                _json.WriteString("type"u8, "auto"u8);
                break;
        }

        if (isSingle)
        {
            _json.WriteBoolean("disable_parallel_tool_use"u8, true);
        }

        _json.WriteEndObject();
    }

    private void WriteSystem()
    {
        var texts = _conversation.System.Where(static part => !string.IsNullOrWhiteSpace(part.Text)).ToList();
        if (_conversation.Format is { } format && (format.Schema is null || !_model.TakesSchema))
        {
            texts.Add(new TextPart(format.Schema is null
                ? "Answer with one valid JSON object and nothing else: no words before or after it, no code fence."
                : "Answer with one valid JSON value by this JSON schema and nothing else, no words before or after it, no code fence:\n" + format.Schema));
        }

        if (texts.Count == 0)
        {
            return;
        }

        _json.WriteStartArray("system"u8);
        foreach (var text in texts)
        {
            WriteText(text);
        }

        _json.WriteEndArray();
    }

    private void WriteTurns()
    {
        _json.WriteStartArray("messages"u8);
        var turns = _conversation.Turns;
        if (turns[0].Role == Role.Assistant)
        {
            WriteUserText(GoOn);
        }

        for (var i = 0; i < turns.Count; i++)
        {
            var isPrefill = i == turns.Count - 1 && turns[i].Role == Role.Assistant && !turns[i].Parts.Any(static part => part is ToolCallPart);
            if (isPrefill && !_model.TakesPrefill && i > 0)
            {
                break;
            }

            var parts = turns[i].Parts.Where(IsSaid).ToList();
            if (parts.Count == 0)
            {
                continue;
            }

            _json.WriteStartObject();
            _json.WriteString("role"u8, turns[i].Role == Role.User ? "user"u8 : "assistant"u8);
            _json.WriteStartArray("content"u8);
            for (var j = 0; j < parts.Count; j++)
            {
                // A beginning of an answer may not end in a blank.
                WritePart(isPrefill && j == parts.Count - 1 && parts[j] is TextPart text ? text with { Text = text.Text.TrimEnd() } : parts[j]);
            }

            _json.WriteEndArray();
            _json.WriteEndObject();
            if (isPrefill && !_model.TakesPrefill)
            {
                WriteUserText(GoOn);
            }
        }

        _json.WriteEndArray();
    }

    private void WriteUserText(string text)
    {
        _json.WriteStartObject();
        _json.WriteString("role"u8, "user"u8);
        _json.WriteString("content"u8, text);
        _json.WriteEndObject();
    }

    /// <summary>Whether a part goes to the provider: no thoughts but its own, and those only while it thinks.</summary>
    private bool IsSaid(Part part) => part switch
    {
        TextPart text => !string.IsNullOrWhiteSpace(text.Text),
        ReasoningPart reasoning => _thinks && reasoning.Signature?.Format == WireFormats.Messages,
        _ => true,
    };

    private void WritePart(Part part)
    {
        switch (part)
        {
            case TextPart text:
                WriteText(text);
                break;
            case MediaPart media:
                WriteMedia(media);
                break;
            case ReasoningPart reasoning:
                _json.WriteStartObject();
                _json.WriteString("type"u8, reasoning.IsHidden ? "redacted_thinking"u8 : "thinking"u8);
                if (!reasoning.IsHidden)
                {
                    _json.WriteString("thinking"u8, reasoning.Text);
                }

                _json.WriteString(reasoning.IsHidden ? "data"u8 : "signature"u8, reasoning.Signature!.Value);
                _json.WriteEndObject();
                break;
            case ToolCallPart call:
                _json.WriteStartObject();
                _json.WriteString("type"u8, "tool_use"u8);
                _json.WriteString("id"u8, IdOf(call.Id));
                _json.WriteString("name"u8, call.Name);
                _json.WritePropertyName("input"u8);
                _json.WriteRawValue(call.Arguments);
                WriteCacheMark(call.CacheFor);
                _json.WriteEndObject();
                break;
            case ToolResultPart result:
                WriteToolResult(result);
                break;
            default:
                break;
        }
    }

    private void WriteText(TextPart text)
    {
        _json.WriteStartObject();
        _json.WriteString("type"u8, "text"u8);
        _json.WriteString("text"u8, text.Text);
        WriteCacheMark(text.CacheFor);
        _json.WriteEndObject();
    }

    private void WriteToolResult(ToolResultPart result)
    {
        _json.WriteStartObject();
        _json.WriteString("type"u8, "tool_result"u8);
        _json.WriteString("tool_use_id"u8, IdOf(result.Id));
        var content = result.Content.Where(IsSaid).ToList();
        if (content.Count > 0)
        {
            _json.WriteStartArray("content"u8);
            content.ForEach(WritePart);
            _json.WriteEndArray();
        }

        if (result.IsError)
        {
            _json.WriteBoolean("is_error"u8, true);
        }

        WriteCacheMark(result.CacheFor);
        _json.WriteEndObject();
    }

    private void WriteMedia(MediaPart media)
    {
        var isText = media.Kind == MediaKind.Document && media.MediaType?.StartsWith("text/", StringComparison.Ordinal) == true;
        _json.WriteStartObject();
        _json.WriteString("type"u8, media.Kind == MediaKind.Image ? "image"u8 : "document"u8);
        _json.WriteStartObject("source"u8);
        if (media.Base64 is not { } base64)
        {
            _json.WriteString("type"u8, "url"u8);
            _json.WriteString("url"u8, media.Url);
        }
        else if (isText)
        {
            _json.WriteString("type"u8, "text"u8);
            _json.WriteString("media_type"u8, "text/plain"u8);
            _json.WriteString("data"u8, Decoded(base64.Span));
        }
        else
        {
            _json.WriteString("type"u8, "base64"u8);
            _json.WriteString("media_type"u8, media.Kind == MediaKind.Image ? ImageType(media) : media.MediaType);
            _json.WriteString("data"u8, base64.Span);
        }

        _json.WriteEndObject();
        if (media is { Kind: MediaKind.Document, FileName: { Length: > 0 } name })
        {
            _json.WriteString("title"u8, name);
        }

        WriteCacheMark(media.CacheFor);
        _json.WriteEndObject();
    }

    private void WriteCacheMark(string? cacheFor)
    {
        if (cacheFor is null || _cacheMarks == CacheMarksMax)
        {
            return;
        }

        _cacheMarks++;
        _json.WriteStartObject("cache_control"u8);
        _json.WriteString("type"u8, "ephemeral"u8);
        if (cacheFor == "1h")
        {
            _json.WriteString("ttl"u8, "1h"u8);
        }

        _json.WriteEndObject();
    }

    private void WriteSampling()
    {
        if (!_model.TakesSampling || _thinks)
        {
            // Models that choose for themselves, and thinking ones, answer these with a 400.
            return;
        }

        if (_conversation.Temperature is { } temperature)
        {
            _json.WritePropertyName("temperature"u8);
            _json.WriteRawValue(decimal.TryParse(temperature, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && number > 1 ? "1" : temperature);
        }

        if (_conversation.TopP is { } topP && (_conversation.Temperature is null || _model.TakesBothSamplings))
        {
            _json.WritePropertyName("top_p"u8);
            _json.WriteRawValue(topP);
        }

        if (_conversation.TopK is { } topK)
        {
            _json.WriteNumber("top_k"u8, topK);
        }
    }

    private void WriteReasoning()
    {
        var reasoning = _conversation.Reasoning;
        if (_thinks)
        {
            _json.WriteStartObject("thinking"u8);
            if (_model.ThinksAdaptively)
            {
                _json.WriteString("type"u8, "adaptive"u8);
                _json.WriteString("display"u8, reasoning!.IsShown == false ? "omitted"u8 : "summarized"u8);
            }
            else
            {
                _json.WriteString("type"u8, "enabled"u8);
                _json.WriteNumber("budget_tokens"u8, Math.Min(BudgetOf(reasoning!), Math.Max(ThinkingTokensMin, _cap / 2)));
            }

            _json.WriteEndObject();
        }
        else if (reasoning is { Effort: ReasoningEffort.None } && _model.ThinksAdaptively)
        {
            _json.WriteStartObject("thinking"u8);
            _json.WriteString("type"u8, "disabled"u8);
            _json.WriteEndObject();
        }

        WriteOutputConfig(_model.ThinksAdaptively ? EffortOf(reasoning) : null, _model.TakesSchema ? _conversation.Format?.Schema : null);
    }

    private void WriteOutputConfig(string? effort, string? schema)
    {
        if (effort is null && schema is null)
        {
            return;
        }

        _json.WriteStartObject("output_config"u8);
        if (effort is not null)
        {
            _json.WriteString("effort"u8, effort);
        }

        if (schema is not null)
        {
            _json.WriteStartObject("format"u8);
            _json.WriteString("type"u8, "json_schema"u8);
            _json.WritePropertyName("schema"u8);
            _json.WriteRawValue(schema);
            _json.WriteEndObject();
        }

        _json.WriteEndObject();
    }

    private string? EffortOf(Conversations.Reasoning? reasoning) => reasoning switch
    {
        { Effort: ReasoningEffort.Minimal or ReasoningEffort.Low } => "low",
        { Effort: ReasoningEffort.Medium } => "medium",
        { Effort: ReasoningEffort.High } => "high",
        { Effort: ReasoningEffort.ExtraHigh } => _model.TakesHighestEfforts ? "xhigh" : "high",
        { Effort: ReasoningEffort.Max } => "max",
        { Effort: null, BudgetTokens: > 0 and <= 2048 } => "low",
        { Effort: null, BudgetTokens: > 0 and <= 8192 } => "medium",
        { Effort: null, BudgetTokens: > 0 } => "high",
        _ => null,
    };

    private static int BudgetOf(Conversations.Reasoning reasoning) => Math.Max(ThinkingTokensMin, reasoning.BudgetTokens is > 0 and var budget ? budget : reasoning.Effort switch
    {
        ReasoningEffort.Minimal or ReasoningEffort.Low => 1024,
        ReasoningEffort.High => 8192,
        ReasoningEffort.ExtraHigh => 16_384,
        ReasoningEffort.Max => 32_768,
        _ => 4096,
    });

    /// <summary>
    /// Whether the model is told to think: not where a tool has to be called, nor in the middle of a turn of tool calls that it did not begin
    /// with a thought of its own, since each of these is answered with a 400.
    /// </summary>
    private bool Thinks()
    {
        if (_conversation.Reasoning is not { Effort: not ReasoningEffort.None } reasoning || reasoning is { Effort: null, BudgetTokens: 0 } || !_model.CanThink
            || (!_model.ThinksAdaptively && _cap <= ThinkingTokensMin)
            || (_conversation.Tools.Count > 0 && _conversation.ToolChoice.Kind is ToolChoiceKind.Required or ToolChoiceKind.Named))
        {
            return false;
        }

        for (var i = _conversation.Turns.Count - 1; i >= 0; i--)
        {
            var turn = _conversation.Turns[i];
            if (turn.Role == Role.User)
            {
                if (!turn.Parts.Any(static part => part is ToolResultPart))
                {
                    break;
                }
            }
            else if (turn.Parts.Any(static part => part is ToolCallPart)
                && turn.Parts[0] is not ReasoningPart { Signature.Format: WireFormats.Messages })
            {
                return false;
            }
        }

        return true;
    }

    private static string? ImageType(MediaPart media) => media.MediaType switch
    {
        "image/jpeg" or "image/png" or "image/gif" or "image/webp" => media.MediaType,
        "image/jpg" => "image/jpeg",
        null when media.Base64 is { } base64 => base64.Span.StartsWith("iVBOR"u8) ? "image/png"
            : base64.Span.StartsWith("/9j/"u8) ? "image/jpeg"
            : base64.Span.StartsWith("R0lGOD"u8) ? "image/gif"
            : base64.Span.StartsWith("UklGR"u8) ? "image/webp"
            : null,
        _ => null,
    };

    private static string Decoded(ReadOnlySpan<byte> base64)
    {
        var bytes = new byte[base64.Length];
        return System.Buffers.Text.Base64.DecodeFromUtf8(base64, bytes, out _, out var count) == OperationStatus.Done ? Encoding.UTF8.GetString(bytes[..count]) : "";
    }

    /// <summary>A call's id as the protocol takes it: another one is mapped to the same text each time.</summary>
    private static string IdOf(string id) =>
        IsName(id, 256) ? id : "toolu_" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(id))[..12]);

    private static bool IsName(string name, int most) =>
        name.Length > 0 && name.Length <= most && name.All(static letter => char.IsAsciiLetterOrDigit(letter) || letter is '_' or '-');
}
