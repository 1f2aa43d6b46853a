using System.Text.Json;
using OrleansGateway.Protocols.Metering;

namespace OrleansGateway.Protocols.Anthropic;

/// <summary>
/// What the <c>usage</c> objects of one answer say together. Their numbers are cumulative: a later one takes the place of an earlier one.
/// Only the first tells how cache writes split by lifetime.
/// </summary>
internal struct MessagesUsage
{
    // Far beyond any context window, and small enough for sums and prices.
    private const long MaxTokens = 1_000_000_000_000;

    private long? _input;
    private long? _output;
    private long? _written;
    private long _written5m;
    private long _written1h;
    private long _read;
    private long _thinking;
    private long? _searches;
    private bool _isInconsistent;
    private bool _isDisputed;

    /// <summary>The tier of service that the answer names; null when it names none.</summary>
    public string? ServiceTier { get; private set; }

    /// <summary>The speed that the answer names; null when it names none.</summary>
    public string? Speed { get; private set; }

    /// <summary>Whether the object that was read last tells of output.</summary>
    public bool TellsOutput { get; private set; }

    /// <summary>What was used, in disjoint kinds; null where neither input nor output was told.</summary>
    public readonly TokenUsage? Tokens
    {
        get
        {
            if (_input is null && _output is null)
            {
                return null;
            }

            var written = _written ?? _written5m + _written1h;
            var written1h = Math.Min(_written1h, written);
            var output = _output ?? 0;
            var thinking = Math.Min(_thinking, output);
            return new TokenUsage
            {
                UncachedInput = _input ?? 0,
                CacheRead = _read,
                CacheWrite5m = written - written1h,
                CacheWrite1h = written1h,
                Output = output - thinking,
                Reasoning = thinking,
                Searches = _searches,
                IsEstimated = _isDisputed,
                IsInconsistent = _isInconsistent || _isDisputed || written1h < _written1h || thinking < _thinking,
            };
        }
    }

    /// <summary>Reads a usage object; the reader stands on its first token and ends on its last.</summary>
    /// <param name="isAgain">Whether the same event had one before: only one can be true, and no less than either says is.</param>
    public void Read(ref Utf8JsonReader reader, bool isAgain)
    {
        var earlier = this;
        TellsOutput = false;
        ReadObject(ref reader);
        if (!isAgain)
        {
            return;
        }

        TellsOutput |= earlier.TellsOutput;
        if (Tokens is { } now && earlier.Tokens is { } before && UsageReport.Most(before, now) is { IsEstimated: true } most)
        {
            (_isDisputed, _input, _output, _read) = (true, most.UncachedInput, most.TotalOutput, most.CacheRead);
            (_written, _written5m, _written1h) = (most.CacheWrite5m + most.CacheWrite1h, most.CacheWrite5m, most.CacheWrite1h);
            (_thinking, _searches) = (most.Reasoning, most.Searches);
        }
    }

    private void ReadObject(ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            _isInconsistent |= reader.TokenType != JsonTokenType.Null;
            reader.Skip();
            return;
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("input_tokens"u8))
            {
                _input = Number(ref reader) ?? _input;
            }
            else if (reader.ValueTextEquals("output_tokens"u8))
            {
                var output = Number(ref reader);
                TellsOutput = output is not null;
                _output = output ?? _output;
            }
            else if (reader.ValueTextEquals("cache_creation_input_tokens"u8))
            {
                _written = Number(ref reader) ?? _written;
            }
            else if (reader.ValueTextEquals("cache_read_input_tokens"u8))
            {
                _read = Number(ref reader) ?? _read;
            }
            else if (reader.ValueTextEquals("cache_creation"u8))
            {
                ReadMembers(ref reader, "ephemeral_5m_input_tokens"u8, ref _written5m, "ephemeral_1h_input_tokens"u8, ref _written1h);
            }
            else if (reader.ValueTextEquals("output_tokens_details"u8))
            {
                var none = 0L;
                ReadMembers(ref reader, "thinking_tokens"u8, ref _thinking, default, ref none);
            }
            else if (reader.ValueTextEquals("server_tool_use"u8))
            {
                var (searches, none) = (_searches ?? 0, 0L);
                if (ReadMembers(ref reader, "web_search_requests"u8, ref searches, default, ref none))
                {
                    _searches = searches;
                }
            }
            else
            {
                ReadName(ref reader);
            }
        }
    }

    private void ReadName(ref Utf8JsonReader reader)
    {
        var (isTier, isSpeed) = (reader.ValueTextEquals("service_tier"u8), reader.ValueTextEquals("speed"u8));
        reader.Read();
        if ((isTier || isSpeed) && reader is { TokenType: JsonTokenType.String, ValueSpan.Length: <= 64 })
        {
            var name = reader.ValueTextEquals("standard"u8) ? "standard" : reader.GetString();
            (ServiceTier, Speed) = isTier ? (name, Speed) : (ServiceTier, name);
        }

        reader.Skip();
    }

    /// <returns>Whether it is an object.</returns>
    private bool ReadMembers(ref Utf8JsonReader reader, ReadOnlySpan<byte> name, ref long value, ReadOnlySpan<byte> otherName, ref long other)
    {
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            _isInconsistent |= reader.TokenType != JsonTokenType.Null;
            reader.Skip();
            return false;
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals(name))
            {
                value = Number(ref reader) ?? value;
            }
            else if (!otherName.IsEmpty && reader.ValueTextEquals(otherName))
            {
                other = Number(ref reader) ?? other;
            }
            else
            {
                reader.Read();
                reader.Skip();
            }
        }

        return true;
    }

    /// <summary>The number after a name; null for null, for what is none and for what is below 0.</summary>
    private long? Number(ref Utf8JsonReader reader)
    {
        reader.Read();
        if (reader.TokenType == JsonTokenType.Number)
        {
            if (!reader.TryGetInt64(out var value))
            {
                // 12.0 and 1.2e1 are whole numbers too.
                var isWhole = reader.TryGetDouble(out var number) && Math.Abs(number) <= MaxTokens && number == Math.Floor(number);
                value = isWhole ? (long)number : long.MaxValue;
            }

            _isInconsistent |= value is < 0 or > MaxTokens;
            return value is < 0 or > MaxTokens ? null : value;
        }

        _isInconsistent |= reader.TokenType != JsonTokenType.Null;
        reader.Skip();
        return null;
    }
}
