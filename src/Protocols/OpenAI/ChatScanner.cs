using System.Text.Json;
using OrleansGateway.Protocols.Json;
using OrleansGateway.Protocols.Metering;

namespace OrleansGateway.Protocols.OpenAI;

/// <summary>
/// One pass over a chunk or a whole completion: what it tells, and where the members stand that a relay may change.
/// </summary>
internal ref struct ChatScanner
{
    /// <summary>What a search by Moonshot is called as.</summary>
    public static ReadOnlySpan<byte> SearchCall => "$web_search"u8;

    public JsonMember Id;
    public JsonMember Created;
    public JsonMember Model;
    public JsonMember Usage;

    /// <summary>Where choices end by Zhipu's name for content_filter; null where none does.</summary>
    public List<JsonMember>? SensitiveFinishes;
    public JsonMember ServiceTier;

    /// <summary>The usage object that was read, wherever it stands.</summary>
    public JsonMember UsageJson;

    public bool HasChoices;
    public int ChoiceCount;
    public UInt128 Seen;
    public UInt128 Ended;

    /// <summary>A bit for each choice that calls <see cref="SearchCall"/>.</summary>
    public UInt128 Searching;
    public FinishReason FinishReason;
    public bool HasFailed;
    public bool HasError;
    public bool HasOutput;

    /// <summary>Whether a usage object was read; a null or unreadable one is none.</summary>
    public bool HasUsage;
    public TokenUsage Tokens;

    public TokenEstimate Text;
    public TokenEstimate Reasoning;
    public long AudioBytes;

    /// <summary>Non-empty strings of output, and where the last one stands between its quotes.</summary>
    public int OutputStrings;
    public int OutputStart;
    public int OutputEnd;
    public bool OutputIsReasoning;

    /// <summary>One running choice whose one string of output is all that it adds.</summary>
    public readonly bool IsPlainText =>
        Kind == ChatPayloadKind.Choices && ChoiceCount == 1 && OutputStrings == 1 && Ended == 0 && !HasUsage && AudioBytes == 0 && !_hasName;

    public readonly ChatPayloadKind Kind =>
        HasError || HasFailed ? ChatPayloadKind.Error
        : ChoiceCount > 0 ? ChatPayloadKind.Choices
        : HasUsage ? ChatPayloadKind.UsageOnly
        : ChatPayloadKind.Other;

    private Utf8JsonReader _reader;
    private int _nameStart;
    private bool _hasReasoning;
    private bool _hasMessage;
    private bool _hasName;
    private bool _isSearch;

    public ChatScanner(ReadOnlySpan<byte> json) => _reader = new(json);

    /// <summary>False when it is not exactly one JSON object.</summary>
    public bool TryScan()
    {
        try
        {
            return ReadRoot();
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return false;
        }
    }

    private bool ReadRoot()
    {
        if (!_reader.Read() || _reader.TokenType != JsonTokenType.StartObject)
        {
            return false;
        }

        while (_reader.Read() && _reader.TokenType == JsonTokenType.PropertyName)
        {
            _nameStart = (int)_reader.TokenStartIndex;
            var name = _reader.ValueSpan;
            _reader.Read();
            switch (name.Length)
            {
                case 2 when name.SequenceEqual("id"u8): Id = Scalar(); break;
                case 5 when name.SequenceEqual("model"u8): Model = Scalar(); break;
                case 5 when name.SequenceEqual("usage"u8): ReadUsage(); continue;
                case 5 when name.SequenceEqual("error"u8): HasError = _reader.TokenType != JsonTokenType.Null; break;
                case 6 when name.SequenceEqual("x_groq"u8): ReadOwnUsage(); continue;
                case 6 when name.SequenceEqual("detail"u8): _hasMessage |= _reader.TokenType != JsonTokenType.Null; break;
                case 12 when name.SequenceEqual("service_tier"u8) && _reader.TokenType == JsonTokenType.String: ServiceTier = Scalar(); break;
                case 7 when name.SequenceEqual("created"u8): Created = Scalar(); break;
                case 7 when name.SequenceEqual("message"u8): _hasMessage |= _reader.TokenType == JsonTokenType.String; break;
                case 7 when name.SequenceEqual("choices"u8): ReadChoices(); continue;
                default: break;
            }

            _reader.Skip();
        }

        // DashScope's own form of an error has no "error" around it, nor has FastAPI's.
        HasError |= _hasMessage && !HasChoices;
        return !_reader.Read();
    }

    private readonly JsonMember Scalar() => new(_nameStart, (int)_reader.TokenStartIndex, (int)_reader.BytesConsumed);

    private void ReadUsage()
    {
        var (nameStart, valueStart) = (_nameStart, (int)_reader.TokenStartIndex);
        ReadTokens();
        Usage = new(nameStart, valueStart, (int)_reader.BytesConsumed);
    }

    /// <summary>Groq tells a stream's usage in a member of its own.</summary>
    private void ReadOwnUsage()
    {
        if (_reader.TokenType != JsonTokenType.StartObject)
        {
            _reader.Skip();
            return;
        }

        while (_reader.Read() && _reader.TokenType == JsonTokenType.PropertyName)
        {
            var isUsage = _reader.ValueTextEquals("usage"u8);
            _reader.Read();
            if (isUsage)
            {
                ReadTokens();
            }
            else
            {
                _reader.Skip();
            }
        }
    }

    private void ReadTokens()
    {
        var start = (int)_reader.TokenStartIndex;
        if (OpenAIUsage.TryRead(ref _reader, out var tokens))
        {
            Tokens = HasUsage ? UsageReport.Most(Tokens, tokens) : tokens;
            HasUsage = true;
            UsageJson = new(start, start, (int)_reader.BytesConsumed);
        }
    }

    private void ReadChoices()
    {
        if (_reader.TokenType != JsonTokenType.StartArray)
        {
            _reader.Skip();
            return;
        }

        HasChoices = true;
        while (_reader.Read() && _reader.TokenType != JsonTokenType.EndArray)
        {
            ChoiceCount++;
            if (_reader.TokenType == JsonTokenType.StartObject)
            {
                ReadChoice();
            }
            else
            {
                _reader.Skip();
            }
        }
    }

    private void ReadChoice()
    {
        var index = 0;
        var ends = false;
        _isSearch = false;
        while (_reader.Read() && _reader.TokenType == JsonTokenType.PropertyName)
        {
            var name = _reader.ValueSpan;
            _reader.Read();
            switch (name.Length)
            {
                case 4 when name.SequenceEqual("text"u8): CountText(isReasoning: false); continue;
                case 5 when name.SequenceEqual("index"u8) && _reader.TokenType == JsonTokenType.Number:
                    index = _reader.TryGetInt32(out var value) ? value : -1;
                    break;
                case 5 when name.SequenceEqual("delta"u8):
                case 7 when name.SequenceEqual("message"u8):
                    ReadDelta();
                    continue;

                // Moonshot reports here.
                case 5 when name.SequenceEqual("usage"u8): ReadTokens(); continue;
                case 13 when name.SequenceEqual("finish_reason"u8): ends = ReadFinishReason(); break;
                default: break;
            }

            _reader.Skip();
        }

        if (index is >= 0 and < ChatRequest.MaxChoicesLimit)
        {
            Seen |= UInt128.One << index;
            Ended |= ends ? UInt128.One << index : 0;
            Searching |= _isSearch ? UInt128.One << index : 0;
        }
    }

    private bool ReadFinishReason()
    {
        if (_reader.TokenType != JsonTokenType.String || _reader.ValueSpan.IsEmpty)
        {
            return false;
        }

        var isSensitive = _reader.ValueTextEquals("sensitive"u8);
        if (isSensitive)
        {
            (SensitiveFinishes ??= []).Add(new((int)_reader.TokenStartIndex, (int)_reader.TokenStartIndex, (int)_reader.BytesConsumed));
        }

        HasFailed |= _reader.ValueTextEquals("network_error"u8);
        FinishReason = _reader.ValueTextEquals("stop"u8) ? FinishReason.Stop
            : _reader.ValueTextEquals("length"u8) ? FinishReason.Length
            : _reader.ValueTextEquals("tool_calls"u8) || _reader.ValueTextEquals("function_call"u8) ? FinishReason.ToolCalls
            : _reader.ValueTextEquals("content_filter"u8) || isSensitive ? FinishReason.ContentFilter
            : FinishReason.Other;
        return true;
    }

    private void ReadDelta()
    {
        if (_reader.TokenType != JsonTokenType.StartObject)
        {
            _reader.Skip();
            return;
        }

        _hasReasoning = false;
        while (_reader.Read() && _reader.TokenType == JsonTokenType.PropertyName)
        {
            var name = _reader.ValueSpan;
            _reader.Read();
            switch (name.Length)
            {
                case 5 when name.SequenceEqual("audio"u8): ReadAudio(); break;
                case 7 when name.SequenceEqual("content"u8) || name.SequenceEqual("refusal"u8): CountText(isReasoning: false); break;
                case 9 when name.SequenceEqual("reasoning"u8):
                case 17 when name.SequenceEqual("reasoning_content"u8):
                    ReadReasoning();
                    break;
                case 10 when name.SequenceEqual("tool_calls"u8):
                case 13 when name.SequenceEqual("function_call"u8):
                    CountText(isReasoning: false);
                    break;
                case 6 when name.SequenceEqual("images"u8): HasOutput |= _reader.TokenType == JsonTokenType.StartArray; _reader.Skip(); break;
                default: _reader.Skip(); break;
            }
        }
    }

    /// <summary>Some servers tell the same reasoning under both names: it counts once.</summary>
    private void ReadReasoning()
    {
        var before = Reasoning;
        CountText(isReasoning: true);
        if (_hasReasoning)
        {
            Reasoning = before;
        }

        _hasReasoning |= Reasoning.Bytes > before.Bytes;
    }

    private void ReadAudio()
    {
        if (_reader.TokenType != JsonTokenType.StartObject)
        {
            _reader.Skip();
            return;
        }

        while (_reader.Read() && _reader.TokenType == JsonTokenType.PropertyName)
        {
            var isData = _reader.ValueTextEquals("data"u8);
            var isTranscript = _reader.ValueTextEquals("transcript"u8);
            _reader.Read();
            if (isData && _reader.TokenType == JsonTokenType.String)
            {
                AudioBytes += _reader.ValueSpan.Length / 4L * 3;
                HasOutput |= !_reader.ValueSpan.IsEmpty;
            }

            HasOutput |= isTranscript && _reader.TokenType == JsonTokenType.String && !_reader.ValueSpan.IsEmpty;
            _reader.Skip();
        }
    }

    /// <summary>Counts all strings of a value but ids, types and roles.</summary>
    private void CountText(bool isReasoning)
    {
        var depth = _reader.CurrentDepth;
        var (counts, isName) = (true, false);
        do
        {
            if (_reader.TokenType == JsonTokenType.PropertyName)
            {
                isName = _reader.ValueTextEquals("name"u8);
                counts = !(_reader.ValueTextEquals("id"u8) || _reader.ValueTextEquals("type"u8) || _reader.ValueTextEquals("role"u8));
            }
            else if (_reader.TokenType == JsonTokenType.String && counts && !_reader.ValueSpan.IsEmpty)
            {
                CountString(isReasoning);
                _hasName |= isName;
                _isSearch |= isName && _reader.ValueSpan.SequenceEqual(SearchCall);
            }
        }
        while ((_reader.CurrentDepth != depth || _reader.TokenType is JsonTokenType.StartObject or JsonTokenType.StartArray) && _reader.Read());
    }

    private void CountString(bool isReasoning)
    {
        (OutputStart, OutputEnd) = ((int)_reader.TokenStartIndex + 1, (int)_reader.BytesConsumed - 1);
        OutputStrings++;
        OutputIsReasoning = isReasoning;
        HasOutput = true;
        if (isReasoning)
        {
            Reasoning.AddJson(_reader.ValueSpan);
        }
        else
        {
            Text.AddJson(_reader.ValueSpan);
        }
    }
}
