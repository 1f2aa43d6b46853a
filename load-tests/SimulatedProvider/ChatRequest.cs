using System.Text.Json;
using System.Text.Json.Nodes;

namespace OrleansGateway.SimulatedProvider;

/// <summary>What the provider needs of the body of <c>POST /v1/chat/completions</c>, and what follows from it.</summary>
internal sealed class ChatRequest
{
    private const int TokensPerMessage = 4;
    private const int BytesPerToken = 4;
    private const int ChoicesMax = 128;

    /// <summary>The model's name as it stands between the quotes, escapes untouched.</summary>
    public byte[] Model { get; private set; } = [];

    public bool Stream { get; private set; }

    public bool IncludeUsage { get; private set; }

    public int Choices { get; private set; } = 1;

    /// <summary>The <c>sim</c> object, if there is one.</summary>
    public JsonObject? Sim { get; private set; }

    /// <summary>Differs between most requests, the same for equal ones in every process.</summary>
    public uint Seed { get; private set; } = 2166136261;

    public long PromptTokens => (TokensPerMessage * _messages) + ((_textBytes + BytesPerToken - 1) / BytesPerToken);

    private long? _tokensMax;
    private long _messages;
    private long _textBytes;

    /// <summary>Reads <paramref name="body"/>.</summary>
    /// <returns>Null, or the message of the 400 to answer with.</returns>
    public static string? TryParse(ReadOnlySpan<byte> body, out ChatRequest request)
    {
        request = new ChatRequest();
        try
        {
            var reader = new Utf8JsonReader(body);
            reader.Read();
            if (reader.TokenType != JsonTokenType.StartObject)
            {
                return "The body must be a JSON object.";
            }

            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                request.ReadField(ref reader);
            }

            reader.Read();
        }
        catch (Exception exception) when (exception is JsonException or FormatException or InvalidOperationException)
        {
            return "We could not parse the JSON body of your request.";
        }

        return request.Model.Length == 0 ? "you must provide a model parameter"
            : request._messages == 0 ? "Missing required parameter: 'messages'."
            : request.Choices is < 1 or > ChoicesMax ? "Invalid value for 'n'."
            : request._tokensMax < 1 ? "Invalid value for 'max_completion_tokens'."
            : null;
    }

    /// <summary>Completion tokens of each choice and whether <c>max_tokens</c> cut it.</summary>
    public (long Tokens, bool Cut) CompletionTokens(SimulatedBehaviour behaviour)
    {
        var wanted = behaviour.Tokens ?? 8 + (long)(Seed % 57);
        return _tokensMax < wanted ? (_tokensMax.Value, true) : (wanted, false);
    }

    private void ReadField(ref Utf8JsonReader reader)
    {
        if (reader.ValueTextEquals("model"u8))
        {
            reader.Read();
            Model = reader.TokenType == JsonTokenType.String ? reader.ValueSpan.ToArray() : [];
        }
        else if (reader.ValueTextEquals("messages"u8))
        {
            reader.Read();
            ReadMessages(ref reader);
        }
        else if (reader.ValueTextEquals("stream"u8))
        {
            reader.Read();
            Stream = reader.TokenType != JsonTokenType.Null && reader.GetBoolean();
        }
        else if (reader.ValueTextEquals("stream_options"u8))
        {
            reader.Read();
            ReadStreamOptions(ref reader);
        }
        else if (reader.ValueTextEquals("max_tokens"u8) || reader.ValueTextEquals("max_completion_tokens"u8))
        {
            reader.Read();
            _tokensMax = reader.TokenType == JsonTokenType.Null ? _tokensMax : reader.GetInt64();
        }
        else if (reader.ValueTextEquals("n"u8))
        {
            reader.Read();
            Choices = reader.TokenType == JsonTokenType.Null ? 1 : reader.GetInt32();
        }
        else if (reader.ValueTextEquals("sim"u8))
        {
            reader.Read();
            Sim = JsonNode.Parse(ref reader)?.AsObject();
        }
        else
        {
            reader.Read();
            reader.Skip();
        }
    }

    /// <summary>Counts the objects of the array and the bytes of every string named <c>content</c> or <c>text</c> in them.</summary>
    private void ReadMessages(ref Utf8JsonReader reader)
    {
        var depth = reader.CurrentDepth;
        var isText = false;
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            reader.Skip();
            return;
        }

        while (reader.Read() && reader.CurrentDepth > depth)
        {
            switch (reader.TokenType)
            {
                case JsonTokenType.StartObject when reader.CurrentDepth == depth + 1:
                    _messages++;
                    break;
                case JsonTokenType.PropertyName:
                    isText = reader.ValueTextEquals("content"u8) || reader.ValueTextEquals("text"u8);
                    break;
                case JsonTokenType.String when isText:
                    _textBytes += reader.ValueSpan.Length;
                    Mix(reader.ValueSpan);
                    break;
                default:
                    break;
            }
        }
    }

    private void ReadStreamOptions(ref Utf8JsonReader reader)
    {
        var depth = reader.CurrentDepth;
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            reader.Skip();
            return;
        }

        while (reader.Read() && reader.CurrentDepth > depth)
        {
            var isIncludeUsage = reader.ValueTextEquals("include_usage"u8);
            reader.Read();
            if (isIncludeUsage)
            {
                IncludeUsage = reader.TokenType == JsonTokenType.True;
            }

            reader.Skip();
        }
    }

    /// <summary>FNV-1a over the length and the first bytes: a long prompt costs no more than a short one.</summary>
    private void Mix(ReadOnlySpan<byte> text)
    {
        const uint Prime = 16777619;
        Seed = (Seed ^ (uint)text.Length) * Prime;
        foreach (var value in text[..Math.Min(text.Length, 64)])
        {
            Seed = (Seed ^ value) * Prime;
        }
    }
}
