using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Json;

namespace OrleansGateway.Protocols.OpenAI;

public sealed partial class ChatRequest
{
    private const int MaxModelBytes = 256;
    private const int MaxNameBytes = 256;
    private const int MaxUnknownNames = 256;

    private JsonMember _modelMember;
    private JsonMember _streamOptionsMember;
    private JsonMember _includeUsageMember;
    private bool _streamOptionsIsObject;
    private bool _streamOptionsIsEmpty;
    private JsonMember _maxTokensMember;
    private JsonMember _maxCompletionTokensMember;
    private JsonMember _effortMember;
    private bool _saysThinking;
    private bool _saysStore;
    private int _rootStart;

    /// <summary>One pass over the body. Methods that read a value start on its first token and end on its last.</summary>
    private ref partial struct Scanner
    {
        private static readonly byte[][] Names =
        [
            "model"u8.ToArray(), "messages"u8.ToArray(), "stream"u8.ToArray(), "stream_options"u8.ToArray(), "n"u8.ToArray(),
            "max_tokens"u8.ToArray(), "max_completion_tokens"u8.ToArray(), "tools"u8.ToArray(), "functions"u8.ToArray(),
            "modalities"u8.ToArray(), "audio"u8.ToArray(), "prediction"u8.ToArray(), "reasoning_effort"u8.ToArray(),
            "service_tier"u8.ToArray(), "web_search_options"u8.ToArray(), "enable_search"u8.ToArray(), "search_parameters"u8.ToArray(),
            "search_options"u8.ToArray(),
        ];

        private readonly ChatRequest _request;
        private readonly int _maxChoices;
        private Utf8JsonReader _reader;
        private OpenAIError? _error;
        private int _seen;
        private HashSet<string>? _others;
        private int _nameStart;
        private int _part;
        private PromptCount _count;

        public Scanner(ChatRequest request, int maxChoices)
        {
            _request = request;
            _maxChoices = maxChoices;
            _reader = new(request.Body.Span, new JsonReaderOptions { MaxDepth = MaxDepth });
        }

        public OpenAIError? Run()
        {
            if (!Utf8.IsValid(_request.Body.Span))
            {
                return OpenAIError.BadRequest("The body of your request is not valid UTF-8.");
            }

            try
            {
                return ReadRoot() ? CheckWhole() : _error;
            }
            catch (Exception e) when (e is JsonException or InvalidOperationException)
            {
                return OpenAIError.BadRequest("We could not parse the JSON body of your request: " + _reader.Wrong(e, _request.Body.Length));
            }
        }

        private bool ReadRoot()
        {
            _reader.Read();
            if (_reader.TokenType != JsonTokenType.StartObject)
            {
                return Fail($"Invalid body: expected a JSON object, but got {_reader.Found()} instead.", null, "invalid_type");
            }

            _request._rootStart = (int)_reader.BytesConsumed;
            while (_reader.Read() && _reader.TokenType == JsonTokenType.PropertyName)
            {
                _nameStart = (int)_reader.TokenStartIndex;
                var known = FindName();
                if (_error is not null || !ReadMember(known))
                {
                    return false;
                }
            }

            return !_reader.Read();
        }

        /// <summary>The index of the known name, or -1. Refuses a name seen before, and one that only differs in case.</summary>
        private int FindName()
        {
            if (_reader.ValueSpan.Length > MaxNameBytes)
            {
                Fail($"Invalid parameter: its name is longer than {MaxNameBytes} bytes.", null, "unknown_parameter");
                return -1;
            }

            ReadOnlySpan<byte> name = _reader.ValueIsEscaped ? Encoding.UTF8.GetBytes(_reader.GetString()!) : _reader.ValueSpan;
            for (var i = 0; i < Names.Length; i++)
            {
                if (name.SequenceEqual(Names[i]))
                {
                    if ((_seen & (1 << i)) != 0)
                    {
                        Fail($"Duplicate parameter: '{Encoding.ASCII.GetString(name)}'.", Encoding.ASCII.GetString(name), "duplicate_parameter");
                    }

                    _seen |= 1 << i;
                    return i;
                }
            }

            if (!IsFolded(name, Names, ""))
            {
                FindOtherName(Encoding.UTF8.GetString(name));
            }

            return -1;
        }

        private void FindOtherName(string name)
        {
            _others ??= new(StringComparer.Ordinal);
            if (_others.Count == MaxUnknownNames)
            {
                Fail($"Too many parameters: more than {MaxUnknownNames} are not known here.", null, "unknown_parameter");
            }
            else if (!_others.Add(name))
            {
                var shown = name.Length <= 64 ? name : name[..64];
                Fail($"Duplicate parameter: '{shown}'.", shown, "duplicate_parameter");
            }
            else if (ChatFields.Table.Of(name) is null)
            {
                _request.AddUnknown(name);
            }
        }

        private bool ReadMember(int known)
        {
            _reader.Read();
            switch (known)
            {
                case 0: return ReadModel();
                case 1: return ReadMessages();
                case 2: return ReadStream();
                case 3: return ReadStreamOptions();
                case 4: return ReadChoices();
                case 5: return ReadOutputLimit("max_tokens", OutputLimitField.MaxTokens, out _request._maxTokensMember);
                case 6: return ReadOutputLimit("max_completion_tokens", OutputLimitField.MaxCompletionTokens, out _request._maxCompletionTokensMember);
                case 7 or 8: return ReadTools(known == 8);
                case 9: ReadModalities(); return true;
                case 10: NoteAudio(); break;
                case 11: ReadPrediction(); return true;
                case 12: _request._effortMember = _reader.TokenType == JsonTokenType.String ? Member() : default; break;
                case 13: return ReadServiceTier();
                case 14: NoteSearch("web_search_options"); break;
                case 15: NoteSearch("enable_search"); break;
                case 16: NoteSearch("search_parameters"); break;
                case 17: NoteSearch("search_options"); break;
                default: break;
            }

            _count.Value(ref _reader, withStructure: true);
            return true;
        }

        private void NoteAudio()
        {
            _request.HasAudioOutput |= _reader.TokenType != JsonTokenType.Null;
            var audio = _reader;
            if (audio.TokenType != JsonTokenType.StartObject)
            {
                return;
            }

            while (audio.Read() && audio.TokenType == JsonTokenType.PropertyName)
            {
                var isVoice = audio.ValueTextEquals("voice"u8);
                audio.Read();
                if (isVoice && audio.TokenType == JsonTokenType.StartObject)
                {
                    _error ??= OpenAIError.NotFound("'audio.voice' must be a name: a voice by its id belongs to the provider's account.", "audio.voice");
                }

                audio.Skip();
            }
        }

        private OpenAIError? CheckWhole()
        {
            if (_request.Model.Length == 0)
            {
                Missing("model");
            }
            else if ((_seen & 2) == 0)
            {
                Missing("messages");
            }
            else if (_request._streamOptionsIsObject && !_request.Stream)
            {
                Fail("The 'stream_options' parameter is only allowed when 'stream' is enabled.", "stream_options", null);
            }

            _request._saysStore = _others?.Contains("store") == true;
            _request._saysThinking = _others is not null && (_others.Contains("thinking") || _others.Contains("enable_thinking"));
            _request.TakeCount(_count);
            return _error;
        }

        private readonly JsonMember Member() => new(_nameStart, (int)_reader.TokenStartIndex, (int)_reader.BytesConsumed);

        private bool Missing(string name) => Fail($"Missing required parameter: '{name}'.", name, "missing_required_parameter");

        private bool Fail(string message, string? param, string? code)
        {
            _error ??= OpenAIError.BadRequest(message, param, code);
            return false;
        }
    }
}
