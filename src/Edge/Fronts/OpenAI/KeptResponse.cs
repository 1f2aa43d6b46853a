using System.Text.Json;

namespace OrleansGateway.Edge.Fronts.OpenAI;

/// <summary>A response that is kept, with what it answers. Never changed.</summary>
internal sealed class KeptResponse
{
    private readonly List<(string? Id, int Start, int End)> _items = [];
    private int _start;
    private int _end;

    private KeptResponse(byte[] input, string channel) => (Input, Channel) = (input, channel);

    public string Id { get; private set; } = "";

    /// <summary>The channel whose provider made it, and has its beginning in its cache.</summary>
    public string Channel { get; }

    /// <summary>The items that it answers, JSON, separated by commas.</summary>
    public byte[] Input { get; }

    /// <summary>The response, JSON.</summary>
    public byte[] Json { get; private set; } = [];

    /// <summary>Where the items of its output stand in <see cref="Json"/>, with their ids.</summary>
    public IReadOnlyList<(string? Id, int Start, int End)> Items => _items;

    /// <summary>Reads a response, or an event that has one.</summary>
    /// <param name="input">What it answers.</param>
    /// <param name="channel">Where it was made.</param>
    /// <returns>Null of what has no id or no output.</returns>
    public static KeptResponse? Read(byte[] input, ReadOnlySpan<byte> answer, string channel)
    {
        var read = new KeptResponse(input, channel);
        var reader = new Utf8JsonReader(answer);
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject || !read.Read(ref reader) || read.Id.Length == 0)
        {
            return null;
        }

        read.Json = answer[read._start..read._end].ToArray();
        return read;
    }

    /// <returns>Whether it has an output.</returns>
    private bool Read(ref Utf8JsonReader reader)
    {
        _start = (int)reader.TokenStartIndex;
        var hasOutput = false;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var (isId, isOutput, isResponse) = (reader.ValueTextEquals("id"u8), reader.ValueTextEquals("output"u8), reader.ValueTextEquals("response"u8));
            reader.Read();
            if (isResponse && reader.TokenType == JsonTokenType.StartObject)
            {
                return Read(ref reader);
            }

            if (isOutput && reader.TokenType == JsonTokenType.StartArray)
            {
                hasOutput = true;
                ReadItems(ref reader);
                continue;
            }

            Id = isId && reader.TokenType == JsonTokenType.String ? reader.GetString()! : Id;
            reader.Skip();
        }

        _end = (int)reader.BytesConsumed;
        return hasOutput;
    }

    private void ReadItems(ref Utf8JsonReader reader)
    {
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            var start = (int)reader.TokenStartIndex;
            string? id = null;
            if (reader.TokenType == JsonTokenType.StartObject)
            {
                while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
                {
                    var isId = reader.ValueTextEquals("id"u8);
                    reader.Read();
                    id = isId && reader.TokenType == JsonTokenType.String ? reader.GetString() : id;
                    reader.Skip();
                }
            }

            _items.Add((id, start - _start, (int)reader.BytesConsumed - _start));
        }
    }
}
