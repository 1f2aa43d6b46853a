using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using OrleansGateway.Protocols.Conversations;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Json;

namespace OrleansGateway.Protocols.OpenAI.Translation;

/// <summary>
/// Writes a conversation as a Chat Completions request. Its system texts become one message, and so do the texts of a turn of the model.
/// </summary>
internal static class ChatConversationWriter
{
    public static byte[] Write(Conversation conversation, string model, int? maxOutputTokens)
    {
        var body = new ArrayBufferWriter<byte>(4096);
        using (var json = new Utf8JsonWriter(body, JsonBytes.WriterOptions))
        {
            json.WriteStartObject();
            json.WriteString("model"u8, model);
            if (conversation.Stream)
            {
                json.WriteBoolean("stream"u8, true);
            }

            if (maxOutputTokens is { } limit)
            {
                json.WriteNumber("max_completion_tokens"u8, limit);
            }

            WriteMessages(json, conversation);
            WriteTools(json, conversation);
            WriteParameters(json, conversation);
            json.WriteEndObject();
        }

        return body.WrittenSpan.ToArray();
    }

    private static void WriteMessages(Utf8JsonWriter json, Conversation conversation)
    {
        json.WriteStartArray("messages"u8);
        if (conversation.System.Count > 0)
        {
            json.WriteStartObject();
            json.WriteString("role"u8, "system"u8);
            json.WriteString("content"u8, string.Join("\n\n", conversation.System.Select(static part => part.Text)));
            json.WriteEndObject();
        }

        foreach (var turn in conversation.Turns)
        {
            if (turn.Role == Role.Assistant)
            {
                WriteAssistant(json, turn);
            }
            else
            {
                WriteUser(json, turn);
            }
        }

        json.WriteEndArray();
    }

    private static void WriteUser(Utf8JsonWriter json, Turn turn)
    {
        var parts = new List<Part>();
        foreach (var result in turn.Parts.OfType<ToolResultPart>())
        {
            json.WriteStartObject();
            json.WriteString("role"u8, "tool"u8);
            json.WriteString("tool_call_id"u8, result.Id);
            json.WriteString("content"u8, string.Join("\n", result.Content.OfType<TextPart>().Select(static part => part.Text)));
            json.WriteEndObject();

            // A tool's message holds text alone: media follow in one of the user.
            parts.AddRange(result.Content.Where(static part => part is not TextPart));
        }

        parts.AddRange(turn.Parts.Where(static part => part is not ToolResultPart));
        if (parts.Count == 0)
        {
            return;
        }

        json.WriteStartObject();
        json.WriteString("role"u8, "user"u8);
        if (parts is [TextPart text])
        {
            json.WriteString("content"u8, text.Text);
        }
        else
        {
            json.WriteStartArray("content"u8);
            foreach (var part in parts)
            {
                WritePart(json, part);
            }

            json.WriteEndArray();
        }

        json.WriteEndObject();
    }

    private static void WritePart(Utf8JsonWriter json, Part part)
    {
        switch (part)
        {
            case TextPart text:
                json.WriteStartObject();
                json.WriteString("type"u8, "text"u8);
                json.WriteString("text"u8, text.Text);
                json.WriteEndObject();
                break;
            case MediaPart { Kind: MediaKind.Image } image:
                json.WriteStartObject();
                json.WriteString("type"u8, "image_url"u8);
                json.WriteStartObject("image_url"u8);
                json.WriteString("url"u8, image.Url ?? DataUrl(image));
                if (image.Detail is { } detail)
                {
                    json.WriteString("detail"u8, detail);
                }

                json.WriteEndObject();
                json.WriteEndObject();
                break;
            case MediaPart { Kind: MediaKind.Audio, Base64: { } sound } audio:
                json.WriteStartObject();
                json.WriteString("type"u8, "input_audio"u8);
                json.WriteStartObject("input_audio"u8);
                json.WriteString("data"u8, sound.Span);
                json.WriteString("format"u8, audio.MediaType is "audio/mpeg" or "audio/mp3" ? "mp3" : audio.MediaType?.Split('/')[^1] ?? "wav");
                json.WriteEndObject();
                json.WriteEndObject();
                break;
            case MediaPart { Base64: not null } file:
                json.WriteStartObject();
                json.WriteString("type"u8, "file"u8);
                json.WriteStartObject("file"u8);
                json.WriteString("filename"u8, file.FileName ?? "document");
                json.WriteString("file_data"u8, DataUrl(file));
                json.WriteEndObject();
                json.WriteEndObject();
                break;
            default:
                break;
        }
    }

