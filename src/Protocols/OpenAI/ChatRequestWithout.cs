using System.Text.Json;
using OrleansGateway.Protocols.Json;

namespace OrleansGateway.Protocols.OpenAI;

public sealed partial class ChatRequest
{
    /// <summary>The request without some of its first level's fields, everything else byte for byte, in one pass; itself when it has none of them.</summary>
    /// <param name="names">None that bounds the cost or is spliced: those stay as they were read.</param>
    public ChatRequest Without(IReadOnlyList<string> names)
    {
        var kept = new List<(int Start, int End)>();
        var (keptBytes, isDropped) = (0, false);
        var reader = new Utf8JsonReader(Body.Span, new JsonReaderOptions { MaxDepth = MaxDepth });
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var start = (int)reader.TokenStartIndex;
            var isNamed = IsNamed(reader, names);
            reader.Skip();
            isDropped |= isNamed;
            if (!isNamed)
            {
                kept.Add((start, (int)reader.BytesConsumed));
                keptBytes += kept[^1].End - start;
            }
        }

        return isDropped ? Of(kept, keptBytes) : this;
    }

    private static bool IsNamed(in Utf8JsonReader reader, IReadOnlyList<string> names)
    {
        for (var i = 0; i < names.Count; i++)
        {
            if (reader.ValueTextEquals(names[i]))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>The request of some of its members, with what is known of them moved to where they are.</summary>
    private ChatRequest Of(List<(int Start, int End)> members, int bytes)
    {
        // A comma between any two of them, and the braces.
        var body = new byte[bytes + members.Count + 1];
        var without = (ChatRequest)MemberwiseClone();
        (without.Body, without._rootStart, without._effortMember) = (body, 1, default);
        var position = 0;
        foreach (var (start, end) in members)
        {
            body[position] = position == 0 ? (byte)'{' : (byte)',';
            Body.Span[start..end].CopyTo(body.AsSpan(++position));
            var by = position - start;
            Move(ref without._modelMember, _modelMember);
            Move(ref without._streamOptionsMember, _streamOptionsMember);
            Move(ref without._includeUsageMember, _includeUsageMember);
            Move(ref without._maxTokensMember, _maxTokensMember);
            Move(ref without._maxCompletionTokensMember, _maxCompletionTokensMember);
            Move(ref without._effortMember, _effortMember);
            position += end - start;

            void Move(ref JsonMember to, JsonMember member)
            {
                if (member.IsPresent && member.NameStart >= start && member.ValueEnd <= end)
                {
                    to = member.Shift(from: 0, by);
                }
            }
        }

        body[position] = (byte)'}';
        return without;
    }
}
