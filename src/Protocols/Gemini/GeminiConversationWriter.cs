using System.Buffers;
using System.Text;
using System.Text.Json;
using OrleansGateway.Protocols.Conversations;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Json;

namespace OrleansGateway.Protocols.Gemini;

/// <summary>What a channel needs of a request that is written for it.</summary>
/// <param name="Model">The provider's name for the model.</param>
/// <param name="MaxOutputTokens">The output limit of each choice, tokens; null leaves it to the model.</param>
/// <param name="FillsSignatures">Whether calls that Gemini has not made get what asks not to check their signatures.</param>
public readonly record struct GeminiTarget(string Model, int? MaxOutputTokens, bool FillsSignatures);

/// <summary>Writes a conversation as a request of generateContent.</summary>
public static class GeminiConversationWriter
{
    private const int StopsMax = 5;

    /// <summary>What is wrong with a conversation for Gemini; null when nothing is.</summary>
    public static GeminiRefusal? Check(Conversation conversation)
    {
        ArgumentNullException.ThrowIfNull(conversation);
        if (conversation.Stop.Count > StopsMax)
        {
            return new($"The model takes at most {StopsMax} stop sequences.", "stop", "array_above_max_length");
        }

        if (conversation.Turns.Count == 0)
        {
            return new("The request has no message but the system's: the model needs one.", "messages", "invalid_value");
        }

        var calls = new HashSet<string>(StringComparer.Ordinal);
        foreach (var part in conversation.Turns.SelectMany(static turn => turn.Parts))
        {
            if (part is ToolCallPart call)
            {
                calls.Add(call.Id);
                if (!GeminiJson.IsObject(Encoding.UTF8.GetBytes(call.Arguments)))
                {
                    return new($"The arguments of the tool call '{call.Id}' are no JSON object.", "messages", "invalid_value");
                }
            }
            else if (part is ToolResultPart { Name: "" } result && !calls.Contains(result.Id))
            {
                return new($"The result of the tool call '{result.Id}' has no such call before it.", "messages", "invalid_value");
            }
        }

        return null;
    }

