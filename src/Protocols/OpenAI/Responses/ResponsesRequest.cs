using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;
using System.Text.Json;
using OrleansGateway.Protocols.Conversations;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Json;

namespace OrleansGateway.Protocols.OpenAI.Responses;

/// <summary>
/// A Responses request: what bounds its cost, and where in the body the few values stand that a relay changes. The body itself is kept, not
/// copied: it must outlive this object.
/// </summary>
public sealed partial class ResponsesRequest : RequestFacts
{
    private static readonly ReadOnlyMemory<byte> False = "false"u8.ToArray();
    private static readonly ReadOnlyMemory<byte> StoreFirst = "\"store\":false,"u8.ToArray();

    private JsonMember _modelMember;
    private JsonMember _storeMember;
    private JsonMember _maxOutputMember;
    private JsonMember _maxToolCallsMember;
    private int? _maxToolCalls;
    private int _rootStart;

    private ResponsesRequest(ReadOnlyMemory<byte> body) => Body = body;

    /// <summary>The body as the client sent it.</summary>
    public ReadOnlyMemory<byte> Body { get; }

    /// <summary>Whether the client wants the response kept, as it is unless it says otherwise.</summary>
    public bool KeepsAnswer { get; private set; } = true;

    /// <inheritdoc/>
    public override string ChoicesField => "n";

    /// <inheritdoc/>
    public override string MaxOutputField => "max_output_tokens";

    /// <summary>Reads a request.</summary>
    /// <param name="body">The whole body.</param>
    /// <param name="isCount">Whether only its input is to be counted.</param>
    /// <param name="request">The request, when true is returned.</param>
    /// <param name="error">What is wrong with it otherwise: always a status of 400.</param>
    public static bool TryRead(ReadOnlyMemory<byte> body, bool isCount, [NotNullWhen(true)] out ResponsesRequest? request, out OpenAIError error)
    {
        var candidate = new ResponsesRequest(body) { IsFree = isCount };
        var failure = new Scanner(candidate).Run();
        request = failure is null ? candidate : null;
        error = failure.GetValueOrDefault();
        return failure is null;
    }

    /// <summary>The body for a provider, which keeps nothing of it. Everything else stays byte for byte.</summary>
    /// <param name="model">The provider's name for the model.</param>
    /// <param name="maxOutputTokens">The output limit in place of the client's, or where it gave none; null leaves it.</param>
    /// <param name="maxSearches">The most searches that are paid for; 0 leaves the client's limit.</param>
    public UpstreamBody ForUpstream(string model, int? maxOutputTokens, int maxSearches = 0)
    {
        ArgumentNullException.ThrowIfNull(model);
        var splices = default(JsonSplices);
        if (model != Model)
        {
            splices.ReplaceValue(_modelMember, JsonBytes.Quote(model));
        }

        if (maxOutputTokens is { } limit && limit != MaxOutputTokens && !IsFree)
        {
            Limit(ref splices, "max_output_tokens", _maxOutputMember, limit);
        }

        if (maxSearches > 0 && !(_maxToolCalls <= maxSearches) && !IsFree)
        {
            Limit(ref splices, "max_tool_calls", _maxToolCallsMember, maxSearches);
        }

        if (_storeMember.IsPresent)
        {
            if (KeepsAnswer)
            {
                splices.ReplaceValue(_storeMember, False);
            }
        }
        else if (!IsFree)
        {
            splices.Replace(_rootStart, _rootStart, StoreFirst);
        }

        return splices.Apply(Body);
    }

    /// <summary>Puts a limit in the place of the client's, or in where it gave none.</summary>
    private void Limit(ref JsonSplices splices, string name, JsonMember member, int limit)
    {
        var number = limit.ToString(CultureInfo.InvariantCulture);
        if (member.IsPresent)
        {
            splices.ReplaceValue(member, Encoding.ASCII.GetBytes(number));
        }
        else
        {
            splices.Replace(_rootStart, _rootStart, Encoding.ASCII.GetBytes($"\"{name}\":{number},"));
        }
    }

    /// <summary>Whether it brings back reasoning that another provider has signed.</summary>
    public bool HasForeignReasoning { get; private set; }

    /// <summary>The body without reasoning that another provider has signed: nobody else can read it.</summary>
    public ReadOnlyMemory<byte> WithoutForeignReasoning() => JsonMembers.WithoutItems(Body, "input", static item =>
    {
        var isForeign = false;
        var isObject = item.TokenType == JsonTokenType.StartObject;
        while (isObject && item.Read() && item.TokenType == JsonTokenType.PropertyName)
        {
            var isSignature = item.IsText("encrypted_content");
            item.Read();
            isForeign |= isSignature && item.TokenType == JsonTokenType.String && Signature.IsForeign(item.ValueSpan, WireFormats.Responses);
            item.Skip();
        }

        return isForeign;
    });
}
