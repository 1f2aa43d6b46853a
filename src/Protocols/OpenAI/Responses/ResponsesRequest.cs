using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
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
    public UpstreamBody ForUpstream(string model, int? maxOutputTokens)
    {
        ArgumentNullException.ThrowIfNull(model);
        var splices = default(JsonSplices);
        if (model != Model)
        {
            splices.ReplaceValue(_modelMember, JsonBytes.Quote(model));
        }

        if (maxOutputTokens is { } limit && limit != MaxOutputTokens && !IsFree)
        {
            var number = limit.ToString(CultureInfo.InvariantCulture);
            if (_maxOutputMember.IsPresent)
            {
                splices.ReplaceValue(_maxOutputMember, Encoding.ASCII.GetBytes(number));
            }
            else
            {
                splices.Replace(_rootStart, _rootStart, Encoding.ASCII.GetBytes($"\"max_output_tokens\":{number},"));
            }
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

        var segments = new List<ReadOnlyMemory<byte>>();
        var position = 0;
        for (var i = 0; i < splices.Count; i++)
        {
            segments.Add(Body[position..splices[i].Start]);
            segments.Add(splices[i].Replacement);
            position = splices[i].End;
        }

        segments.Add(Body[position..]);
        return new([.. segments.Where(static segment => !segment.IsEmpty)]);
    }

    /// <summary>The request without some of its first level's fields.</summary>
    /// <param name="names">None that bounds the cost.</param>
    public ResponsesRequest Without(IReadOnlyCollection<string> names) => Again(JsonMembers.Without(Body, names.Contains));

    /// <summary>The request without tools of the provider, wherever they stand.</summary>
    /// <param name="kinds">Their types.</param>
    public ResponsesRequest WithoutTools(IReadOnlyCollection<string> kinds)
    {
        ArgumentNullException.ThrowIfNull(kinds);
        var root = JsonNode.Parse(Body.Span)!.AsObject();
        RemoveTools(root);
        foreach (var item in root["input"] as JsonArray ?? [])
        {
            RemoveTools(item as JsonObject);
        }

        if (root["tools"] is not JsonArray { Count: > 0 } || (root["tool_choice"] is JsonObject choice && kinds.Contains(TypeOf(choice))))
        {
            root.Remove("tool_choice");
        }

        return Again(Encoding.UTF8.GetBytes(root.ToJsonString()));

        void RemoveTools(JsonObject? owner)
        {
            if (owner?["tools"] is JsonArray tools)
            {
                tools.RemoveAll(tool => kinds.Contains(TypeOf(tool as JsonObject)));
                foreach (var tool in tools)
                {
                    RemoveTools(tool as JsonObject);
                }
            }
        }

        static string TypeOf(JsonObject? tool) => TextOf(tool, "type") ?? "";
    }

    /// <summary>Whether it brings back reasoning that no provider of this protocol can read: signed by another, or by nobody.</summary>
    public bool HasForeignReasoning { get; private set; }

    /// <summary>Whether it brings back reasoning that only the account of a provider that made it can read.</summary>
    public bool HasSealedReasoning { get; private set; }

    /// <summary>The request without reasoning that its provider would refuse.</summary>
    /// <param name="isSealed">Whether that is all which only the account can read that made it, and not what is foreign alone.</param>
    public ResponsesRequest WithoutReasoning(bool isSealed)
    {
        var root = JsonNode.Parse(Body.Span)!.AsObject();
        var input = root["input"] as JsonArray;
        input?.RemoveAll(item => item is JsonObject own && IsRefused(own, isSealed));
        foreach (var item in isSealed ? input?.OfType<JsonObject>() ?? [] : [])
        {
            // By its id a provider knows that the reasoning before it is missing.
            item.Remove("id");
        }

        return Again(Encoding.UTF8.GetBytes(root.ToJsonString()));
    }

    private static bool IsRefused(JsonObject item, bool isSealed) =>
        TextOf(item, "type") == "reasoning" && (TextOf(item, "encrypted_content") is { } seal
            ? isSealed || Signature.Read(seal, WireFormats.Responses).Format != WireFormats.Responses
            : item["content"] is not JsonArray { Count: > 0 });

    private static string? TextOf(JsonObject? owner, string name) => owner?[name] is JsonValue value && value.TryGetValue<string>(out var text) ? text : null;

    private ResponsesRequest Again(ReadOnlyMemory<byte> body) => TryRead(body, IsFree, out var request, out var error)
        ? request
        : throw new InvalidOperationException($"The request cannot be read without what it can be sent without: {error.Code}.");
}
