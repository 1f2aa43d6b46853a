namespace OrleansGateway.Protocols.Exchange;

/// <summary>What every protocol tells of a request: whatever bounds its cost.</summary>
public abstract class RequestFacts
{
    /// <summary>The model that the client named.</summary>
    public string Model { get; protected set; } = "";

    /// <summary>Whether the answer is to be streamed.</summary>
    public bool Stream { get; protected set; }

    /// <summary>Answers asked for, 1 when not given.</summary>
    public int Choices { get; protected set; } = 1;

    /// <summary>The output limit of each answer in tokens, null when not given.</summary>
    public int? MaxOutputTokens { get; protected set; }

    /// <summary>Number of messages.</summary>
    public int MessageCount { get; protected set; }

    /// <summary>Number of tools and (deprecated) functions.</summary>
    public int ToolCount { get; protected set; }

    /// <summary>
    /// UTF-8 bytes of everything in the body that may become text of the prompt: all strings, names and numbers but
    /// the payloads of pictures, audio and files. No model makes more text tokens of it.
    /// </summary>
    public long TextBytes { get; protected set; }

    /// <summary>Input tokens as a tokenizer would likely count them; pictures, audio and files are not included.</summary>
    public long EstimatedInputTokens { get; protected set; }

    /// <summary>Pictures, inline and remote.</summary>
    public int ImageCount { get; protected set; }

    /// <summary>Pictures that were asked to be seen in low detail, for which providers charge a small fixed number of tokens.</summary>
    public int LowDetailImageCount { get; protected set; }

    /// <summary>Pictures given by an address.</summary>
    public int RemoteImageCount { get; protected set; }

    /// <summary>Decoded bytes of the inline pictures.</summary>
    public long ImageBytes { get; protected set; }

    /// <summary>Audio clips in the body.</summary>
    public int AudioCount { get; protected set; }

    /// <summary>Decoded bytes of the audio clips.</summary>
    public long AudioBytes { get; protected set; }

    /// <summary>Files in the body.</summary>
    public int FileCount { get; protected set; }

    /// <summary>Decoded bytes of the files in the body.</summary>
    public long FileBytes { get; protected set; }

    /// <summary>Whether some input is not in the body, or of a kind that cannot be sized: only the window bounds it.</summary>
    public bool HasUnsizedInput { get; protected set; }

    /// <summary>Whether the provider may run tools of its own, such as a web search.</summary>
    public bool HasHostedTools { get; protected set; }

    /// <summary>Whether the answer may contain audio.</summary>
    public bool HasAudioOutput { get; protected set; }

    /// <summary>Whether the answer may contain pictures.</summary>
    public bool HasImageOutput { get; protected set; }

    /// <summary>UTF-8 bytes of a predicted output; the tokens of it that the model rejects are billed as output.</summary>
    public long PredictionBytes { get; protected set; }

    /// <summary>The tier of service that was asked for, null when none was. Tiers have prices of their own.</summary>
    public string? ServiceTier { get; protected set; }

    /// <summary>The request's own name for <see cref="Choices"/>, for errors.</summary>
    public abstract string ChoicesField { get; }

    /// <summary>The request's own name for <see cref="MaxOutputTokens"/>, for errors.</summary>
    public abstract string MaxOutputField { get; }

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
