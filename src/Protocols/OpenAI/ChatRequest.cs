using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Json;

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
public sealed partial class ChatRequest : RequestFacts
{
    /// <summary>The most choices (<c>n</c>) that OpenAI allows.</summary>
    public const int MaxChoicesLimit = 128;

    /// <summary>The deepest nesting of a body, in objects and arrays, that is read.</summary>
    public const int MaxDepth = 64;

    private ChatRequest(ReadOnlyMemory<byte> body) => Body = body;

    /// <summary>The body as the client sent it.</summary>
    public ReadOnlyMemory<byte> Body { get; }

    /// <summary>Whether the client asked for the usage chunk of a stream.</summary>
    public bool IncludeUsage { get; private set; }

    /// <summary>Whether a tool of the provider's searches by calls that the client answers without doing anything: each answer that calls it is a search.</summary>
    public bool SearchesByCall { get; private set; }

    /// <summary>Whether the provider is asked to keep the answer.</summary>
    public bool AsksToStore => _saysStore && JsonMembers.Value(Body, "store").Span.SequenceEqual("true"u8);

    /// <summary>Which field gave <see cref="RequestFacts.MaxOutputTokens"/>.</summary>
    public OutputLimitField OutputLimitField { get; private set; }

    /// <inheritdoc/>
    public override string ChoicesField => "n";

    /// <inheritdoc/>
    public override string MaxOutputField => OutputLimitField == OutputLimitField.MaxTokens ? "max_tokens" : "max_completion_tokens";

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
}
