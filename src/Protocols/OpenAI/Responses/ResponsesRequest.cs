using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;
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
    private int _inputStart;
    private int _inputEnd;

    private ResponsesRequest(ReadOnlyMemory<byte> body) => Body = body;

    /// <summary>The body as the client sent it.</summary>
    public ReadOnlyMemory<byte> Body { get; }

    /// <summary>What it asks, as it stands in the body: text, or items.</summary>
    public ReadOnlyMemory<byte> Input => Body[_inputStart.._inputEnd];

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

    /// <summary>Whether it brings back reasoning that no provider of this protocol can read: signed by another, or by nobody.</summary>
    public bool HasForeignReasoning { get; private set; }

    /// <summary>Whether it brings back reasoning that only the account of a provider that made it can read.</summary>
    public bool HasSealedReasoning { get; private set; }

    /// <summary>The body without reasoning that its provider would refuse, everything else byte for byte.</summary>
    /// <param name="isSealed">Whether that is all which only the account can read that made it, and not what is foreign alone.</param>
    public ReadOnlyMemory<byte> WithoutReasoning(bool isSealed) => JsonMembers.WithItems(Body, "input", item =>
        IsRefused(item, isSealed) ? default
        // By its id a provider knows that the reasoning before it is missing.
        : isSealed && item.Span[0] == '{' ? JsonMembers.Without(item, static name => name == "id")
        : item);

    private static bool IsRefused(ReadOnlyMemory<byte> item, bool isSealed) =>
        JsonMembers.Text(item, "type") == "reasoning" && (JsonMembers.Text(item, "encrypted_content") is { } seal
            ? isSealed || Signature.Read(seal, WireFormats.Responses).Format != WireFormats.Responses
            : JsonMembers.IsEmptyList(JsonMembers.Value(item, "content")));
}
