using System.Text.Json;

namespace OrleansGateway.Protocols.OpenAI.Translation;

/// <summary>The input of a tool of text: other protocols know it as a function with the one field <c>input</c>.</summary>
internal static class TextInput
{
    /// <summary>Takes the input out of such a function's arguments; what is none, as arguments that were cut off, stays as it is.</summary>
    /// <param name="arguments">JSON, as a JSON string's content.</param>
    /// <returns>The input, as a JSON string's content.</returns>
    public static byte[] Of(ReadOnlySpan<byte> arguments)
    {
        try
        {
            var quoted = new Utf8JsonReader((byte[])[(byte)'"', .. arguments, (byte)'"']);
            quoted.Read();
            var json = new byte[arguments.Length];
            var reader = new Utf8JsonReader(json.AsSpan(0, quoted.CopyString(json)));
            reader.Read();
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var isInput = reader.ValueTextEquals("input"u8);
                reader.Read();
                if (isInput && reader.TokenType == JsonTokenType.String)
                {
                    var input = reader.ValueSpan.ToArray();
                    return reader.Read() ? input : arguments.ToArray();
                }

                reader.Skip();
            }
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
        }

        return arguments.ToArray();
    }
}
