using OrleansGateway.Protocols.Conversations;

namespace OrleansGateway.Protocols.OpenAI.Translation;

/// <summary>Chat Completions requests and what all protocols have in common.</summary>
public static class ChatConversation
{
    private static readonly HashSet<string> NoTools = [];

    /// <summary>Reads a request for translation.</summary>
    /// <param name="body">A body that <see cref="ChatRequest"/> has read.</param>
    /// <param name="textTools">The names of the tools whose input is text.</param>
    /// <param name="error">What is wrong with it, when null is returned.</param>
    public static Conversation? Read(ReadOnlyMemory<byte> body, out IReadOnlySet<string> textTools, out OpenAIError error)
    {
        var reader = new ChatConversationReader();
        var conversation = reader.Read(body, out error);
        textTools = conversation is null ? NoTools : reader.TextTools;
        return conversation;
    }

    /// <summary>Writes a request's body.</summary>
    /// <param name="model">The model's name in it.</param>
    /// <param name="maxOutputTokens">The output limit; null writes none.</param>
    public static byte[] Write(Conversation conversation, string model, int? maxOutputTokens)
    {
        ArgumentNullException.ThrowIfNull(conversation);
        return ChatConversationWriter.Write(conversation, model, maxOutputTokens);
    }
}
