namespace OrleansGateway.Protocols.Exchange;

/// <summary>What a request is charged by, and its model has to be sold by.</summary>
public enum ChargedBy
{
    /// <summary>Tokens of text, and what comes with them.</summary>
    Tokens,

    /// <summary>Tokens, or searches.</summary>
    Searches,

    /// <summary>Characters that are spoken, or tokens of sound.</summary>
    Speech,

    /// <summary>Seconds that are heard, or tokens of sound.</summary>
    Hearing,

    /// <summary>Pictures, or their tokens.</summary>
    Pictures,

    /// <summary>Nothing.</summary>
    Nothing,
}

/// <summary>What every protocol tells of a request: whatever bounds its cost.</summary>
public abstract class RequestFacts
{
    private List<PricedField>? _priced;
    private List<string>? _unknown;
    private List<ImageSize>? _imageSizes;
    private List<HeldReference>? _held;

    /// <summary>The model that the client named.</summary>
    public string Model { get; protected set; } = "";

    /// <summary>Whether the answer is to be streamed.</summary>
    public bool Stream { get; protected set; }

    /// <summary>Whether it only asks for a count and costs nothing.</summary>
    public bool IsFree { get; protected set; }

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
    public int ImageCount => _imageSizes?.Count ?? 0;

    /// <summary>Audio clips in the body.</summary>
    public int AudioCount { get; protected set; }

    /// <summary>Files in the body.</summary>
    public int FileCount { get; protected set; }

    /// <summary>Whether some input is not in the body, or of a kind that cannot be sized: only the window bounds it.</summary>
    public bool HasUnsizedInput { get; protected set; }

    /// <summary>Whether it asks for something to be cached for an hour, which is dearer than for minutes.</summary>
    public bool CachesForAnHour { get; protected set; }

    /// <summary>The window that it asks for in place of its model's usual one, tokens; 0 for none.</summary>
    public long AskedWindow { get; protected set; }

    /// <summary>What it buys beside tokens, in its order.</summary>
    public IReadOnlyList<PricedField> PricedFields => _priced ?? (IReadOnlyList<PricedField>)[];

    /// <summary>Top-level fields that the relay does not know: they may spend what nothing bounds.</summary>
    public IReadOnlyList<string> UnknownFields => _unknown ?? (IReadOnlyList<string>)[];

    /// <summary>What it names that a provider keeps, by the ids that the customer got.</summary>
    public IReadOnlyList<HeldReference> Held => _held ?? (IReadOnlyList<HeldReference>)[];

    /// <summary>Whether the answer may contain audio.</summary>
    public bool HasAudioOutput { get; protected set; }

    /// <summary>Whether the answer may contain pictures.</summary>
    public bool HasImageOutput { get; protected set; }

    /// <summary>UTF-8 bytes of a predicted output; the tokens of it that the model rejects are billed as output.</summary>
    public long PredictionBytes { get; protected set; }

    /// <summary>
    /// Whether every request has to give an output limit, so that it is no wish: one above the model's is lowered to that, where others are
    /// refused.
    /// </summary>
    public virtual bool HasToLimitOutput => false;

    /// <summary>What it is charged by.</summary>
    public virtual ChargedBy ChargedBy => ChargedBy.Tokens;

    /// <summary>Inputs that have the model's window each.</summary>
    public int Inputs { get; protected set; } = 1;

    /// <summary>The most output of each answer by the request's own nature, whatever its limit, tokens; null where only the model's limit bounds it.</summary>
    public long? OutputTokensMost { get; protected set; }

    /// <summary>Characters to be spoken.</summary>
    public long Characters { get; protected set; }

    /// <summary>The most seconds of sound that it brings.</summary>
    public long Seconds { get; protected set; }

    /// <summary>The most pictures that it makes.</summary>
    public long Images { get; protected set; }

    /// <summary>The most searches that it is itself; searches of tools are <see cref="PricedFields"/>.</summary>
    public long Searches { get; protected set; }

    /// <summary>The request's own name for <see cref="Choices"/>, for errors.</summary>
    public abstract string ChoicesField { get; }

    /// <summary>The request's own name for <see cref="MaxOutputTokens"/>, for errors.</summary>
    public abstract string MaxOutputField { get; }

    /// <summary>What the pictures count at the most, tokens.</summary>
    public long ImageTokens(in ImageRule rule)
    {
        var tokens = 0L;
        foreach (var size in _imageSizes ?? [])
        {
            tokens += rule.TokensOf(size);
        }

        return tokens;
    }

    /// <summary>Notes a picture, of a size that may be unknown.</summary>
    protected void AddImageSize(ImageSize size) => (_imageSizes ??= []).Add(size);

    /// <summary>Notes a field that changes the price.</summary>
    protected void AddPriced(in PricedField field) => (_priced ??= []).Add(field);

    /// <summary>Takes what was counted of the prompt.</summary>
    private protected void TakeCount(in PromptCount count)
    {
        TextBytes = count.Bytes;
        EstimatedInputTokens = count.Tokens + (4L * MessageCount);
        CachesForAnHour = count.CachesForAnHour;
    }

    /// <summary>Notes what is kept by a provider.</summary>
    protected void AddHeld(in HeldReference held) => (_held ??= []).Add(held);

    /// <summary>Notes a field that the relay does not know.</summary>
    protected void AddUnknown(string field) => (_unknown ??= []).Add(field);

    /// <summary>
    /// The most input tokens that the request can be charged for. A text token is at least one byte.
    /// </summary>
    public long MaxInputTokens(in InputTokenRules rules)
    {
        var unsized = HasUnsizedInput
            || (AudioCount > 0 && rules.PerAudio is null)
            || (FileCount > 0 && rules.PerFile is null);
        if (unsized)
        {
            return rules.Window * Inputs;
        }

        var bound = TextBytes + rules.PerRequest
            + ((long)MessageCount * rules.PerMessage)
            + ((long)ToolCount * rules.PerTool)
            + ImageTokens(rules.Images)
            + ((long)AudioCount * rules.PerAudio.GetValueOrDefault())
            + ((long)FileCount * rules.PerFile.GetValueOrDefault());
        return Math.Min(bound, rules.Window * Inputs);
    }
}

/// <summary>
/// What a picture counts, tokens: so much for each square of its area, begun ones included. Providers scale large pictures down, which only
/// lowers it.
/// </summary>
/// <param name="Max">The most that any picture counts; what one counts whose size is not known.</param>
/// <param name="Side">The squares' side, pixels; 0 when the size does not matter.</param>
/// <param name="Base">For the picture as such.</param>
/// <param name="PerSquare">For each square, billionths of a token.</param>
public readonly record struct ImageRule(long Max, int Side = 0, long Base = 0, long PerSquare = 0)
{
    private const long Billion = 1_000_000_000;

    /// <summary>What a picture of this size counts.</summary>
    public long TokensOf(ImageSize size)
    {
        if (Side == 0 || !size.IsKnown)
        {
            return Max;
        }

        var squares = (Int128)((size.Width + Side - 1L) / Side) * ((size.Height + Side - 1L) / Side);
        return (long)Int128.Min(Max, Base + (((squares * PerSquare) + Billion - 1) / Billion));
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

    /// <summary>What a picture counts.</summary>
    public ImageRule Images { get; init; }

    /// <summary>The most that one audio clip counts; null when unknown.</summary>
    public int? PerAudio { get; init; }

    /// <summary>The most that one file counts; null when unknown.</summary>
    public int? PerFile { get; init; }
}
