using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Json;

namespace OrleansGateway.Protocols.Anthropic;

/// <summary>What is wrong with a request.</summary>
/// <param name="Message">Names the field.</param>
/// <param name="Param">The field, <c>messages.0.content</c>.</param>
/// <param name="Code">Its kind, where the protocol names it.</param>
/// <param name="IsMissingId">Whether it names something that the provider would keep, and that does not exist here: a 404.</param>
public readonly record struct MessagesError(string Message, string? Param, string? Code = null, bool IsMissingId = false);

/// <summary>
/// A Messages request, or one that counts its tokens: what bounds its cost, and where in the body the few values stand that a relay may
/// change. The body itself is kept, not copied: it must outlive this object.
/// </summary>
public sealed partial class MessagesRequest : RequestFacts
{
    /// <summary>The deepest nesting of a body, in objects and arrays, that is read.</summary>
    public const int MaxDepth = 64;

    /// <summary>What SDKs look for in a refusal of <c>thread</c>: they send the whole conversation then.</summary>
    public const string ThreadUnsupported = "thread_unsupported_request";

    private JsonMember _modelMember;
    private JsonMember _maxTokensMember;
    private JsonMember _thinkingMember;
    private long _thinkingBudget;

    private MessagesRequest(ReadOnlyMemory<byte> body) => Body = body;

    /// <summary>The body as the client sent it.</summary>
    public ReadOnlyMemory<byte> Body { get; }

    /// <summary>Whether it asks for a speed.</summary>
    public bool AsksSpeed { get; private set; }

    /// <inheritdoc/>
    public override string ChoicesField => "n";

    /// <inheritdoc/>
    public override bool HasToLimitOutput => true;

    /// <inheritdoc/>
    public override string MaxOutputField => "max_tokens";

    /// <summary>Reads a request.</summary>
    /// <param name="body">The whole body.</param>
    /// <param name="isCount">Whether its tokens are to be counted, and no more.</param>
    /// <param name="request">The request, when true is returned.</param>
    /// <param name="error">What is wrong with it otherwise.</param>
    public static bool TryRead(ReadOnlyMemory<byte> body, bool isCount, [NotNullWhen(true)] out MessagesRequest? request, out MessagesError error)
    {
        var candidate = new MessagesRequest(body) { IsFree = isCount };
        var failure = new Scanner(candidate).Run();
        request = failure is null ? candidate : null;
        error = failure.GetValueOrDefault();
        return failure is null;
    }

    /// <summary>The body for a provider, byte for byte but for what is said.</summary>
    /// <param name="model">The provider's name for the model.</param>
    /// <param name="maxTokens">The output limit to forward in place of the client's; null leaves it.</param>
    public UpstreamBody ForUpstream(string model, int? maxTokens)
    {
        var splices = default(JsonSplices);
        if (model != Model)
        {
            splices.ReplaceValue(_modelMember, JsonBytes.Quote(model));
        }

        if (maxTokens is { } limit && limit != MaxOutputTokens && _maxTokensMember.IsPresent)
        {
            splices.ReplaceValue(_maxTokensMember, Encoding.ASCII.GetBytes(limit.ToString(CultureInfo.InvariantCulture)));
            if (_thinkingBudget >= limit)
            {
                // It has to be below the limit, and no less than 1,024.
                splices.ReplaceValue(_thinkingMember, "{\"type\":\"disabled\"}"u8.ToArray());
            }
        }

        var segments = new List<ReadOnlyMemory<byte>>((2 * splices.Count) + 1);
        var position = 0;
        for (var i = 0; i < splices.Count; i++)
        {
            segments.Add(Body[position..splices[i].Start]);
            segments.Add(splices[i].Replacement);
            position = splices[i].End;
        }

        segments.Add(Body[position..]);
        return new([.. segments]);
    }

    /// <summary>The request without some of its first level's fields.</summary>
    /// <param name="body">This request's body, perhaps without something already.</param>
    /// <param name="names">None without which it is no request.</param>
    public MessagesRequest Without(ReadOnlyMemory<byte> body, IReadOnlyList<string> names) =>
        TryRead(names.Count == 0 ? body : JsonMembers.Without(body, names.Contains), IsFree, out var without, out var error)
            ? without
            : throw new InvalidOperationException($"The request cannot be read without fields that it can be sent without: {error.Message}");
}
