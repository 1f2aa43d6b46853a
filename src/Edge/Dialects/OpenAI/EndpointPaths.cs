namespace OrleansGateway.Edge.Dialects.OpenAI;

/// <summary>Where OpenAI's endpoints stand beside Chat Completions, below a provider's address.</summary>
internal static class EndpointPaths
{
    /// <summary>The path of a format; null of one that has none.</summary>
    public static string? Of(string format) => format switch
    {
        "embeddings" => "embeddings",
        "moderations" => "moderations",
        "rerank" => "rerank",
        "completions" => "completions",
        "speech" => "audio/speech",
        "transcriptions" => "audio/transcriptions",
        "translations" => "audio/translations",
        "images" => "images/generations",
        "image-edits" => "images/edits",
        _ => null,
    };
}
