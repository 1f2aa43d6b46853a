using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Gemini;

namespace OrleansGateway.Edge.Dialects.Gemini;

/// <summary>What the methods of Gemini's models are named by between its front and its dialect.</summary>
internal static class GeminiFormats
{
    private const string Prefix = WireFormats.Gemini + ":";

    /// <summary>The format of a method's requests: that of <see cref="GeminiMethod.Generate"/> is the one to translate to.</summary>
    public static string Of(GeminiMethod method) => method == GeminiMethod.Generate ? WireFormats.Gemini : Prefix + NameOf(method);

    /// <summary>Whether it is one of them.</summary>
    public static bool Has(string format) => format == WireFormats.Gemini || format.StartsWith(Prefix, StringComparison.Ordinal);

    /// <summary>What follows the model in the path.</summary>
    public static string ActionOf(IUpstreamRequest request) =>
        request.Format != WireFormats.Gemini ? request.Format[Prefix.Length..]
        : request.Stream ? "streamGenerateContent?alt=sse"
        : "generateContent";

    /// <summary>A method as paths name it.</summary>
    public static string NameOf(GeminiMethod method) => method switch
    {
        GeminiMethod.CountTokens => "countTokens",
        GeminiMethod.Embed => "embedContent",
        GeminiMethod.BatchEmbed => "batchEmbedContents",
        _ => "generateContent",
    };
}
