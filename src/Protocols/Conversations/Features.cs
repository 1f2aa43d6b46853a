using System.Collections.Immutable;
using OrleansGateway.Protocols.Exchange;

namespace OrleansGateway.Protocols.Conversations;

/// <summary>What a request may use that not every protocol has.</summary>
public enum Feature
{
    /// <summary>A picture by its address.</summary>
    ImageUrl,

    /// <summary>A PDF or text in the request.</summary>
    Document,

    /// <summary>A document by its address.</summary>
    DocumentUrl,

    /// <summary>Sound in the request.</summary>
    Audio,

    /// <summary>Film in the request.</summary>
    Video,

    /// <summary>Media in what came of a tool call.</summary>
    MediaInToolResult,

    /// <summary>A file, response or conversation that one provider keeps.</summary>
    ProviderHeldId,

    /// <summary>A tool that the provider runs.</summary>
    ProviderTool,

    /// <summary>A tool whose input is text, perhaps of a grammar.</summary>
    TextTool,

    /// <summary>More answers than one.</summary>
    Choices,

    /// <summary>How likely tokens were.</summary>
    Logprobs,

    /// <summary>Likelihoods of single tokens changed.</summary>
    LogitBias,

    /// <summary>A seed.</summary>
    Seed,

    /// <summary>Penalties of frequency or presence.</summary>
    Penalties,

    /// <summary>The <c>k</c> likeliest tokens.</summary>
    TopK,

    /// <summary>Any JSON object as the answer.</summary>
    JsonObject,

    /// <summary>An answer by a JSON schema.</summary>
    JsonSchema,

    /// <summary>How much to reason.</summary>
    Reasoning,

    /// <summary>How wordy to be.</summary>
    Verbosity,

    /// <summary>Marks of what to cache.</summary>
    CacheMarks,

    /// <summary>A key of what to cache.</summary>
    CacheKey,

    /// <summary>A foretold answer.</summary>
    Prediction,

    /// <summary>Sound in the answer.</summary>
    AudioOutput,

    /// <summary>Pictures in the answer.</summary>
    ImageOutput,

    /// <summary>Who the user is.</summary>
    UserId,

    /// <summary>Labels of the client's own.</summary>
    Metadata,

    /// <summary>Whether the provider keeps the answer.</summary>
    Store,

    /// <summary>A tier of service.</summary>
    ServiceTier,

    /// <summary>What the provider's filter lets through.</summary>
    SafetySettings,

    /// <summary>Citations of documents.</summary>
    Citations,

    /// <summary>How the provider shortens long conversations.</summary>
    ContextManagement,
}

/// <summary>What becomes of a feature in another protocol.</summary>
public enum Carry
{
    /// <summary>It is said there in its own way.</summary>
    Kept,

    /// <summary>It is left out: its protocol calls it a hint, or the answer is as good without.</summary>
    Dropped,

    /// <summary>The request is refused with a 400 that names the field.</summary>
    Refused,
}

/// <summary>A use of a feature.</summary>
/// <param name="Path">Where it stands in the client's request, for errors.</param>
public readonly record struct FeatureUse(Feature Feature, string Path);

/// <summary>What becomes of a feature on its way to each protocol of providers.</summary>
public sealed record FeatureRow(Feature Feature, string Says, Carry Chat, Carry Messages, Carry Gemini);

