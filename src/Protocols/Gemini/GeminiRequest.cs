using System.Diagnostics.CodeAnalysis;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Json;

namespace OrleansGateway.Protocols.Gemini;

/// <summary>Which of a model's methods is called.</summary>
public enum GeminiMethod
{
    /// <summary><c>generateContent</c>, and as a stream <c>streamGenerateContent</c>.</summary>
    Generate,

    /// <summary><c>countTokens</c>: free.</summary>
    CountTokens,

    /// <summary><c>embedContent</c>.</summary>
    Embed,

    /// <summary><c>batchEmbedContents</c>.</summary>
    BatchEmbed,
}

/// <summary>
/// A request to one of the methods of Gemini's models: what bounds its cost, and where in the body the few values stand that a relay may
/// change. The body itself is kept, not copied: it must outlive this object.
/// </summary>
public sealed partial class GeminiRequest : RequestFacts
{
    /// <summary>The most choices (<c>candidateCount</c>) that can be metered.</summary>
    public const int MaxChoicesLimit = 128;

    /// <summary>The deepest nesting of a body, in objects and arrays, that is read.</summary>
    public const int MaxDepth = 64;

    private readonly List<JsonMember> _models = [];
    private JsonMember _config;
    private JsonMember _maxOutput;
    private int _rootStart;

    private GeminiRequest(ReadOnlyMemory<byte> body, string model, GeminiMethod method, bool stream)
    {
        (Body, Method, Model, Stream) = (body, method, model, stream);
        IsFree = method == GeminiMethod.CountTokens;

        // What counts or embeds makes no output.
        MaxOutputTokens = method == GeminiMethod.Generate ? null : 0;
    }

    /// <summary>The body as the client sent it.</summary>
    public ReadOnlyMemory<byte> Body { get; }

    /// <summary>Whether the provider is asked to keep the answer.</summary>
    public bool AsksToStore { get; private set; }

    /// <summary>The method that is called.</summary>
    public GeminiMethod Method { get; }

    /// <inheritdoc/>
    public override string ChoicesField => "generationConfig.candidateCount";

    /// <inheritdoc/>
    public override string MaxOutputField => "generationConfig.maxOutputTokens";

    /// <summary>Reads a request.</summary>
    /// <param name="body">The whole body.</param>
    /// <param name="model">The path's name of the model.</param>
    /// <param name="stream">Whether the answer is to be streamed.</param>
    /// <param name="request">The request, when true is returned.</param>
    /// <param name="error">What is wrong with it otherwise.</param>
    public static bool TryRead(
        ReadOnlyMemory<byte> body,
        string model,
        GeminiMethod method,
        bool stream,
        [NotNullWhen(true)] out GeminiRequest? request,
        out GeminiRefusal error)
    {
        var candidate = new GeminiRequest(body, model, method, stream);
        var failure = new Scanner(candidate).Run();
        request = failure is null ? candidate : null;
        error = failure.GetValueOrDefault();
        return failure is null;
    }
}
