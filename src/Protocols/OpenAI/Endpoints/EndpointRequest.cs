using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Metering;

namespace OrleansGateway.Protocols.OpenAI.Endpoints;

/// <summary>What a relay changes in a request for one channel.</summary>
/// <param name="Model">The provider's name for the model.</param>
/// <param name="MaxOutputTokens">The output limit to forward in place of the client's, tokens; null leaves it.</param>
/// <param name="WithStreamUsage">Whether the usage of a stream is asked for, where the endpoint has to be asked.</param>
/// <param name="Without">Names of fields that are left out.</param>
/// <param name="WithSoundAsEvents">Whether speech is asked for as events, which tell its usage, where the client wants it as bytes.</param>
public readonly record struct EndpointChanges(
    string Model, int? MaxOutputTokens, bool WithStreamUsage, IReadOnlyCollection<string> Without, bool WithSoundAsEvents = false);

/// <summary>What was counted of an answer.</summary>
/// <param name="Reported">The usage that the provider reported; null when it reported none.</param>
/// <param name="Items">Vectors, results or pictures.</param>
/// <param name="TextTokens">The answer's text as a tokenizer would likely count it.</param>
/// <param name="Seconds">Seconds of sound that the provider tells, or that the answer is; 0 when unknown.</param>
public readonly record struct AnswerCounts(TokenUsage? Reported, int Items = 0, long TextTokens = 0, double Seconds = 0)
{
    /// <summary>Begun seconds.</summary>
    public long BegunSeconds => (long)Math.Ceiling(Math.Clamp(Seconds, 0, MediaLength.MaxSeconds));
}

/// <summary>
/// A request to one of OpenAI's endpoints beside Chat Completions and Responses: what bounds its cost, and where in the body the few values
/// stand that a relay may change. The body is kept, not copied: it must outlive this object.
/// </summary>
public abstract class EndpointRequest : RequestFacts
{
    /// <summary>Its format, which front and dialect share.</summary>
    public abstract string Format { get; }

    /// <summary>The body's <c>Content-Type</c>.</summary>
    public virtual string ContentType => "application/json";

    /// <summary>What the body of a whole answer is.</summary>
    public virtual AnswerForm Form => AnswerForm.Json;

    /// <inheritdoc/>
    public override string ChoicesField => "n";

    /// <inheritdoc/>
    public override string MaxOutputField => "max_tokens";

    /// <summary>The body for a provider, changed only as said.</summary>
    public abstract UpstreamBody ForUpstream(in EndpointChanges changes);

    /// <summary>What is charged for an answer.</summary>
    /// <param name="counts">What was counted of it.</param>
    /// <param name="estimatedInputTokens">The input, for want of a report.</param>
    public abstract TokenUsage Used(in AnswerCounts counts, long estimatedInputTokens);
}

/// <summary>What the body of a whole answer is.</summary>
public enum AnswerForm
{
    /// <summary>A JSON object.</summary>
    Json,

    /// <summary>Text.</summary>
    Text,

    /// <summary>Sound.</summary>
    Sound,
}
