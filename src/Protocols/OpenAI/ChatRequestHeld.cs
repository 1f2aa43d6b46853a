using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Json;

namespace OrleansGateway.Protocols.OpenAI;

public sealed partial class ChatRequest
{
    /// <summary>The request with other ids of what its provider keeps.</summary>
    /// <param name="idOf">The provider's, for one of <see cref="RequestFacts.Held"/>.</param>
    public ChatRequest WithHeldIds(Func<string, string> idOf)
    {
        ArgumentNullException.ThrowIfNull(idOf);
        var body = JsonMembers.WithItems(Body, "messages", message =>
        {
            var audio = JsonMembers.Value(message, "audio");
            return JsonMembers.Text(audio, "id") is { } id
                ? JsonMembers.With(message, "audio", JsonMembers.With(audio, "id", JsonBytes.Quote(idOf(id))).Span)
                : message;
        });
        return TryRead(body, MaxChoicesLimit, out var with, out var error)
            ? with
            : throw new InvalidOperationException($"The request cannot be read with its provider's ids: {error.Code}.");
    }
}
