namespace OrleansGateway.Protocols.Gemini;

/// <summary>What is wrong with a request: always a status of 400.</summary>
/// <param name="Field">Where, in the request's own spelling; null for the body as such.</param>
/// <param name="Code">What kind of fault.</param>
public readonly record struct GeminiRefusal(string Message, string? Field = null, string? Code = null);
