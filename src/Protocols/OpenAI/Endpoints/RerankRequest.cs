using System.Text.Json;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Metering;

namespace OrleansGateway.Protocols.OpenAI.Endpoints;

/// <summary>A request to rank documents by a query, in the form that Cohere, Jina, Voyage and vLLM have in common.</summary>
public sealed class RerankRequest : JsonRequest
{
    private const int TokensPerChunk = 500;
    private const int ChunksPerSearch = 100;
    private const int MaxDocuments = 10_000;

    private readonly List<(long Bytes, long Tokens)> _documents = [];
    private TokenEstimate _query;

    /// <summary>Its fields.</summary>
    public static RequestFields Table { get; } = new(
    [
        new("model", FieldHandling.Bounds, "chooses the price; the channel's own name for it goes on"),
        new("query", FieldHandling.Bounds, "input, once for each document"),
        new("documents", FieldHandling.Bounds, "input; 100 of up to 500 tokens with the query are a search, longer ones count several times"),
        new("instruction", FieldHandling.Bounds, "input, once for each document"),
        TierRefused,
        .. RequestFields.Passed(
            "nothing", "top_n", "top_k", "return_documents", "truncation", "max_tokens_per_doc", "max_chunks_per_doc", "max_chunk_per_doc", "overlap_tokens",
            "rank_fields", "truncate_prompt_tokens", "priority", "user"),
    ]);

    /// <param name="body">Lives as long as this.</param>
    public RerankRequest(ReadOnlyMemory<byte> body)
        : base(body, Table) => OutputTokensMost = 0;

    /// <inheritdoc/>
    public override string Format => "rerank";

    /// <inheritdoc/>
    public override ChargedBy ChargedBy => ChargedBy.Searches;

    /// <inheritdoc/>
    public override TokenUsage Used(in AnswerCounts counts, long estimatedInputTokens)
    {
        var reported = counts.Reported;
        return new TokenUsage
        {
            UncachedInput = reported is { TotalInput: > 0 } known ? known.TotalInput : estimatedInputTokens,
            Searches = reported?.Searches ?? SearchesOf(_query.Tokens, static document => document.Tokens),
            IsEstimated = reported is null or { TotalInput: 0, Searches: null },
        };
    }

    /// <inheritdoc/>
    protected override void ReadField(string name, ref Utf8JsonReader reader)
    {
        switch (name)
        {
            case "query" or "instruction" when reader.TokenType == JsonTokenType.String:
                _query.AddJson(reader.ValueSpan);
                break;
            case "query":
                WrongType(name, "a string", reader);
                break;
            case "documents":
                ReadDocuments(ref reader);
                break;
            default:
                break;
        }
    }

    /// <inheritdoc/>
    protected override void CheckWhole()
    {
        if (!Has("query"))
        {
            Missing("query");
        }
        else if (_documents.Count == 0)
        {
            Missing("documents");
        }

        TextBytes += (_query.Bytes * _documents.Count) + _documents.Sum(static document => document.Bytes);
        EstimatedInputTokens += (_query.Tokens * _documents.Count) + _documents.Sum(static document => document.Tokens);
        Searches = SearchesOf(_query.Bytes, static document => document.Bytes);

        // A document that is longer than the window is read in pieces.
        Inputs = int.MaxValue;
    }

    private void ReadDocuments(ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            WrongType("documents", "an array", reader);
            return;
        }

        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray && !HasFailed)
        {
            if (_documents.Count == MaxDocuments)
            {
                Fail($"Invalid 'documents': array too long. Expected an array with maximum length {MaxDocuments}.", "documents", "array_above_max_length");
            }
            else if (reader.TokenType == JsonTokenType.String)
            {
                var text = default(TokenEstimate);
                text.AddJson(reader.ValueSpan);
                _documents.Add((text.Bytes, text.Tokens));
            }
            else if (reader.TokenType == JsonTokenType.StartObject)
            {
                ReadDocument(ref reader);
            }
            else
            {
                WrongType($"documents[{_documents.Count}]", "a string or an object", reader);
            }
        }
    }

    private void ReadDocument(ref Utf8JsonReader reader)
    {
        var (start, text) = (reader.TokenStartIndex, default(TokenEstimate));
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var name = reader.GetString();
            reader.Read();
            if (name is not "text" && reader.TokenType is JsonTokenType.StartObject or JsonTokenType.StartArray)
            {
                Fail($"'documents[{_documents.Count}].{name}' is not available here: only text can be ranked.", "documents", "unsupported_value");
                return;
            }

            if (name is "image" or "image_url" or "video")
            {
                Fail($"'documents[{_documents.Count}].{name}' is not available here: only text can be ranked.", "documents", "unsupported_value");
                return;
            }

            if (reader.TokenType == JsonTokenType.String)
            {
                text.AddJson(reader.ValueSpan);
            }

            reader.Skip();
        }

        _documents.Add((reader.BytesConsumed - start, text.Tokens));
    }

    private long SearchesOf(long query, Func<(long Bytes, long Tokens), long> length)
    {
        var chunks = _documents.Sum(document => Math.Max(1, (query + length(document) + TokensPerChunk - 1) / TokensPerChunk));
        return (chunks + ChunksPerSearch - 1) / ChunksPerSearch;
    }
}
