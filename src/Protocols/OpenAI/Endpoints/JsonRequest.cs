using System.Globalization;
using System.Text.Json;
using System.Text.Unicode;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Json;
using OrleansGateway.Protocols.Metering;

namespace OrleansGateway.Protocols.OpenAI.Endpoints;

/// <summary>A request whose body is a JSON object.</summary>
/// <param name="fields">What its endpoint knows.</param>
public abstract class JsonRequest(ReadOnlyMemory<byte> body, RequestFields fields) : EndpointRequest
{
    private const int MaxDepth = 64;
    private const int MaxNameBytes = 256;
    private const int MaxModelBytes = 256;
    private const int MaxMembers = 512;

    /// <summary>What these endpoints have no prices for.</summary>
    internal static readonly RequestField TierRefused = new("service_tier", FieldHandling.Refused, "other tiers of service are not sold here");

    private OpenAIError? _error;
    private JsonMember _model;
    private HashSet<string>? _seen;
    private TokenEstimate _text;
    private long _otherTokens;

    /// <summary>The body as the client sent it.</summary>
    protected ReadOnlyMemory<byte> Body => body;

    /// <summary>Whether something was found to be wrong.</summary>
    protected bool HasFailed => _error is not null;

    /// <inheritdoc/>
    public override UpstreamBody ForUpstream(in EndpointChanges changes)
    {
        var splices = default(JsonSplices);
        if (!_model.IsPresent)
        {
            splices.Replace(RootStart, RootStart, (byte[])[.. "\"model\":"u8, .. JsonBytes.Quote(changes.Model), (byte)',']);
        }
        else if (changes.Model != Model)
        {
            splices.ReplaceValue(_model, JsonBytes.Quote(changes.Model));
        }

        Splice(ref splices, changes);
        var whole = splices.Apply(body);
        var without = changes.Without;
        return without.Count == 0 || _seen is null || !without.Any(_seen.Contains)
            ? whole
            : new UpstreamBody(JsonMembers.Without(whole.Segments.SelectMany(segment => segment.ToArray()).ToArray(), without.Contains));
    }

    /// <summary>Reads the whole body.</summary>
    /// <returns>What is wrong with it, or null.</returns>
    public OpenAIError? Read()
    {
        if (!Utf8.IsValid(body.Span))
        {
            return OpenAIError.BadRequest("The body of your request is not valid UTF-8.");
        }

        var reader = new Utf8JsonReader(body.Span, new JsonReaderOptions { MaxDepth = MaxDepth });
        try
        {
            ReadRoot(ref reader);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return _error ?? OpenAIError.BadRequest("We could not parse the JSON body of your request: " + reader.Wrong(e, body.Length));
        }

        if (!HasFailed && Model.Length == 0)
        {
            Model = ModelWithoutOne ?? "";
            if (Model.Length == 0)
            {
                Missing("model");
            }
        }

        TextBytes += _text.Bytes;
        EstimatedInputTokens += _text.Tokens + _otherTokens;
        if (!HasFailed)
        {
            CheckWhole();
        }

        return _error;
    }

    /// <summary>Reads the value of a field that the endpoint knows; the reader stands on its first token and is left on its last.</summary>
    protected abstract void ReadField(string name, ref Utf8JsonReader reader);

    /// <summary>The model of a request that names none; null when it has to.</summary>
    protected virtual string? ModelWithoutOne => null;

    /// <summary>Checks what only the whole request shows.</summary>
    protected virtual void CheckWhole()
    {
    }

    /// <summary>Adds what else is changed for a channel.</summary>
    private protected virtual void Splice(ref JsonSplices splices, in EndpointChanges changes)
    {
    }

    /// <summary>Where the body's first member begins.</summary>
    private protected int RootStart { get; private set; }

    /// <summary>Where the member stands whose value the reader has just read.</summary>
    private protected JsonMember Member(int valueStart, in Utf8JsonReader reader) => new(NameStart, valueStart, (int)reader.BytesConsumed);

    /// <summary>Where the name of the field that is being read begins.</summary>
    private protected int NameStart { get; private set; }

    /// <summary>Whether the body has the field.</summary>
    protected bool Has(string name) => _seen?.Contains(name) == true;

    /// <summary>Notes what is wrong; the first counts.</summary>
    protected void Fail(string message, string? param, string? code) => _error ??= OpenAIError.BadRequest(message, param, code);

