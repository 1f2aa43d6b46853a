using System.Globalization;
using System.Text;
using System.Text.Json;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Json;
using OrleansGateway.Protocols.Metering;

namespace OrleansGateway.Protocols.OpenAI.Endpoints;

/// <summary>A request to Completions, the older endpoint: text goes on.</summary>
public sealed class CompletionRequest : JsonRequest
{
    /// <summary>The most answers of one request: prompts times <c>n</c>.</summary>
    public const int MaxAnswers = 128;

    /// <summary>The output limit of a request that names none, tokens: everywhere the same, so that it bounds the cost.</summary>
    private const int DefaultMaxTokens = 16;

    private static readonly ReadOnlyMemory<byte> WithUsage = "\"stream_options\":{\"include_usage\":true},"u8.ToArray();
    private static readonly ReadOnlyMemory<byte> UsageOptions = "{\"include_usage\":true}"u8.ToArray();

    private JsonMember _maxTokens;
    private JsonMember _streamOptions;
    private bool _hasStreamOptions;
    private int _n = 1;
    private int? _bestOf;

    /// <summary>Its fields.</summary>
    public static RequestFields Table { get; } = new(
    [
        new("model", FieldHandling.Bounds, "chooses the price; the channel's own name for it goes on"),
        new("prompt", FieldHandling.Bounds, "input: a token for each byte of text at most, token ids exactly; several prompts have an answer each"),
        new("suffix", FieldHandling.Bounds, "input"),
        new("n", FieldHandling.Bounds, "multiplies the output; at most the model's `max_n`"),
        new("best_of", FieldHandling.Bounds, "likewise: all that are made count"),
        new("max_tokens", FieldHandling.Bounds, "output; 16 without it"),
        new("stream", FieldHandling.Bounds, "a stream is held for a slice of its output at first, a whole answer for all of it"),
        new("stream_options", FieldHandling.Bounds, "usage is asked for, whatever the client asked"),
        new("use_beam_search", FieldHandling.Refused, "makes more than is given (vLLM)"),
        new("prompt_embeds", FieldHandling.Refused, "input that cannot be sized (vLLM)"),
        TierRefused,
        .. RequestFields.Passed(
            "nothing", "echo", "logprobs", "temperature", "top_p", "top_k", "min_p", "stop", "seed", "presence_penalty", "frequency_penalty", "repetition_penalty",
            "logit_bias", "user", "min_tokens", "ignore_eos", "stop_token_ids", "skip_special_tokens", "spaces_between_special_tokens", "add_special_tokens",
            "response_format"),
    ]);

    /// <param name="body">Lives as long as this.</param>
    public CompletionRequest(ReadOnlyMemory<byte> body)
        : base(body, Table)
    {
    }

    /// <inheritdoc/>
    public override string Format => "completions";

    /// <summary>Whether the client asked for the usage chunk of a stream.</summary>
    public bool IncludeUsage { get; private set; }

    /// <summary>How many answers come.</summary>
    public int Answers => Inputs * _n;

    /// <summary>Whether <see cref="EndpointRequest.ForUpstream"/> puts in <c>stream_options</c> of which the client has sent nothing.</summary>
    public bool LacksStreamOptions => Stream && !_streamOptions.IsPresent;

    /// <inheritdoc/>
    public override TokenUsage Used(in AnswerCounts counts, long estimatedInputTokens) =>
        counts.Reported is { } reported && (reported.TotalInput > 0 || reported.TotalOutput > 0 || counts.TextTokens == 0)
            ? reported
            : new TokenUsage
            {
                UncachedInput = estimatedInputTokens,
                Output = counts.TextTokens,
                IsEstimated = true,
                IsInconsistent = counts.Reported is not null,
            };

    /// <inheritdoc/>
    protected override void ReadField(string name, ref Utf8JsonReader reader)
    {
        switch (name)
        {
            case "prompt" when reader.TokenType == JsonTokenType.Null:
                break;
            case "prompt":
                Inputs = Math.Max(1, ReadTexts(name, ref reader, MaxAnswers));
                break;
            case "suffix":
                ReadInput(name, ref reader);
                break;
            case "n":
                _n = ReadNumber(name, ref reader, 1, MaxAnswers) ?? 1;
                break;
            case "best_of":
                _bestOf = ReadNumber(name, ref reader, 1, MaxAnswers);
                break;
            case "max_tokens":
                var start = (int)reader.TokenStartIndex;
                MaxOutputTokens = ReadNumber(name, ref reader, 0, int.MaxValue);
                _maxTokens = Member(start, reader);
                break;
            case "stream":
                Stream = ReadFlag(name, ref reader);
                break;
            case "stream_options":
                ReadStreamOptions(ref reader);
                break;
            default:
                break;
        }
    }

    /// <inheritdoc/>
    protected override void CheckWhole()
    {
        if (_bestOf < _n)
        {
            Fail($"Invalid 'best_of': it must be at least n ({_n}).", "best_of", "invalid_value");
        }
        else if (_bestOf > 1 && Stream)
        {
            Fail("'best_of' above 1 cannot be streamed.", "best_of", "invalid_parameter_combination");
        }
        else if (_hasStreamOptions && !Stream)
        {
            Fail("The 'stream_options' parameter is only allowed when 'stream' is enabled.", "stream_options", null);
        }
        else if ((long)Inputs * Math.Max(_n, _bestOf ?? 1) > MaxAnswers)
        {
            Fail($"Too many answers: prompts times 'n' or 'best_of' may be at most {MaxAnswers}.", "prompt", "array_above_max_length");
        }

        MaxOutputTokens ??= DefaultMaxTokens;
        Choices = Inputs * Math.Max(_n, _bestOf ?? 1);
    }

    private protected override void Splice(ref JsonSplices splices, in EndpointChanges changes)
    {
        var limit = Encoding.ASCII.GetBytes((changes.MaxOutputTokens ?? MaxOutputTokens ?? DefaultMaxTokens).ToString(CultureInfo.InvariantCulture));
        if (!_maxTokens.IsPresent)
        {
            splices.Replace(RootStart, RootStart, (byte[])[.. "\"max_tokens\":"u8, .. limit, (byte)',']);
        }
        else if (!_maxTokens.Value(Body.Span).SequenceEqual(limit))
        {
            splices.ReplaceValue(_maxTokens, limit);
        }

        if (!Stream)
        {
            return;
        }

        if (!changes.WithStreamUsage)
        {
            if (_streamOptions.IsPresent)
            {
                splices.ReplaceValue(_streamOptions, JsonBytes.Null);
            }
        }
        else if (!_streamOptions.IsPresent)
        {
            splices.Replace(RootStart, RootStart, WithUsage);
        }
        else if (!IncludeUsage)
        {
            splices.ReplaceValue(_streamOptions, UsageOptions);
        }
    }

    private void ReadStreamOptions(ref Utf8JsonReader reader)
    {
        var start = (int)reader.TokenStartIndex;
        var nameStart = NameStart;
        if (reader.TokenType == JsonTokenType.StartObject)
        {
            _hasStreamOptions = true;
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var isUsage = reader.ValueTextEquals("include_usage"u8);
                reader.Read();
                IncludeUsage = isUsage ? ReadFlag("stream_options.include_usage", ref reader) : IncludeUsage;
                reader.Skip();
            }
        }
        else if (reader.TokenType != JsonTokenType.Null)
        {
            WrongType("stream_options", "an object", reader);
        }

        _streamOptions = new(nameStart, start, (int)reader.BytesConsumed);
    }
}
