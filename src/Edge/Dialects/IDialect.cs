using System.Collections.Frozen;
using OrleansGateway.Edge.Bodies;
using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Grains.Contracts.Catalog;
using OrleansGateway.Protocols.Conversations;
using OrleansGateway.Protocols.Exchange;

namespace OrleansGateway.Edge.Dialects;

/// <summary>A protocol that providers speak: a folder here, and a line where it is added.</summary>
internal interface IDialect
{
    /// <summary>The catalog's <c>kind</c> of the providers that speak it.</summary>
    string Kind { get; }

    /// <summary>The protocol that requests of others are translated to: one of <see cref="WireFormats"/>.</summary>
    string TranslatesTo { get; }

    /// <summary>Whether a channel takes requests of a format as they are.</summary>
    bool Takes(string format, Channel channel);

    /// <summary>Writes a request in <see cref="TranslatesTo"/>.</summary>
    /// <param name="conversation">Uses nothing that <see cref="Features"/> refuse for it.</param>
    /// <param name="error">What is wrong with it, when null is returned.</param>
    IUpstreamRequest? Translate(Conversation conversation, RequestFacts facts, out ApiError error);

    /// <summary>Begins to read an answer in <see cref="TranslatesTo"/>.</summary>
    IAnswerReader OpenReader();

    /// <summary>Frames a request for a channel afresh: of the client's headers only those are in it that the request names.</summary>
    /// <param name="memory">What the request's body is in; kept while the request is written.</param>
    HttpRequestMessage Frame(IUpstreamRequest request, Route route, CostBound bound, BodyMemory memory);

    /// <summary>Reads an error response, or with 200 an error that came as an answer.</summary>
    /// <param name="body">May be anything.</param>
    UpstreamError ReadError(int status, ReadOnlySpan<byte> body, Channel channel);
}

/// <summary>A request in a provider's protocol.</summary>
internal interface IUpstreamRequest
{
    /// <summary>Its format: one of <see cref="WireFormats"/>, or any other name that its front and its dialect share.</summary>
    string Format { get; }

    /// <summary>Whether the answer is to be streamed.</summary>
    bool Stream { get; }

    /// <summary>The body's <c>Content-Type</c>.</summary>
    string ContentType => "application/json";

    /// <summary>What answers it can have.</summary>
    string Accept => Stream ? "text/event-stream" : "application/json";

    /// <summary>Headers that belong to the request: the client's, where its protocol has some.</summary>
    IReadOnlyList<KeyValuePair<string, string>> HeadersFor(CostBound bound) => [];

    /// <summary>Its body, with what the channel needs otherwise.</summary>
    UpstreamBody BodyFor(Route route, CostBound bound);

    /// <summary>The field that <see cref="BodyFor"/> puts in though the client has not, and that a provider may refuse; null when there is none.</summary>
    string? AddedField(Channel channel);

    /// <summary>
    /// The request without what another account of the provider has encrypted, which the client brings back; null where the provider's refusal is
    /// not about that.
    /// </summary>
    IUpstreamRequest? WithoutWhatIsSealed(in UpstreamError refusal) => null;
}

/// <summary>The dialects that were added, by the catalog's kind.</summary>
internal sealed class DialectSet(IEnumerable<IDialect> dialects)
{
    private readonly FrozenDictionary<string, IDialect> _dialects = dialects.ToFrozenDictionary(static dialect => dialect.Kind, StringComparer.Ordinal);

    public IDialect Of(Channel channel) => _dialects[channel.Provider.Traits.Dialect];
}