    /// <summary>Notes that a field names what its client was not given.</summary>
    protected void FailNotKept(string message, string param) => _error ??= OpenAIError.NotFound(message, param);

    /// <summary>Notes that a field is missing.</summary>
    protected void Missing(string name) => Fail($"Missing required parameter: '{name}'.", name, "missing_required_parameter");

    /// <summary>Notes a value of a wrong type.</summary>
    protected void WrongType(string name, string expected, in Utf8JsonReader reader) =>
        Fail($"Invalid type for '{name}': expected {expected}, but got {reader.Found()} instead.", name, "invalid_type");

    /// <summary>Reads a text; null when it is none.</summary>
    protected string? ReadText(string name, ref Utf8JsonReader reader)
    {
        if (reader.TokenType == JsonTokenType.String)
        {
            return reader.GetString();
        }

        if (reader.TokenType != JsonTokenType.Null)
        {
            WrongType(name, "a string", reader);
        }

        return null;
    }

    /// <summary>Reads a text and counts it as input.</summary>
    protected string? ReadInput(string name, ref Utf8JsonReader reader)
    {
        Count(reader);
        return ReadText(name, ref reader);
    }

    /// <summary>Reads true or false; null is false.</summary>
    protected bool ReadFlag(string name, ref Utf8JsonReader reader)
    {
        if (reader.TokenType is not (JsonTokenType.True or JsonTokenType.False or JsonTokenType.Null))
        {
            WrongType(name, "a boolean", reader);
        }

        return reader.TokenType == JsonTokenType.True;
    }

    /// <summary>Reads a whole number; null when it is null.</summary>
    protected int? ReadNumber(string name, ref Utf8JsonReader reader, int least, int most)
    {
        if (reader.TokenType == JsonTokenType.Null)
        {
            return null;
        }

        if (reader.TokenType != JsonTokenType.Number || reader.ValueSpan.ContainsAny((byte)'.', (byte)'e', (byte)'E'))
        {
            WrongType(name, "an integer", reader);
            return null;
        }

        if (reader.TryGetInt32(out var value) && value >= least && value <= most)
        {
            return value;
        }

        var isBelow = reader.ValueSpan[0] == '-' || (reader.TryGetInt32(out value) && value < least);
        Fail(
            isBelow
                ? $"Invalid '{name}': integer below minimum value. Expected a value >= {least}."
                : string.Create(CultureInfo.InvariantCulture, $"Invalid '{name}': integer above maximum value. Expected a value <= {most}."),
            name,
            isBelow ? "integer_below_min_value" : "integer_above_max_value");
        return null;
    }

    /// <summary>Counts a string that the reader stands on as input.</summary>
    protected void Count(in Utf8JsonReader reader)
    {
        if (reader.TokenType == JsonTokenType.String)
        {
            _text.AddJson(reader.ValueSpan);
        }
    }

    /// <summary>Counts input that is told in tokens, or by its length.</summary>
    protected void CountTokens(long tokens)
    {
        TextBytes += tokens;
        _otherTokens += tokens;
    }

    /// <summary>Passes over a value, and counts it as input by its length.</summary>
    protected void SkipInput(ref Utf8JsonReader reader)
    {
        var start = reader.TokenStartIndex;
        reader.Skip();
        CountTokens(reader.BytesConsumed - start);
    }

    /// <summary>Reads texts or tokens: a string, strings, token ids, or lists of token ids.</summary>
    /// <param name="most">How many there may be.</param>
    /// <returns>How many there are.</returns>
    protected int ReadTexts(string name, ref Utf8JsonReader reader, int most)
    {
        if (reader.TokenType == JsonTokenType.String)
        {
            Count(reader);
            return 1;
        }

        if (reader.TokenType != JsonTokenType.StartArray)
        {
            WrongType(name, "a string or an array", reader);
            return 0;
        }

        var (count, tokens, first) = (0, 0L, JsonTokenType.None);
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray && !HasFailed)
        {
            first = first == JsonTokenType.None ? reader.TokenType : first;
            if (reader.TokenType != first || first is not (JsonTokenType.String or JsonTokenType.Number or JsonTokenType.StartArray))
            {
                WrongType($"{name}[{Math.Max(count, (int)Math.Min(tokens, int.MaxValue))}]", "strings, token ids or arrays of token ids, all of one kind", reader);
                return count;
            }

            switch (first)
            {
                case JsonTokenType.String:
                    Count(reader);
                    count++;
                    break;
                case JsonTokenType.Number:
                    CheckToken(name, reader);
                    tokens++;
                    break;
                default:
                    tokens += ReadTokens($"{name}[{count}]", ref reader);
                    count++;
                    break;
            }

            if (count > most)
            {
                Fail($"Invalid '{name}': array too long. Expected an array with maximum length {most}.", name, "array_above_max_length");
            }
        }

