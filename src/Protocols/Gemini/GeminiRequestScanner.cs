using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Json;

namespace OrleansGateway.Protocols.Gemini;

public sealed partial class GeminiRequest
{
    private const int MaxUnknownNames = 256;

    /// <summary>One pass over the body. Methods that read a value start on its first token and end on its last.</summary>
    private ref partial struct Scanner
    {
        private static readonly GeminiNames InRoot = new(GeminiFields.Table.All.Select(static field => field.Name));
        private static readonly GeminiNames InCount = new("contents", "generateContentRequest", "model");
        private static readonly GeminiNames InBatch = new("requests");
        private static readonly GeminiNames InEmbed =
            new("model", "content", "taskType", "title", "outputDimensionality", "autoTruncate", "embedContentConfig", "config");

        private static readonly GeminiNames InConfig = new(
            "maxOutputTokens", "candidateCount", "responseModalities", "mediaResolution", "imageConfig", "speechConfig");

        private readonly GeminiRequest _request;
        private readonly List<ImageSize> _pictures = [];
        private Utf8JsonReader _reader;
        private GeminiRefusal? _error;
        private PromptCount _count;
        private bool _hasResolution;

        public Scanner(GeminiRequest request)
        {
            _request = request;
            _reader = new(request.Body.Span, new JsonReaderOptions { MaxDepth = MaxDepth });
        }

        public GeminiRefusal? Run()
        {
            if (_request.Model.Length is 0 or > 256)
            {
                return new("The model's name in the URL is empty or longer than 256 characters.", "model", "invalid_value");
            }

            if (!Utf8.IsValid(_request.Body.Span))
            {
                return new("The request's body is not valid UTF-8.");
            }

            try
            {
                return ReadRoot() ? Finish() : _error;
            }
            catch (Exception e) when (e is JsonException or InvalidOperationException)
            {
                return new("Invalid JSON payload received: " + _reader.Wrong(e, _request.Body.Length));
            }
        }

        private bool ReadRoot()
        {
            _reader.Read();
            if (_reader.TokenType != JsonTokenType.StartObject)
            {
                return Fail($"Invalid request: a JSON object is expected, but it is {_reader.Found()}.", null, "invalid_type");
            }

            _request._rootStart = (int)_reader.BytesConsumed;
            var isRead = _request.Method switch
            {
                GeminiMethod.CountTokens => ReadMembers("", InCount, "contents", 0),
                GeminiMethod.Embed => ReadMembers("", InEmbed, "content", 0),
                GeminiMethod.BatchEmbed => ReadMembers("", InBatch, "requests", 0),
                _ => ReadMembers("", InRoot, "contents", 0),
            };
            return isRead && !_reader.Read();
        }

        /// <summary>Reads the members of the object that the reader stands on.</summary>
        /// <param name="path">Where it stands.</param>
        /// <param name="required">The member that it must have.</param>
        /// <param name="depth">How many requests it stands in.</param>
        private bool ReadMembers(string path, GeminiNames names, string required, int depth)
        {
            var seen = default(Seen);
            var (hasRequired, hasOther) = (false, false);
            while (_reader.Read() && _reader.TokenType == JsonTokenType.PropertyName)
            {
                var start = (int)_reader.TokenStartIndex;
                if (!FindName(path, names, ref seen, out var name))
                {
                    return false;
                }

                _reader.Read();
                hasRequired |= name == required;
                hasOther |= name == "generateContentRequest";
                if (!ReadMember(path, name, start, depth))
                {
                    return false;
                }
            }

            return hasRequired || hasOther
                || Fail($"'{path}{required}' is missing: it is required.", path + required, "missing_required_parameter");
        }

        private bool ReadMember(string path, string? name, int start, int depth)
        {
            switch (name)
            {
                case "model":
                    return ReadModel(path, start);
                case "contents":
                    return ReadContents(path);
                case "content" or "systemInstruction":
                    return _reader.TokenType == JsonTokenType.Null || ReadContent(path + name);
                case "tools":
                    return ReadTools(path);
                case "generationConfig" when depth == 0:
                    return ReadConfig(start);
                case "store":
                    _request.AsksToStore = _reader.TokenType == JsonTokenType.True;
                    _reader.Skip();
                    return true;
                case "serviceTier":
                    return ReadTier(path);
                case "cachedContent":
                    return _reader.TokenType == JsonTokenType.Null || FailNotKept(
                        $"'{path}cachedContent' was not found: send the contents themselves; providers cache what repeats on their own.", path + "cachedContent");
                case "requests":
                    return ReadRequests();
                case "generateContentRequest" when depth == 0:
                    return _reader.TokenType == JsonTokenType.StartObject
                        ? ReadMembers("generateContentRequest.", InRoot, "contents", 1)
                        : Expected("an object", "generateContentRequest");
                default:
                    _count.Value(ref _reader, withStructure: true);
                    return true;
            }
        }

        /// <summary>Finds out which member it is, and refuses one that is there twice or only folds to a known one.</summary>
        private bool FindName(string path, GeminiNames names, ref Seen seen, out string? name)
        {
            name = null;
            if (_reader.ValueSpan.Length > 256)
            {
                return Fail("Invalid JSON payload received: a field's name is longer than 256 bytes.", null, "unknown_parameter");
            }

            name = names.Find(_reader.ValueIsEscaped ? Encoding.UTF8.GetBytes(_reader.GetString()!) : _reader.ValueSpan, out var bit, out var isMisspelled);
            if (isMisspelled)
            {
                return Fail($"Unknown name '{path}{Given()}'. Did you mean '{path}{name}'?", path + Given(), "unknown_parameter");
            }

            if (!(name is null ? (seen.Others ??= new(StringComparer.Ordinal)).Add(_reader.GetString()!) : (seen.Known & bit) == 0))
            {
                return Fail($"'{path}{Given()}' is there twice.", path + Given(), "duplicate_parameter");
            }

            seen.Known |= bit;
            if (name is null && path.Length == 0)
            {
                if (seen.Others!.Count > MaxUnknownNames)
                {
                    return Fail($"More than {MaxUnknownNames} fields are not known here.", null, "unknown_parameter");
                }

                _request.AddUnknown(_reader.GetString()!);
            }

            return true;
        }

        private readonly string Given() => _reader.GetString() is { Length: > 64 } name ? name[..64] : _reader.GetString()!;

        /// <summary>The body may name the model once more; it must be the path's.</summary>
        private bool ReadModel(string path, int start)
        {
            if (_reader.TokenType == JsonTokenType.Null)
            {
                return true;
            }

            if (_reader.TokenType != JsonTokenType.String)
            {
                return Expected("a string", path + "model");
            }

            var name = _reader.GetString()!;
            const string Prefix = "models/";
            name = name.StartsWith(Prefix, StringComparison.Ordinal) ? name[Prefix.Length..] : name;
            if (name != _request.Model)
            {
                return Fail($"'{path}model' must name the model of the URL.", path + "model", "invalid_value");
            }

            _request._models.Add(new(start, (int)_reader.TokenStartIndex, (int)_reader.BytesConsumed));
            return true;
        }

        private bool ReadRequests()
        {
            if (_reader.TokenType != JsonTokenType.StartArray)
            {
                return Expected("an array", "requests");
            }

            var number = 0;
            for (; _reader.Read() && _reader.TokenType != JsonTokenType.EndArray; number++)
            {
                if (_reader.TokenType != JsonTokenType.StartObject)
                {
                    return Expected("an object", $"requests[{number}]");
                }

                if (!ReadMembers($"requests[{number}].", InEmbed, "content", 1))
                {
                    return false;
                }
            }

            _request.Inputs = Math.Max(1, number);
            return number > 0 || Fail("'requests' is empty.", "requests", "empty_array");
        }

        private bool ReadConfig(int start)
        {
            if (_reader.TokenType == JsonTokenType.Null)
            {
                _request._config = new(start, (int)_reader.TokenStartIndex, (int)_reader.BytesConsumed);
                return true;
            }

            if (_reader.TokenType != JsonTokenType.StartObject)
            {
                return Expected("an object", "generationConfig");
            }

            var valueStart = (int)_reader.TokenStartIndex;
            var seen = default(Seen);
            while (_reader.Read() && _reader.TokenType == JsonTokenType.PropertyName)
            {
                var memberStart = (int)_reader.TokenStartIndex;
                if (!FindName("generationConfig.", InConfig, ref seen, out var name))
                {
                    return false;
                }

                _reader.Read();
                switch (name)
                {
                    case "maxOutputTokens":
                        _request._maxOutput = new(memberStart, (int)_reader.TokenStartIndex, (int)_reader.BytesConsumed);
                        if (!ReadPositive("generationConfig.maxOutputTokens", int.MaxValue, out var limit))
                        {
                            return false;
                        }

                        _request.MaxOutputTokens = limit;
                        continue;
                    case "candidateCount":
                        if (!ReadPositive("generationConfig.candidateCount", int.MaxValue, out var count))
                        {
                            return false;
                        }

                        _request.Choices = count ?? 1;
                        continue;
                    case "responseModalities":
                        if (!ReadModalities())
                        {
                            return false;
                        }

                        continue;
                    case "mediaResolution":
                        _hasResolution = true;
                        break;
                    case "imageConfig":
                        _request.HasImageOutput |= _reader.TokenType != JsonTokenType.Null;
                        break;
                    default:
                        break;
                }

                // A schema is shown to the model.
                _count.Value(ref _reader, withStructure: true);
            }

            _request._config = new(start, valueStart, (int)_reader.BytesConsumed);
            return true;
        }

        private bool ReadModalities()
        {
            if (_reader.TokenType == JsonTokenType.Null)
            {
                return true;
            }

            if (_reader.TokenType != JsonTokenType.StartArray)
            {
                return Expected("an array of names", "generationConfig.responseModalities");
            }

            while (_reader.Read() && _reader.TokenType != JsonTokenType.EndArray)
            {
                var name = _reader.TokenType == JsonTokenType.String && _reader.ValueSpan.Length <= 64 ? _reader.GetString()! : "";
                switch (name.ToUpperInvariant())
                {
                    case "TEXT" or "MODALITY_UNSPECIFIED":
                        break;
                    case "IMAGE":
                        _request.HasImageOutput = true;
                        break;
                    case "AUDIO":
                        _request.HasAudioOutput = true;
                        break;
                    default:
                        return Fail(
                            "'generationConfig.responseModalities' may have TEXT, IMAGE and AUDIO.", "generationConfig.responseModalities", "invalid_value");
                }
            }

            return true;
        }

        private bool ReadTier(string path)
        {
            if (_reader.TokenType == JsonTokenType.Null)
            {
                return true;
            }

            if (_reader.TokenType != JsonTokenType.String || _reader.ValueSpan.Length is 0 or > 64)
            {
                return Expected("a tier's name", path + "serviceTier");
            }

            _request.AddPriced(new PricedField(FieldPrice.ServiceTier, "serviceTier", path + "serviceTier", GeminiTiers.Name(_reader.GetString()!)));
            return true;
        }

        private bool ReadPositive(string field, int most, out int? value)
        {
            value = null;
            if (_reader.TokenType == JsonTokenType.Null)
            {
                return true;
            }

            // As everywhere in Google's JSON, a number may as well be written as a string.
            if (_reader.TokenType is not (JsonTokenType.Number or JsonTokenType.String))
            {
                return Expected("an integer", field);
            }

            if (!int.TryParse(_reader.ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture, out var number) || number < 1 || number > most)
            {
                return Fail($"'{field}' must be a whole number from 1 to {most}.", field, "invalid_value");
            }

            value = number;
            return true;
        }

        private GeminiRefusal? Finish()
        {
            foreach (var size in _pictures)
            {
                // How closely a picture is looked at, not its size, says what it counts then.
                _request.AddImageSize(_hasResolution ? default : size);
            }

            _request.TakeCount(_count);
            return _error;
        }

        private bool Expected(string what, string field) => Fail($"'{field}' must be {what}, but it is {_reader.Found()}.", field, "invalid_type");

        private bool Fail(string message, string? field, string? code)
        {
            _error ??= new(message, field, code);
            return false;
        }

        private bool FailNotKept(string message, string field)
        {
            _error ??= new(message, field, "not_found", IsMissingId: true);
            return false;
        }

        /// <summary>The names of one object so far.</summary>
        private ref struct Seen
        {
            public uint Known;
            public HashSet<string>? Others;
        }
    }
}
