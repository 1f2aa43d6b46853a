namespace OrleansGateway.Protocols.Exchange;

/// <summary>Names of what bodies are written in, and so of who understands whom without a translation.</summary>
public static class WireFormats
{
    /// <summary>OpenAI's Chat Completions.</summary>
    public const string Chat = "chat";

    /// <summary>OpenAI's Responses.</summary>
    public const string Responses = "responses";

    /// <summary>Anthropic's Messages.</summary>
    public const string Messages = "messages";

    /// <summary>Google's generateContent.</summary>
    public const string Gemini = "gemini";
}