        CountTokens(tokens);
        if (!HasFailed && first == JsonTokenType.None)
        {
            Fail($"Invalid '{name}': empty array. Expected an array with minimum length 1.", name, "empty_array");
        }

        return first == JsonTokenType.Number ? 1 : count;
    }

    private long ReadTokens(string name, ref Utf8JsonReader reader)
    {
        var count = 0L;
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray && !HasFailed)
        {
            if (reader.TokenType != JsonTokenType.Number)
            {
                WrongType(name, "token ids", reader);
                return count;
            }

            CheckToken(name, reader);
            count++;
        }

        return count;
    }

    private void CheckToken(string name, in Utf8JsonReader reader)
    {
        if (!reader.TryGetInt32(out var id) || id < 0)
        {
            Fail($"Invalid '{name}': a token id is a whole number from 0.", name, "invalid_value");
        }
    }

    private void ReadRoot(ref Utf8JsonReader reader)
    {
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            Fail($"Invalid body: expected a JSON object, but got {reader.Found()} instead.", null, "invalid_type");
            return;
        }

        RootStart = (int)reader.BytesConsumed;
        _seen = new(StringComparer.Ordinal);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            NameStart = (int)reader.TokenStartIndex;
            if (reader.ValueSpan.Length > MaxNameBytes || _seen.Count == MaxMembers)
            {
                Fail("Too many parameters, or one with too long a name.", null, "unknown_parameter");
                return;
            }

            var name = reader.GetString()!;
            CheckName(name);
            reader.Read();
            if (HasFailed)
            {
                return;
            }

            if (name == "model")
            {
                ReadModel(ref reader);
            }
            else if (fields.Of(name) is null)
            {
                AddUnknown(name);
                SkipInput(ref reader);
            }
            else if (fields.Of(name) == FieldHandling.Refused)
            {
                Refuse(name, ref reader);
            }
            else
            {
                ReadField(name, ref reader);
            }

            if (HasFailed)
            {
                return;
            }

            // A value that was not read is passed over.
            reader.Skip();
        }

        reader.Read();
    }

    private void CheckName(string name)
    {
        if (!_seen!.Add(name))
        {
            Fail($"Duplicate parameter: '{Shown(name)}'.", Shown(name), "duplicate_parameter");
        }

        // Go's decoder, behind many providers, matches names by Unicode case folding: it would read what is not bounded here.
        var folded = name.Replace('\u017F', 's').Replace('\u212A', 'k').ToLowerInvariant();
        if (folded != name && fields.Of(folded) is not null)
        {
            Fail($"Unknown parameter: '{Shown(name)}'. Did you mean '{folded}'?", Shown(name), "unknown_parameter");
        }
    }

    private void Refuse(string name, ref Utf8JsonReader reader)
    {
        if (reader.TokenType is not (JsonTokenType.Null or JsonTokenType.False))
        {
            Fail($"'{name}' is not available here: what it costs cannot be told. Send the request without it.", name, "unsupported_parameter");
        }
    }

    private void ReadModel(ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.String)
        {
            if (reader.TokenType == JsonTokenType.Null)
            {
                Missing("model");
            }
            else
            {
                WrongType("model", "a string", reader);
            }
        }
        else if (reader.ValueSpan.Length > MaxModelBytes)
        {
            Fail($"Invalid 'model': string too long. Expected at most {MaxModelBytes} bytes.", "model", "string_above_max_length");
        }
        else
        {
            Model = reader.GetString()!;
            _model = Member((int)reader.TokenStartIndex, reader);
            if (Model.Length == 0)
            {
                Missing("model");
            }
        }
    }

    private static string Shown(string name) => name.Length <= 64 ? name : name[..64] + "…";
}