    private static string DataUrl(MediaPart media) =>
        $"data:{media.MediaType ?? "application/octet-stream"};base64,{Encoding.ASCII.GetString(media.Base64.GetValueOrDefault().Span)}";

    private static void WriteAssistant(Utf8JsonWriter json, Turn turn)
    {
        var text = string.Concat(turn.Parts.OfType<TextPart>().Select(static part => part.Text));
        var calls = turn.Parts.OfType<ToolCallPart>().ToList();

        // Reasoning goes back only to who wants it back: what it came in is its signature.
        var reasoning = string.Concat(turn.Parts.OfType<ReasoningPart>()
            .Where(static part => part.Signature is { Format: WireFormats.Chat, Value: ChatAnswerReader.ReasoningMark })
            .Select(static part => part.Text));
        if (text.Length == 0 && calls.Count == 0)
        {
            return;
        }

        json.WriteStartObject();
        json.WriteString("role"u8, "assistant"u8);
        if (text.Length > 0)
        {
            json.WriteString("content"u8, text);
        }
        else
        {
            json.WriteNull("content"u8);
        }

        if (reasoning.Length > 0)
        {
            json.WriteString("reasoning_content"u8, reasoning);
        }

        if (calls.Count > 0)
        {
            json.WriteStartArray("tool_calls"u8);
            foreach (var call in calls)
            {
                WriteCall(json, call);
            }

            json.WriteEndArray();
        }

        json.WriteEndObject();
    }

    private static void WriteCall(Utf8JsonWriter json, ToolCallPart call)
    {
        json.WriteStartObject();
        json.WriteString("id"u8, call.Id);
        json.WriteString("type"u8, "function"u8);
        json.WriteStartObject("function"u8);
        json.WriteString("name"u8, call.Name);
        json.WriteString("arguments"u8, call.Arguments);
        json.WriteEndObject();
        if (call.Signature is { Format: WireFormats.Chat } signature)
        {
            json.WriteStartObject("extra_content"u8);
            json.WriteStartObject("google"u8);
            json.WriteString("thought_signature"u8, signature.Value);
            json.WriteEndObject();
            json.WriteEndObject();
        }

        json.WriteEndObject();
    }

    private static void WriteTools(Utf8JsonWriter json, Conversation conversation)
    {
        if (conversation.Tools.Count == 0)
        {
            return;
        }

        json.WriteStartArray("tools"u8);
        foreach (var tool in conversation.Tools)
        {
            json.WriteStartObject();
            json.WriteString("type"u8, "function"u8);
            json.WriteStartObject("function"u8);
            json.WriteString("name"u8, tool.Name);
            if (tool.Description is { } description)
            {
                json.WriteString("description"u8, description);
            }

            json.WritePropertyName("parameters"u8);
            json.WriteRawValue(tool.Parameters);
            if (tool.Strict is { } strict)
            {
                json.WriteBoolean("strict"u8, strict);
            }

            json.WriteEndObject();
            json.WriteEndObject();
        }

        json.WriteEndArray();
        WriteChoice(json, conversation.ToolChoice);
        if (conversation.ParallelToolCalls is { } parallel)
        {
            json.WriteBoolean("parallel_tool_calls"u8, parallel);
        }
    }

