namespace OrleansGateway.Protocols.Gemini;

/// <summary>What is wrong with a request: a status of 400, or 404.</summary>
/// <param name="Field">Where, in the request's own spelling; null for the body as such.</param>
/// <param name="Code">What kind of fault.</param>
/// <param name="IsMissingId">Whether it names something that its client was not given: a 404.</param>
public readonly record struct GeminiRefusal(string Message, string? Field = null, string? Code = null, bool IsMissingId = false);
