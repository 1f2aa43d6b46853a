using System.Text.Json;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Metering;

namespace OrleansGateway.Protocols.OpenAI.Endpoints;

/// <summary>A request for embeddings.</summary>
public sealed class EmbeddingsRequest : JsonRequest
{
    /// <summary>What may stand before each input, bytes.</summary>
    private long _textOfEach;

    /// <summary>The most inputs of one request.</summary>
    public const int MaxInputs = 2048;

    /// <summary>Its fields.</summary>
    public static RequestFields Table { get; } = new(
    [
        new("model", FieldHandling.Bounds, "chooses the price; the channel's own name for it goes on"),
        new("input", FieldHandling.Bounds, "input: a token for each byte of text at most, token ids exactly"),
        TierRefused,
        .. RequestFields.Passed(
            "nothing", "dimensions", "encoding_format", "user", "input_type", "output_dimension", "output_dtype", "truncation", "truncate", "task",
            "normalized", "embedding_type", "text_type", "instruct", "instruction", "late_chunking", "truncate_prompt_tokens", "add_special_tokens", "priority"),
    ]);

    /// <param name="body">Lives as long as this.</param>
    public EmbeddingsRequest(ReadOnlyMemory<byte> body)
        : base(body, Table) => OutputTokensMost = 0;

    /// <inheritdoc/>
    public override string Format => "embeddings";

    /// <summary>Whether vectors are to come as base64 of little-endian floats.</summary>
    public bool WantsBase64 { get; private set; }

    /// <inheritdoc/>
    public override TokenUsage Used(in AnswerCounts counts, long estimatedInputTokens) => counts.Reported is { TotalInput: > 0 } reported
        ? reported with { Output = 0, Reasoning = 0 }
        : new TokenUsage { UncachedInput = estimatedInputTokens, IsEstimated = true, IsInconsistent = counts.Reported is not null };

    /// <inheritdoc/>
    protected override void ReadField(string name, ref Utf8JsonReader reader)
    {
        switch (name)
        {
            case "input":
                Inputs = Math.Max(1, ReadTexts(name, ref reader, MaxInputs));
                break;
            case "dimensions":
                ReadNumber(name, ref reader, 1, int.MaxValue);
                break;
            case "encoding_format":
                WantsBase64 = ReadText(name, ref reader) == "base64";
                break;
            default:
                // Such as the instruction that some models put before each input.
                var before = TextBytes;
                SkipInput(ref reader);
                _textOfEach += TextBytes - before;
                break;
        }
    }

    /// <inheritdoc/>
    protected override void CheckWhole()
    {
        if (!Has("input"))
        {
            Missing("input");
        }

        // What a template or an instruction adds to each.
        TextBytes += (16L * Inputs) + (_textOfEach * (Inputs - 1));
    }
}
