using OrleansGateway.Protocols.Exchange;

namespace OrleansGateway.Protocols.Gemini;

/// <summary>
/// The fields of generateContent, in the spelling of its documentation; each may as well be spelled with underscores. The model's name is in
/// the path. No header of a client goes to a provider.
/// </summary>
public static class GeminiFields
{
    /// <summary>All of them.</summary>
    public static RequestFields Table { get; } = new(
    [
        new("model", FieldHandling.Bounds, "names the same model as the path; the channel's own name for it goes on"),
        new("contents", FieldHandling.Bounds, "input: a token for each byte of text at most; pictures, sound and files by the model's `bounds`; film, and files by their address, by its window"),
        new("systemInstruction", FieldHandling.Bounds, "input"),
        new("tools", FieldHandling.Priced, "functions are input; `googleSearch` and `googleMaps` are priced by `per_search`; no other tool of a provider has a price"),
        new("generationConfig", FieldHandling.Bounds, "`maxOutputTokens` is output, the model's `max_output_tokens` without it; `candidateCount` multiplies it; `responseModalities` other than text have prices of their own"),
        new("serviceTier", FieldHandling.Priced, "by the price's `service_tiers`"),
        new("cachedContent", FieldHandling.Refused, "its provider keeps it for all customers of the channel's account"),
        new("store", FieldHandling.PassedOn, "nothing; `true` is left out: the provider keeps nothing"),
        .. RequestFields.Passed("nothing", "toolConfig", "safetySettings", "labels"),
    ]);
}