    /// <summary>Writes the request.</summary>
    /// <param name="conversation">With nothing that <see cref="Check"/> finds.</param>
    public static ReadOnlyMemory<byte> Write(Conversation conversation, in GeminiTarget target)
    {
        ArgumentNullException.ThrowIfNull(conversation);
        var body = new ArrayBufferWriter<byte>();
        using var json = new Utf8JsonWriter(body, JsonBytes.WriterOptions);
        json.WriteStartObject();
        if (conversation.System.Count > 0)
        {
            json.WriteStartObject("systemInstruction"u8);
            json.WriteStartArray("parts"u8);
            foreach (var text in conversation.System)
            {
                WriteText(json, text.Text);
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        WriteTurns(json, conversation, target);
        WriteTools(json, conversation);
        WriteConfig(json, conversation, target);
        json.WriteEndObject();
        json.Flush();
        return body.WrittenMemory;
    }

    private static void WriteTurns(Utf8JsonWriter json, Conversation conversation, in GeminiTarget target)
    {
        var names = new Dictionary<string, string>(StringComparer.Ordinal);
        json.WriteStartArray("contents"u8);
        foreach (var turn in conversation.Turns)
        {
            // The first call of a turn has the signature of all.
            var needsSignature = target.FillsSignatures && !turn.Parts.Any(static part => part is ToolCallPart { Signature.Format: WireFormats.Gemini });
            json.WriteStartObject();
            json.WriteString("role"u8, turn.Role == Role.User ? "user"u8 : "model"u8);
            json.WriteStartArray("parts"u8);
            var hasParts = false;
            foreach (var part in turn.Parts)
            {
                if (part is ToolCallPart call)
                {
                    names[call.Id] = call.Name;
                    WriteCall(json, call, needsSignature);
                    needsSignature = false;
                }
                else if (!WritePart(json, part, names, target))
                {
                    continue;
                }

                hasParts = true;
            }

            if (!hasParts)
            {
                // A content without any is refused.
                WriteText(json, "");
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    /// <returns>False when there is nothing to write.</returns>
    private static bool WritePart(Utf8JsonWriter json, Part part, Dictionary<string, string> names, in GeminiTarget target)
    {
        switch (part)
        {
            case TextPart text:
                WriteText(json, text.Text);
                return true;
            case MediaPart media:
                WriteMedia(json, media);
                return true;
            case ReasoningPart { Signature: { Format: WireFormats.Gemini } signature } reasoning:
                json.WriteStartObject();
                json.WriteString("text"u8, reasoning.Text);
                if (reasoning.Text.Length > 0)
                {
                    json.WriteBoolean("thought"u8, true);
                }

                json.WriteString("thoughtSignature"u8, signature.Value);
                json.WriteEndObject();
                return true;
            case ToolResultPart result:
                WriteResult(json, result, result.Name.Length > 0 ? result.Name : names.GetValueOrDefault(result.Id, result.Id), target);
                return true;
            default:
                return false;
        }
    }

    private static void WriteText(Utf8JsonWriter json, string text)
    {
        json.WriteStartObject();
        json.WriteString("text"u8, text);
        json.WriteEndObject();
    }

    private static void WriteCall(Utf8JsonWriter json, ToolCallPart call, bool fillsSignature)
    {
        json.WriteStartObject();
        json.WriteStartObject("functionCall"u8);
        json.WriteString("id"u8, call.Id);
        json.WriteString("name"u8, call.Name);
        json.WritePropertyName("args"u8);
        json.WriteRawValue(call.Arguments);
        json.WriteEndObject();
        if (call.Signature is { Format: WireFormats.Gemini } signature)
        {
            json.WriteString("thoughtSignature"u8, signature.Value);
        }
        else if (fillsSignature)
        {
            json.WriteString("thoughtSignature"u8, GeminiSignatures.None);
        }

        json.WriteEndObject();
    }

    private static void WriteResult(Utf8JsonWriter json, ToolResultPart result, string name, in GeminiTarget target)
    {
        // From Gemini 3 on media stand in the result itself.
        var media = result.Content.OfType<MediaPart>().ToList();
        var isNested = media.Count > 0 && !target.Model.StartsWith("gemini-2", StringComparison.Ordinal);
        json.WriteStartObject();
        json.WriteStartObject("functionResponse"u8);
        json.WriteString("id"u8, result.Id);
        json.WriteString("name"u8, name);
        json.WritePropertyName("response"u8);
        var text = string.Join("\n", result.Content.OfType<TextPart>().Select(static part => part.Text));
        if (!result.IsError && GeminiJson.IsObject(Encoding.UTF8.GetBytes(text)))
        {
            json.WriteRawValue(text);
        }
        else
        {
            json.WriteStartObject();
            json.WriteString(result.IsError ? "error"u8 : "output"u8, text);
            json.WriteEndObject();
        }

        if (isNested)
        {
            json.WriteStartArray("parts"u8);
            media.ForEach(part => WriteMedia(json, part));
            json.WriteEndArray();
        }

        json.WriteEndObject();
        json.WriteEndObject();
        if (!isNested)
        {
            media.ForEach(part => WriteMedia(json, part));
        }
    }

    private static void WriteMedia(Utf8JsonWriter json, MediaPart media)
    {
        json.WriteStartObject();
        if (media.Base64 is { } base64)
        {
            json.WriteStartObject("inlineData"u8);
            json.WriteString("mimeType"u8, media.MediaType ?? TypeOf(media));
            json.WriteString("data"u8, base64.Span);
        }
        else
        {
            json.WriteStartObject("fileData"u8);
            json.WriteString("mimeType"u8, media.MediaType ?? TypeOf(media));
            json.WriteString("fileUri"u8, media.Url);
        }

        json.WriteEndObject();
        json.WriteEndObject();
    }

    /// <summary>A guess at what an address leads to, by its ending.</summary>
    private static string TypeOf(MediaPart media)
    {
        var name = media.FileName ?? (Uri.TryCreate(media.Url, UriKind.Absolute, out var address) ? address.AbsolutePath : "");
        return Path.GetExtension(name).ToLowerInvariant() switch
        {
            ".png" => "image/png",
            ".gif" => "image/gif",
            ".webp" => "image/webp",
            ".jpg" or ".jpeg" => "image/jpeg",
            ".heic" => "image/heic",
            ".pdf" => "application/pdf",
            ".txt" => "text/plain",
            ".html" => "text/html",
            ".csv" => "text/csv",
            ".md" => "text/markdown",
            ".mp3" => "audio/mp3",
            ".wav" => "audio/wav",
            ".ogg" => "audio/ogg",
            ".flac" => "audio/flac",
            ".mp4" => "video/mp4",
            ".webm" => "video/webm",
            _ => media.Kind switch
            {
                MediaKind.Image => "image/jpeg",
                MediaKind.Audio => "audio/mp3",
                MediaKind.Video => "video/mp4",
                _ => "application/pdf",
            },
        };
    }

    private static void WriteTools(Utf8JsonWriter json, Conversation conversation)
    {
        if (conversation.Tools.Count > 0)
        {
            json.WriteStartArray("tools"u8);
            json.WriteStartObject();
            json.WriteStartArray("functionDeclarations"u8);
            foreach (var tool in conversation.Tools)
            {
                json.WriteStartObject();
                json.WriteString("name"u8, tool.Name);
                if (tool.Description is { } description)
                {
                    json.WriteString("description"u8, description);
                }

                json.WritePropertyName("parametersJsonSchema"u8);
                json.WriteRawValue(tool.Parameters);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
            json.WriteEndArray();
        }

        if (conversation.ToolChoice.Kind == ToolChoiceKind.Unsaid || conversation.Tools.Count == 0)
        {
            return;
        }

        json.WriteStartObject("toolConfig"u8);
        json.WriteStartObject("functionCallingConfig"u8);
        json.WriteString("mode"u8, conversation.ToolChoice.Kind switch
        {
            ToolChoiceKind.None => "NONE"u8,
            ToolChoiceKind.Required or ToolChoiceKind.Named => "ANY"u8,
            _ => "AUTO"u8,
        });
        if (conversation.ToolChoice.Kind == ToolChoiceKind.Named)
        {
            WriteStrings(json, "allowedFunctionNames", conversation.ToolChoice.Names);
        }

        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void WriteConfig(Utf8JsonWriter json, Conversation conversation, in GeminiTarget target)
    {
        json.WriteStartObject("generationConfig"u8);
        WriteNumber(json, "temperature", conversation.Temperature);
        WriteNumber(json, "topP", conversation.TopP);
        WriteNumber(json, "topK", conversation.TopK);
        WriteNumber(json, "seed", conversation.Seed);
        WriteNumber(json, "frequencyPenalty", conversation.FrequencyPenalty);
        WriteNumber(json, "presencePenalty", conversation.PresencePenalty);
        WriteNumber(json, "maxOutputTokens", target.MaxOutputTokens);
        WriteNumber(json, "candidateCount", conversation.Choices > 1 ? conversation.Choices : null);
        if (conversation.Logprobs is { } logprobs)
        {
            json.WriteBoolean("responseLogprobs"u8, true);
            WriteNumber(json, "logprobs", logprobs > 0 ? logprobs : null);
        }

        if (conversation.Stop.Count > 0)
        {
            WriteStrings(json, "stopSequences", conversation.Stop);
        }

        if (conversation.Format is { } format)
        {
            json.WriteString("responseMimeType"u8, "application/json"u8);
            if (format.Schema is { } schema)
            {
                json.WritePropertyName("responseJsonSchema"u8);
                json.WriteRawValue(schema);
            }
        }

        if (conversation.Reasoning is { } reasoning)
        {
            GeminiThinking.Write(json, reasoning, target.Model);
        }

        json.WriteEndObject();
    }

    private static void WriteStrings(Utf8JsonWriter json, string name, IReadOnlyList<string> texts)
    {
        json.WriteStartArray(name);
        foreach (var text in texts)
        {
            json.WriteStringValue(text);
        }

        json.WriteEndArray();
    }

    private static void WriteNumber(Utf8JsonWriter json, string name, string? number)
    {
        if (number is not null)
        {
            json.WritePropertyName(name);
            json.WriteRawValue(number);
        }
    }

    private static void WriteNumber(Utf8JsonWriter json, string name, long? number)
    {
        if (number is { } value)
        {
            json.WriteNumber(name, value);
        }
    }
}
