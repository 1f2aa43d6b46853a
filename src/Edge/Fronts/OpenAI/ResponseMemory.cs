using System.Buffers;
using System.Text;
using System.Text.Json;
using OrleansGateway.Edge.Idempotency;
using OrleansGateway.Protocols.Json;

namespace OrleansGateway.Edge.Fronts.OpenAI;

/// <summary>
/// What clients of Responses ask to have kept (<c>store</c>, which is on unless they turn it off) and name later instead of sending it again: the
/// items of an answer, and whole conversations by the id of their last response. In memory only, bounded, each for its account alone, none longer
/// than a day: providers are told to keep nothing, since all customers of a channel are one account to them.
/// </summary>
internal sealed class ResponseMemory(long bytesMax, TimeProvider time)
{
    /// <summary>The longest request whose conversation is kept, bytes.</summary>
    private const int RequestBytesMax = 1024 * 1024;

    /// <summary>The most that a request may name, bytes: what it takes counts against no other budget.</summary>
    private const int NamedBytesMax = 256 * 1024;

    private readonly AnswerCache _kept = new(bytesMax, time);

    /// <summary>Puts what a request names in its place. What is not known stays, for whoever reads the request to refuse.</summary>
    public ReadOnlyMemory<byte> Resolve(string account, ReadOnlyMemory<byte> body)
    {
        var json = body.Span;
        if (json.IndexOf("\"item_reference\""u8) < 0 && json.IndexOf("\"previous_response_id\""u8) < 0)
        {
            return body;
        }

        try
        {
            return Resolve(account, JsonDocument.Parse(body)) ?? body;
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException or ArgumentException)
        {
            // Whoever reads the request says what is wrong with it.
            return body;
        }
    }

    /// <summary>Keeps a response that was answered.</summary>
    /// <param name="input">What was asked, as <see cref="InputOf(ReadOnlyMemory{byte})"/> gave it.</param>
    /// <param name="answer">The response, or the event that ends its stream.</param>
    public void Keep(string account, byte[]? input, ReadOnlyMemory<byte> answer)
    {
        using var document = JsonDocument.Parse(answer);
        var response = document.RootElement.TryGetProperty("response", out var inside) ? inside : document.RootElement;
        if (!response.TryGetProperty("id", out var id) || !response.TryGetProperty("output", out var output) || output.ValueKind != JsonValueKind.Array)
        {
            return;
        }

        var conversation = new ArrayBufferWriter<byte>();
        Append(conversation, input);
        foreach (var item in output.EnumerateArray())
        {
            var sent = AsInput(item);
            Append(conversation, sent);
            if (item.TryGetProperty("id", out var itemId) && itemId.ValueKind == JsonValueKind.String)
            {
                _kept.Keep(Name(account, itemId.GetString()!), sent, 0);
            }
        }

        if (input is not null)
        {
            _kept.Keep(Name(account, id.GetString()!), conversation.WrittenSpan, 0);
        }
    }

    /// <summary>What a request asks, as items, with all that it named in its place; null where it is too long to be kept.</summary>
    public static byte[]? InputOf(ReadOnlyMemory<byte> request)
    {
        if (request.Length > RequestBytesMax)
        {
            return null;
        }

        using var document = JsonDocument.Parse(request);
        return InputOf(document.RootElement);
    }

    private byte[]? Resolve(string account, JsonDocument document)
    {
        using (document)
        {
            var root = document.RootElement;
            if (root.ValueKind != JsonValueKind.Object || !root.TryGetProperty("input", out var input))
            {
                return null;
            }

            var items = new ArrayBufferWriter<byte>();
            var previous = root.TryGetProperty("previous_response_id", out var named) && named.ValueKind == JsonValueKind.String
                ? _kept.Find(Name(account, named.GetString()!))
                : null;
            var taken = previous?.Body.Length ?? 0;
            if (taken > NamedBytesMax)
            {
                return null;
            }

            Append(items, previous?.Body);
            if (input.ValueKind == JsonValueKind.Array)
            {
                foreach (var item in input.EnumerateArray())
                {
                    var referred = Referred(account, item);
                    taken += referred?.Length ?? 0;
                    if (taken > NamedBytesMax)
                    {
                        return null;
                    }

                    Append(items, referred ?? Encoding.UTF8.GetBytes(item.GetRawText()));
                }
            }
            else
            {
                Append(items, InputOf(root));
            }

            var resolved = new ArrayBufferWriter<byte>();
            using var json = new Utf8JsonWriter(resolved);
            json.WriteStartObject();
            foreach (var member in root.EnumerateObject())
            {
                if (member.NameEquals("input"u8))
                {
                    json.WritePropertyName("input"u8);
                    json.WriteRawValue((byte[])[(byte)'[', .. items.WrittenSpan, (byte)']']);
                }
                else if (previous is null || !member.NameEquals("previous_response_id"u8))
                {
                    member.WriteTo(json);
                }
            }

            json.WriteEndObject();
            json.Flush();
            return resolved.WrittenSpan.ToArray();
        }
    }

    private byte[]? Referred(string account, JsonElement item) =>
        item.ValueKind == JsonValueKind.Object && item.TryGetProperty("type", out var type) && type.ValueEquals("item_reference"u8)
        && item.TryGetProperty("id", out var id) && id.ValueKind == JsonValueKind.String
            ? _kept.Find(Name(account, id.GetString()!))?.Body
            : null;

    /// <summary>The input as items, separated by commas.</summary>
    private static byte[] InputOf(JsonElement request)
    {
        if (!request.TryGetProperty("input", out var input))
        {
            return [];
        }

        return input.ValueKind == JsonValueKind.Array
            ? Encoding.UTF8.GetBytes(input.GetRawText().Trim()[1..^1].Trim())
            : [.. "{\"role\":\"user\",\"content\":"u8, .. Encoding.UTF8.GetBytes(input.GetRawText()), (byte)'}'];
    }

    /// <summary>An item as it is sent back: without an id, which nobody knows any more; nothing of reasoning that only its provider had.</summary>
    private static byte[] AsInput(JsonElement item)
    {
        var isReasoning = item.TryGetProperty("type", out var type) && type.ValueEquals("reasoning"u8);
        var isSigned = item.TryGetProperty("encrypted_content", out var content) && content.ValueKind == JsonValueKind.String;
        return isReasoning && !isSigned
            ? []
            : JsonMembers.Without(Encoding.UTF8.GetBytes(item.GetRawText()), static name => name == "id").ToArray();
    }

    private static void Append(ArrayBufferWriter<byte> items, ReadOnlySpan<byte> item)
    {
        if (!item.IsEmpty)
        {
            items.Write(items.WrittenCount == 0 ? ""u8 : ","u8);
            items.Write(item);
        }
    }

    private static string Name(string account, string id) => account + "/" + id;
}