/// <summary>What is translated from one protocol to another, and how: <c>docs/protocols.md</c> is made of it.</summary>
public static class Features
{
    /// <summary>A row for each feature, in the order of <see cref="Feature"/>.</summary>
    public static ImmutableArray<FeatureRow> All { get; } =
    [
        new(Feature.ImageUrl, "a picture by its address", Carry.Kept, Carry.Kept, Carry.Kept),
        new(Feature.Document, "a PDF or text file in the request", Carry.Kept, Carry.Kept, Carry.Kept),
        new(Feature.DocumentUrl, "a document by its address", Carry.Refused, Carry.Kept, Carry.Kept),
        new(Feature.Audio, "sound in the request", Carry.Kept, Carry.Refused, Carry.Kept),
        new(Feature.Video, "film in the request", Carry.Refused, Carry.Refused, Carry.Kept),
        new(Feature.MediaInToolResult, "media in a tool's result; for Chat Completions it follows in a message of the user", Carry.Kept, Carry.Kept, Carry.Kept),
        new(Feature.ProviderHeldId, "an id that one provider keeps", Carry.Refused, Carry.Refused, Carry.Refused),
        new(Feature.ProviderTool, "a tool that the provider runs", Carry.Refused, Carry.Refused, Carry.Refused),
        new(Feature.TextTool, "a tool whose input is text: it becomes a function with the one field `input`", Carry.Kept, Carry.Kept, Carry.Kept),
        new(Feature.Choices, "more answers than one", Carry.Kept, Carry.Refused, Carry.Kept),
        new(Feature.Logprobs, "how likely tokens were", Carry.Kept, Carry.Refused, Carry.Kept),
        new(Feature.LogitBias, "likelihoods of single tokens changed", Carry.Kept, Carry.Refused, Carry.Refused),
        new(Feature.Seed, "a seed", Carry.Kept, Carry.Dropped, Carry.Kept),
        new(Feature.Penalties, "penalties of frequency and presence", Carry.Kept, Carry.Dropped, Carry.Kept),
        new(Feature.TopK, "the likeliest tokens alone", Carry.Dropped, Carry.Kept, Carry.Kept),
        new(Feature.JsonObject, "any JSON object as the answer; Messages are told so in words", Carry.Kept, Carry.Kept, Carry.Kept),
        new(Feature.JsonSchema, "an answer by a JSON schema", Carry.Kept, Carry.Kept, Carry.Kept),
        new(Feature.Reasoning, "how much to reason", Carry.Kept, Carry.Kept, Carry.Kept),
        new(Feature.Verbosity, "how wordy to be", Carry.Kept, Carry.Dropped, Carry.Dropped),
        new(Feature.CacheMarks, "marks of what to cache", Carry.Dropped, Carry.Kept, Carry.Dropped),
        new(Feature.CacheKey, "a key of what to cache", Carry.Kept, Carry.Dropped, Carry.Dropped),
        new(Feature.Prediction, "a foretold answer", Carry.Kept, Carry.Dropped, Carry.Dropped),
        new(Feature.AudioOutput, "sound in the answer", Carry.Refused, Carry.Refused, Carry.Refused),
        new(Feature.ImageOutput, "pictures in the answer", Carry.Refused, Carry.Refused, Carry.Kept),
        new(Feature.UserId, "who the user is", Carry.Dropped, Carry.Dropped, Carry.Dropped),
        new(Feature.Metadata, "labels of the client's own", Carry.Dropped, Carry.Dropped, Carry.Dropped),
        new(Feature.Store, "whether the provider keeps the answer", Carry.Dropped, Carry.Dropped, Carry.Dropped),
        new(Feature.ServiceTier, "a tier of service: the usual one is asked for", Carry.Dropped, Carry.Dropped, Carry.Dropped),
        new(Feature.SafetySettings, "what the provider's filter lets through", Carry.Dropped, Carry.Dropped, Carry.Kept),
        new(Feature.Citations, "citations of documents", Carry.Dropped, Carry.Kept, Carry.Dropped),
        new(Feature.ContextManagement, "how the provider shortens long conversations", Carry.Dropped, Carry.Dropped, Carry.Dropped),
    ];

    /// <summary>The first use that a protocol cannot express and that cannot be left out; null when there is none.</summary>
    /// <param name="format">The provider's protocol: one of <see cref="WireFormats"/>.</param>
    /// <param name="left">A feature that is left out wherever it is lacking; null for none.</param>
    public static FeatureUse? Refused(Conversation conversation, string format, Feature? left = null)
    {
        ArgumentNullException.ThrowIfNull(conversation);
        foreach (var use in conversation.Features)
        {
            if (use.Feature != left && Of(use.Feature, format) == Carry.Refused)
            {
                return use;
            }
        }

        return null;
    }

    /// <summary>What becomes of a feature in a protocol of providers.</summary>
    public static Carry Of(Feature feature, string format)
    {
        var row = All[(int)feature];
        return format switch
        {
            WireFormats.Chat => row.Chat,
            WireFormats.Messages => row.Messages,
            WireFormats.Gemini => row.Gemini,
            _ => Carry.Refused,
        };
    }
}
