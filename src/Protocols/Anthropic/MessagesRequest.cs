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

    /// <summary>Where the first member of the tool that searches begins; 0 when there is none.</summary>
    private int _searchStart;
    private JsonMember _searchUsesMember;
    private int? _searchUses;

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
    /// <param name="betas">The request's header <see cref="MessagesBetas.Header"/>.</param>
    public static bool TryRead(
        ReadOnlyMemory<byte> body, bool isCount, [NotNullWhen(true)] out MessagesRequest? request, out MessagesError error, string betas = "")
    {
        var candidate = new MessagesRequest(body) { IsFree = isCount };
        if (!isCount && MessagesBetas.LargestWindow(betas) is { Tokens: > 0 } window)
        {
            candidate.AskedWindow = window.Tokens;
            candidate.AddPriced(new PricedField(FieldPrice.Window, MessagesBetas.Header, MessagesBetas.Header, window.Name));
        }

        var failure = new Scanner(candidate).Run();
        request = failure is null ? candidate : null;
        error = failure.GetValueOrDefault();
        return failure is null;
    }

    /// <summary>The body for a provider, byte for byte but for what is said.</summary>
    /// <param name="model">The provider's name for the model.</param>
    /// <param name="maxTokens">The output limit to forward in place of the client's; null leaves it.</param>
    /// <param name="maxSearches">The most searches that are paid for; 0 leaves the client's limit.</param>
    public UpstreamBody ForUpstream(string model, int? maxTokens, int maxSearches = 0)
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

        if (maxSearches > 0 && _searchStart > 0 && !(_searchUses <= maxSearches))
        {
            var uses = Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"\"max_uses\":{maxSearches}"));
            if (_searchUsesMember.IsPresent)
            {
                splices.Replace(_searchUsesMember.NameStart, _searchUsesMember.ValueEnd, uses);
            }
            else
            {
                splices.Replace(_searchStart, _searchStart, (byte[])[.. uses, (byte)',']);
            }
        }

        return splices.Apply(Body);
    }
}
