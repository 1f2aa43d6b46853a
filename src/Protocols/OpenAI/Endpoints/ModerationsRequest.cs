using System.Text.Json;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Metering;

namespace OrleansGateway.Protocols.OpenAI.Endpoints;

/// <summary>A request to moderate: free.</summary>
public sealed class ModerationsRequest : JsonRequest
{
    /// <summary>What requests without a model are for.</summary>
    public const string DefaultModel = "omni-moderation-latest";

    /// <summary>Its fields.</summary>
    public static RequestFields Table { get; } = new(
    [
        new("model", FieldHandling.Bounds, $"`{DefaultModel}` without it; the channel's own name for it goes on"),
        TierRefused,
        .. RequestFields.Passed("nothing: it is free", "input"),
    ]);

    /// <param name="body">Lives as long as this.</param>
    public ModerationsRequest(ReadOnlyMemory<byte> body)
        : base(body, Table) => (IsFree, OutputTokensMost) = (true, 0);

    /// <inheritdoc/>
    public override string Format => "moderations";

    /// <inheritdoc/>
    public override ChargedBy ChargedBy => ChargedBy.Nothing;

    /// <inheritdoc/>
    public override TokenUsage Used(in AnswerCounts counts, long estimatedInputTokens) => default;

    /// <inheritdoc/>
    protected override string? ModelWithoutOne => DefaultModel;

    /// <inheritdoc/>
    protected override void ReadField(string name, ref Utf8JsonReader reader)
    {
        if (reader.TokenType is not (JsonTokenType.String or JsonTokenType.StartArray))
        {
            WrongType(name, "a string or an array", reader);
            return;
        }

        SkipInput(ref reader);
    }

    /// <inheritdoc/>
    protected override void CheckWhole()
    {
        if (!Has("input"))
        {
            Missing("input");
        }
    }
}
