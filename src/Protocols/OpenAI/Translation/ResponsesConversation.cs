using OrleansGateway.Protocols.Conversations;
using OrleansGateway.Protocols.OpenAI.Responses;

namespace OrleansGateway.Protocols.OpenAI.Translation;

/// <summary>Responses requests and what all protocols have in common.</summary>
public static class ResponsesConversation
{
    /// <summary>Reads a request for translation.</summary>
    /// <param name="body">A body that <see cref="ResponsesRequest"/> has read.</param>
    /// <param name="tools">The client's tools by the names that the conversation has for them.</param>
    /// <param name="error">What is wrong with it, when null is returned.</param>
    public static Conversation? Read(ReadOnlyMemory<byte> body, out IReadOnlyDictionary<string, ResponsesTool> tools, out OpenAIError error)
    {
        var reader = new ResponsesConversationReader();
        var conversation = reader.Read(body, out error);
        tools = reader.Tools;
        return conversation;
    }
}
