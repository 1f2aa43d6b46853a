namespace OrleansGateway.Protocols.OpenAI;

/// <summary>The field in which a request names its output limit.</summary>
public enum OutputLimitField
{
    /// <summary>In neither field.</summary>
    None,

    /// <summary><c>max_tokens</c>, the older name, and the only one that some providers know.</summary>
    MaxTokens,

    /// <summary><c>max_completion_tokens</c>, which includes reasoning; reasoning models of OpenAI refuse the other.</summary>
    MaxCompletionTokens,
}

/// <summary>
/// A Chat Completions request: what bounds its cost, and where in the body the few values stand that a relay may
/// change. The body itself is kept, not copied: it must outlive this object.
/// </summary>
public sealed partial class ChatRequest
{
    /// <summary>The most choices (<c>n</c>) that OpenAI allows.</summary>
    public const int MaxChoicesLimit = 128;

    /// <summary>The deepest nesting of a body, in objects and arrays, that is read.</summary>
    public const int MaxDepth = 64;

    private ChatRequest(ReadOnlyMemory<byte> body) => Body = body;

    /// <summary>The body as the client sent it.</summary>
    public ReadOnlyMemory<byte> Body { get; }

    /// <summary>The model that the client named.</summary>
    public string Model { get; private set; } = "";

    /// <summary>Whether the answer is to be streamed.</summary>
    public bool Stream { get; private set; }

    /// <summary>Whether the client asked for the usage chunk of a stream.</summary>
    public bool IncludeUsage { get; private set; }

    /// <summary>Choices asked for (<c>n</c>), 1 when not given.</summary>
    public int Choices { get; private set; } = 1;

    /// <summary>The output limit of each choice in tokens, null when not given.</summary>
    public int? MaxOutputTokens { get; private set; }

    /// <summary>Which field gave <see cref="MaxOutputTokens"/>.</summary>
    public OutputLimitField OutputLimitField { get; private set; }

    /// <summary>Number of messages.</summary>
    public int MessageCount { get; private set; }

    /// <summary>Number of tools and (deprecated) functions.</summary>
    public int ToolCount { get; private set; }

    /// <summary>
    /// UTF-8 bytes of everything in the body that may become text of the prompt: all strings, names and numbers but
    /// the payloads of pictures, audio and files. No model makes more text tokens of it.
    /// </summary>
    public long TextBytes { get; private set; }

    /// <summary>Input tokens as a tokenizer would likely count them; pictures, audio and files are not included.</summary>
    public long EstimatedInputTokens { get; private set; }

    /// <summary>Pictures, inline and remote.</summary>
    public int ImageCount { get; private set; }

    /// <summary>Pictures with <c>detail: low</c>, for which providers charge a small fixed number of tokens.</summary>
    public int LowDetailImageCount { get; private set; }

    /// <summary>Pictures given by an address.</summary>
    public int RemoteImageCount { get; private set; }

    /// <summary>Decoded bytes of the inline pictures.</summary>
    public long ImageBytes { get; private set; }

    /// <summary>Audio clips in the body.</summary>
    public int AudioCount { get; private set; }

    /// <summary>Decoded bytes of the audio clips.</summary>
    public long AudioBytes { get; private set; }

    /// <summary>Files in the body.</summary>
    public int FileCount { get; private set; }

    /// <summary>Decoded bytes of the files in the body.</summary>
    public long FileBytes { get; private set; }

    /// <summary>Whether some input is not in the body, or of a kind that cannot be sized: only the window bounds it.</summary>
    public bool HasUnsizedInput { get; private set; }

    /// <summary>Whether the provider may run tools of its own, such as a web search.</summary>
    public bool HasHostedTools { get; private set; }

    /// <summary>Whether the answer may contain audio.</summary>
    public bool HasAudioOutput { get; private set; }

    /// <summary>Whether the answer may contain pictures.</summary>
    public bool HasImageOutput { get; private set; }

    /// <summary>UTF-8 bytes of <c>prediction</c>; its rejected tokens are billed as output.</summary>
    public long PredictionBytes { get; private set; }

    /// <summary><c>reasoning_effort</c>, if it is given as a string.</summary>
    public string? ReasoningEffort { get; private set; }

    /// <summary><c>service_tier</c>, if it is given as a string. Tiers have prices of their own.</summary>
    public string? ServiceTier { get; private set; }

    /// <summary>
    /// Reads a request.
    /// </summary>
    /// <param name="body">The whole body.</param>
    /// <param name="maxChoices">The largest <c>n</c> that is accepted; only requests with at most <see cref="MaxChoicesLimit"/> can be metered.</param>
    /// <param name="request">The request, when true is returned.</param>
    /// <param name="error">What is wrong with it otherwise: always a status of 400.</param>
    public static bool TryRead(
        ReadOnlyMemory<byte> body,
        int maxChoices,
        [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out ChatRequest? request,
        out OpenAIError error)
    {
        var candidate = new ChatRequest(body);
        var failure = new Scanner(candidate, maxChoices).Run();
        request = failure is null ? candidate : null;
        error = failure.GetValueOrDefault();
        return failure is null;
    }

    /// <summary>
    /// The most input tokens that the request can be charged for. A text token is at least one byte.
    /// </summary>
    public long MaxInputTokens(in InputTokenRules rules)
    {
        var unsized = HasUnsizedInput || HasHostedTools
            || (ImageCount > 0 && rules.PerImage is null)
            || (AudioCount > 0 && rules.PerAudio is null)
            || (FileCount > 0 && rules.PerFile is null);
        if (unsized)
        {
            return rules.Window;
        }

        var bound = TextBytes + rules.PerRequest
            + ((long)MessageCount * rules.PerMessage)
            + ((long)ToolCount * rules.PerTool)
            + ((long)ImageCount * rules.PerImage.GetValueOrDefault())
            + ((long)AudioCount * rules.PerAudio.GetValueOrDefault())
            + ((long)FileCount * rules.PerFile.GetValueOrDefault());
        return Math.Min(bound, rules.Window);
    }
}

/// <summary>What a model adds to the bytes of a prompt, in tokens.</summary>
public readonly record struct InputTokenRules(long Window)
{
    /// <summary>Added once: what the model's template puts around every prompt.</summary>
    public int PerRequest { get; init; } = 64;

    /// <summary>Added for each message: its frame and role.</summary>
    public int PerMessage { get; init; } = 16;

    /// <summary>Added for each tool: how templates present one.</summary>
    public int PerTool { get; init; } = 64;

    /// <summary>The most that one picture counts; null when unknown.</summary>
    public int? PerImage { get; init; }

    /// <summary>The most that one audio clip counts; null when unknown.</summary>
    public int? PerAudio { get; init; }

    /// <summary>The most that one file counts; null when unknown.</summary>
    public int? PerFile { get; init; }
}