    private static void WriteChoice(Utf8JsonWriter json, ToolChoice choice)
    {
        switch (choice.Kind)
        {
            case ToolChoiceKind.Auto:
                json.WriteString("tool_choice"u8, "auto"u8);
                break;
            case ToolChoiceKind.None:
                json.WriteString("tool_choice"u8, "none"u8);
                break;
            case ToolChoiceKind.Required:
                json.WriteString("tool_choice"u8, "required"u8);
                break;
            case ToolChoiceKind.Named when choice.Names is [var name]:
                json.WritePropertyName("tool_choice"u8);
                WriteNamed(json, name);
                break;
            case ToolChoiceKind.Named:
                json.WriteStartObject("tool_choice"u8);
                json.WriteString("type"u8, "allowed_tools"u8);
                json.WriteStartObject("allowed_tools"u8);
                json.WriteString("mode"u8, "required"u8);
                json.WriteStartArray("tools"u8);
                foreach (var allowed in choice.Names)
                {
                    WriteNamed(json, allowed);
                }

                json.WriteEndArray();
                json.WriteEndObject();
                json.WriteEndObject();
                break;
            default:
                break;
        }
    }

    private static void WriteNamed(Utf8JsonWriter json, string name)
    {
        json.WriteStartObject();
        json.WriteString("type"u8, "function"u8);
        json.WriteStartObject("function"u8);
        json.WriteString("name"u8, name);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void WriteParameters(Utf8JsonWriter json, Conversation conversation)
    {
        WriteNumber(json, "n", conversation.Choices > 1 ? conversation.Choices.ToString(CultureInfo.InvariantCulture) : null);
        WriteNumber(json, "temperature", conversation.Temperature);
        WriteNumber(json, "top_p", conversation.TopP);
        WriteNumber(json, "seed", conversation.Seed?.ToString(CultureInfo.InvariantCulture));
        WriteNumber(json, "frequency_penalty", conversation.FrequencyPenalty);
        WriteNumber(json, "presence_penalty", conversation.PresencePenalty);
        if (conversation.Logprobs is { } logprobs)
        {
            json.WriteBoolean("logprobs"u8, true);
            json.WriteNumber("top_logprobs"u8, logprobs);
        }

        WriteText(json, "prompt_cache_key", conversation.CacheKey);
        WriteText(json, "verbosity", conversation.Verbosity);
        WriteText(json, "reasoning_effort", Effort(conversation.Reasoning));
        if (conversation.Stop.Count > 0)
        {
            json.WriteStartArray("stop"u8);
            foreach (var stop in conversation.Stop)
            {
                json.WriteStringValue(stop);
            }

            json.WriteEndArray();
        }

        if (conversation.Format is { } format)
        {
            WriteFormat(json, format);
        }
    }

    private static void WriteFormat(Utf8JsonWriter json, AnswerFormat format)
    {
        json.WriteStartObject("response_format"u8);
        json.WriteString("type"u8, format.Schema is null ? "json_object"u8 : "json_schema"u8);
        if (format.Schema is { } schema)
        {
            json.WriteStartObject("json_schema"u8);
            json.WriteString("name"u8, format.Name ?? "answer");
            WriteText(json, "description", format.Description);
            json.WritePropertyName("schema"u8);
            json.WriteRawValue(schema);
            if (format.Strict is { } strict)
            {
                json.WriteBoolean("strict"u8, strict);
            }

            json.WriteEndObject();
        }

        json.WriteEndObject();
    }

    private static void WriteNumber(Utf8JsonWriter json, string name, string? number)
    {
        if (number is not null)
        {
            json.WritePropertyName(name);
            json.WriteRawValue(number);
        }
    }

    private static void WriteText(Utf8JsonWriter json, string name, string? text)
    {
        if (text is not null)
        {
            json.WriteString(name, text);
        }
    }

    /// <summary>The word for how much to reason. A budget is as much as the word that providers give about so much for.</summary>
    private static string? Effort(Reasoning? reasoning) => reasoning switch
    {
        null => null,
        { Effort: { } effort } => effort switch
        {
            ReasoningEffort.None => "none",
            ReasoningEffort.Minimal => "minimal",
            ReasoningEffort.Low => "low",
            ReasoningEffort.Medium => "medium",
            ReasoningEffort.High => "high",
            ReasoningEffort.ExtraHigh => "xhigh",
            _ => "max",
        },
        { BudgetTokens: 0 } => "none",
        { BudgetTokens: > 0 and <= 4096 } => "low",
        { BudgetTokens: > 0 and <= 16384 } => "medium",
        { BudgetTokens: > 0 } => "high",
        _ => null,
    };
}
