using OrleansGateway.Edge.Dialects;
using OrleansGateway.Edge.Http;
using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Protocols.Conversations;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Metering;

namespace OrleansGateway.Edge.Fronts;

/// <summary>A request as its front has read it, and the ways to its answer.</summary>
internal interface IExchange
{
    /// <summary>What bounds its cost.</summary>
    RequestFacts Facts { get; }

    /// <summary>The request as it came, for providers that speak its protocol.</summary>
    IUpstreamRequest Request { get; }

    /// <summary>How a stream looks to the client.</summary>
    IStreamForm StreamForm { get; }

    /// <summary>
    /// The channel that made what the request goes on from, and may alone have it in its caches or read what is sealed in it; null where there is
    /// none. Another serves it as well.
    /// </summary>
    string? BegunBy => null;

    /// <summary>What is answered where no provider speaks the request's protocol, or none that does has answered; null where there is nothing.</summary>
    /// <remarks>Only of a request that is free.</remarks>
    ReadOnlyMemory<byte>? OwnAnswer(CostBound bound) => null;

    /// <summary>Whether the answer may come as a stream of events. Of what is none a beginning may look like one's.</summary>
    bool MayBeEvents(Call call) => true;

    /// <summary>Whether the answer is bytes whose cost the request tells, so that they may go out as they come.</summary>
    bool PassesBytes(Call call) => false;

    /// <summary>The <c>Content-Type</c> of an answer that is given in one piece.</summary>
    string WholeType(Call call) => "application/json";

    /// <summary>The request in common, for providers that speak another protocol.</summary>
    /// <param name="error">Why there is none, when null is returned.</param>
    Conversation? Converse(out ApiError error);

    /// <summary>Begins to read a stream of a provider that speaks the same protocol, whether or not the client asked for one.</summary>
    StreamCodec OpenStream(Call call);

    /// <summary>Begins to read a whole answer of a provider that speaks the same protocol, whether or not the client asked for one.</summary>
    IWholeCodec OpenWhole(Call call);

    /// <summary>Says that the client is about to get the end of its answer, or the whole of it.</summary>
    /// <param name="rest">What it gets.</param>
    void Answered(Call call, ReadOnlyMemory<byte> rest)
    {
    }

    /// <summary>Begins to write the answer of a provider that speaks another protocol, in the form that the client asked for.</summary>
    IAnswerWriter OpenWriter(Call call);
}

/// <summary>Reads a provider's answer that was not streamed and writes the client's, whole or as a stream.</summary>
internal interface IWholeCodec : IDisposable
{
    /// <summary>What was counted.</summary>
    Metered Metered { get; }

    /// <summary>Whether an answer shows that it is whole, so that one whose connection broke after its end can be told from one that lacks it.</summary>
    bool ShowsItsEnd => true;

    /// <summary>
    /// Whether what it changes of the answer that was read stands among the members of the answer's root, so that what is large in it may go on as
    /// it comes. Asked of an answer's beginning.
    /// </summary>
    bool MayGoOn => false;

    /// <summary>What was counted of an answer that broke off.</summary>
    Metered CutMetered => Metered;

    /// <summary>Reads the answer.</summary>
    /// <param name="answer">The provider's; lives as long as the codec.</param>
    AttemptEnd Read(ReadOnlyMemory<byte> answer);

    /// <summary>Writes the answer as the client gets it: the request is paid for.</summary>
    /// <param name="outcome">How it ended: as whole, or, of one that the client wanted streamed, before its beginning for want of money.</param>
    /// <param name="usage">What is charged for.</param>
    /// <param name="chargedNanos">The charge.</param>
    void Write(PooledBytes written, AttemptOutcome outcome, in TokenUsage usage, long chargedNanos);
}
