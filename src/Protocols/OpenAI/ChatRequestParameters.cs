using System.Text.Json;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Json;

namespace OrleansGateway.Protocols.OpenAI;

public sealed partial class ChatRequest
{
    /// <summary>The part of the scan that reads the parameters which decide the cost.</summary>
    private ref partial struct Scanner
    {
        private bool ReadModel()
        {
            if (_reader.TokenType != JsonTokenType.String)
            {
                return _reader.TokenType == JsonTokenType.Null
                    ? Missing("model")
                    : Fail($"Invalid type for 'model': expected a string, but got {_reader.Found()} instead.", "model", "invalid_type");
            }

            if (_reader.ValueSpan.Length > MaxModelBytes)
            {
                return Fail($"Invalid 'model': string too long. Expected at most {MaxModelBytes} bytes.", "model", "string_above_max_length");
            }

            _request.Model = _reader.GetString()!;
            _request._modelMember = Member();
            return _request.Model.Length > 0 || Missing("model");
        }

        private bool ReadStream()
        {
            _request.Stream = _reader.TokenType == JsonTokenType.True;
            return _reader.TokenType is JsonTokenType.True or JsonTokenType.False or JsonTokenType.Null
                || Fail($"Invalid type for 'stream': expected a boolean, but got {_reader.Found()} instead.", "stream", "invalid_type");
        }

        private bool ReadStreamOptions()
        {
            if (_reader.TokenType == JsonTokenType.Null)
            {
                _request._streamOptionsMember = Member();
                return true;
            }

            if (_reader.TokenType != JsonTokenType.StartObject)
            {
                return Fail($"Invalid type for 'stream_options': expected an object, but got {_reader.Found()} instead.", "stream_options", "invalid_type");
            }

            var (nameStart, valueStart) = (_nameStart, (int)_reader.TokenStartIndex);
            var seen = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
            while (_reader.Read() && _reader.TokenType == JsonTokenType.PropertyName)
            {
                if (_reader.ValueSpan.Length > MaxNameBytes || seen.Count == MaxUnknownNames)
                {
                    return Fail("Too many or too long parameters in 'stream_options'.", "stream_options", "unknown_parameter");
                }

                var name = _reader.GetString()!;
                if (!seen.Add(name))
                {
                    return Fail("Duplicate parameter in 'stream_options'.", "stream_options", "duplicate_parameter");
                }

                CheckName(InStreamOptions);
                _nameStart = (int)_reader.TokenStartIndex;
                _reader.Read();
                if (name == "include_usage" && !ReadIncludeUsage())
                {
                    return false;
                }

                _reader.Skip();
            }

            _request._streamOptionsIsObject = true;
            _request._streamOptionsIsEmpty = seen.Count == 0;
            _request._streamOptionsMember = new(nameStart, valueStart, (int)_reader.BytesConsumed);
            return true;
        }

        private bool ReadIncludeUsage()
        {
            _request.IncludeUsage = _reader.TokenType == JsonTokenType.True;
            _request._includeUsageMember = Member();
            return _reader.TokenType is JsonTokenType.True or JsonTokenType.False or JsonTokenType.Null
                || Fail(
                    $"Invalid type for 'stream_options.include_usage': expected a boolean, but got {_reader.Found()} instead.",
                    "stream_options.include_usage",
                    "invalid_type");
        }

        private bool ReadServiceTier()
        {
            if (_reader.TokenType == JsonTokenType.Null)
            {
                return true;
            }

            if (ShortString() is not { Length: > 0 } tier)
            {
                return Fail($"Invalid 'service_tier': expected a tier's name, but got {_reader.Found()} instead.", "service_tier", "invalid_type");
            }

            _request.AddPriced(new PricedField(FieldPrice.ServiceTier, "service_tier", "service_tier", tier));
            return true;
        }

        private readonly void NoteSearch(string field)
        {
            if (_reader.TokenType is not (JsonTokenType.Null or JsonTokenType.False) && !Has("mode"u8, "off"u8))
            {
                _request.AddPriced(new PricedField(FieldPrice.Searches, field, field, field));
            }
        }

        private bool ReadChoices()
        {
            if (_reader.TokenType == JsonTokenType.Null)
            {
                return true;
            }

            if (!ReadPositive("n", _maxChoices, out var choices))
            {
                return false;
            }

            _request.Choices = choices;
            return true;
        }

        private bool ReadOutputLimit(string name, OutputLimitField field, out JsonMember member)
        {
            member = Member();
            if (_reader.TokenType == JsonTokenType.Null)
            {
                return true;
            }

            if (!ReadPositive(name, int.MaxValue, out var limit))
            {
                return false;
            }

            if (_request.MaxOutputTokens is not null)
            {
                return Fail(
                    "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.",
                    "max_tokens",
                    "invalid_parameter_combination");
            }

            (_request.MaxOutputTokens, _request.OutputLimitField) = (limit, field);
            return true;
        }

        private bool ReadPositive(string name, int most, out int value)
        {
            value = 0;
            if (_reader.TokenType != JsonTokenType.Number)
            {
                return Fail($"Invalid type for '{name}': expected an integer, but got {_reader.Found()} instead.", name, "invalid_type");
            }

            if (_reader.ValueSpan.ContainsAny((byte)'.', (byte)'e', (byte)'E'))
            {
                return Fail($"Invalid type for '{name}': expected an integer, but got a decimal number instead.", name, "invalid_type");
            }

            if (_reader.TryGetInt32(out value) && value >= 1 && value <= most)
            {
                return true;
            }

            return _reader.ValueSpan[0] == '-' || (value < 1 && _reader.ValueSpan.Length == 1)
                ? Fail($"Invalid '{name}': integer below minimum value. Expected a value >= 1.", name, "integer_below_min_value")
                : Fail($"Invalid '{name}': integer above maximum value. Expected a value <= {most}.", name, "integer_above_max_value");
        }
    }
}
