using System.Text.Json;
using System.Text.Unicode;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Json;

namespace OrleansGateway.Protocols.Anthropic;

public sealed partial class MessagesRequest
{
    private const int MaxModelBytes = 256;
    private const int MaxNameBytes = 256;
    private const int MaxNames = 256;

    /// <summary>Bytes that stand for what the provider tells the model of a tool of its own design, which the client runs.</summary>
    private const int DefinedToolBytes = 2048;

    /// <summary>Bytes that stand for what the provider tells the model of tools in general.</summary>
    private const int ToolPromptBytes = 1024;

    /// <summary>One pass over the body. Methods that read a value start on its first token and end on its last.</summary>
    private ref partial struct Scanner
    {
        private readonly MessagesRequest _request;
        private Utf8JsonReader _reader;
        private MessagesError? _error;
        private int _nameStart;
        private PromptCount _count;

        public Scanner(MessagesRequest request)
        {
            _request = request;
            _reader = new(request.Body.Span, new JsonReaderOptions { MaxDepth = MaxDepth });
        }

        public MessagesError? Run()
        {
            if (!Utf8.IsValid(_request.Body.Span))
            {
                return new MessagesError("The request body is not valid UTF-8.", null);
            }

            try
            {
                return ReadRoot() ? CheckWhole() : _error;
            }
            catch (Exception e) when (e is JsonException or InvalidOperationException)
            {
                return new MessagesError("The request body is not valid JSON: " + _reader.Wrong(e, _request.Body.Length), null);
            }
        }

        private bool ReadRoot()
        {
            _reader.Read();
            if (_reader.TokenType != JsonTokenType.StartObject)
            {
                return Fail($"The request body: expected an object, but got {Found()}.", null);
            }

            var names = new HashSet<string>(StringComparer.Ordinal);
            while (_reader.Read() && _reader.TokenType == JsonTokenType.PropertyName)
            {
                if (_reader.ValueSpan.Length > MaxNameBytes || names.Count == MaxNames)
                {
                    return Fail("The request body has too many fields, or one with a name that is too long.", null);
                }

                _nameStart = (int)_reader.TokenStartIndex;
                var name = _reader.GetString()!;
                if (!names.Add(name))
                {
                    return Fail($"{Shown(name)}: the field is there twice.", Shown(name));
                }

                if (MessagesFields.Table.Of(name) is null)
                {
                    if (Folded(name) is { } known && MessagesFields.Table.Of(known) is not null)
                    {
                        return Fail($"{Shown(name)}: unknown field. Did you mean '{known}'?", Shown(name));
                    }

                    _request.AddUnknown(name);
                }

                _reader.Read();
                if (!ReadMember(name))
                {
                    return false;
                }
            }

            return !_reader.Read();
        }

        private bool ReadMember(string name)
        {
            switch (name)
            {
                case "model": return ReadModel();
                case "messages": return ReadMessages();
                case "tools": return ReadTools();
                case "max_tokens": return ReadMaxTokens();
                case "stream": return ReadStream();
                case "service_tier": return ReadPricedWord(name, FieldPrice.ServiceTier, "auto", "standard_only");
                case "speed": return ReadPricedWord(name, FieldPrice.ServiceTier, "standard", null);
                case "inference_geo": return ReadPricedWord(name, FieldPrice.HostedTool, "global", null);
                case "thread" or "previous_message_id" when _reader.TokenType != JsonTokenType.Null:
                    return Fail($"{name}: conversations are not kept here. Send the whole conversation in 'messages'.", "thread", ThreadUnsupported);
                case "container" when NamesContainer():
                    return Fail("container: not found. Containers are not kept here.", "container", isMissingId: true);
                case "container" or "fallbacks" or "mcp_servers" when !IsNothing():
                    _request.AddPriced(new PricedField(FieldPrice.HostedTool, name, name, name));
                    break;
                case "context_management": NoteCompaction(); break;
                case "thinking": NoteThinking(); break;
                default: break;
            }

            _count.Value(ref _reader, withStructure: true);
            return true;
        }

        private MessagesError? CheckWhole()
        {
            if (_request.Model.Length == 0)
            {
                Fail("model: Field required", "model");
            }
            else if (_request.MessageCount == 0)
            {
                Fail("messages: Field required. At least one message is expected.", "messages");
            }
            else if (_request.MaxOutputTokens is null && !_request.IsFree)
            {
                Fail("max_tokens: Field required", "max_tokens");
            }

            _count.Structure(_request.ToolCount > 0 ? ToolPromptBytes : 0);
            _request.TakeCount(_count);
            return _error;
        }

        private bool ReadModel()
        {
            if (_reader.TokenType != JsonTokenType.String || _reader.ValueSpan.Length is 0 or > MaxModelBytes)
            {
                return Fail($"model: expected a model's name, but got {Found()}.", "model");
            }

            (_request.Model, _request._modelMember) = (_reader.GetString()!, Member());
            return true;
        }

        private bool ReadStream()
        {
            _request.Stream = _reader.TokenType == JsonTokenType.True && !_request.IsFree;
            return _reader.TokenType is JsonTokenType.True or JsonTokenType.False or JsonTokenType.Null
                || Fail($"stream: Input should be a valid boolean, but got {Found()}.", "stream");
        }

        private bool ReadMaxTokens()
        {
            if (_reader.TokenType == JsonTokenType.Null)
            {
                return true;
            }

            if (_reader.TokenType != JsonTokenType.Number || !_reader.TryGetInt32(out var limit) || limit < 0)
            {
                return Fail("max_tokens: Input should be a valid integer, greater than or equal to 0.", "max_tokens");
            }

            (_request.MaxOutputTokens, _request._maxTokensMember) = (limit, Member());
            return true;
        }

        /// <summary>A word that buys something unless it is one of the usual ones.</summary>
        private bool ReadPricedWord(string name, FieldPrice price, string usual, string? otherUsual)
        {
            if (_reader.TokenType == JsonTokenType.Null)
            {
                return true;
            }

            if (_reader.TokenType != JsonTokenType.String || _reader.ValueSpan.Length is 0 or > 64)
            {
                return Fail($"{name}: Input should be a valid string, but got {Found()}.", name);
            }

            _request.AsksSpeed |= name == "speed";
            var value = _reader.GetString()!;
            if (value != usual && value != otherUsual)
            {
                // One request has one tier: a price for two of them at once there is not.
                var isSecond = price == FieldPrice.ServiceTier && _request.PricedFields.Any(static field => field.Price == FieldPrice.ServiceTier);
                _request.AddPriced(new PricedField(isSecond ? FieldPrice.HostedTool : price, name, name, value));
            }

            return true;
        }

        /// <summary>A compaction is a call of the model of its own.</summary>
        private readonly void NoteCompaction()
        {
            var look = _reader;
            var depth = look.CurrentDepth;
            while (look.TokenType is JsonTokenType.StartObject or JsonTokenType.StartArray or JsonTokenType.PropertyName || look.CurrentDepth > depth)
            {
                if (!look.Read() || (look.CurrentDepth == depth && look.TokenType is JsonTokenType.EndObject or JsonTokenType.EndArray))
                {
                    return;
                }

                if (look.TokenType == JsonTokenType.String && look.GetString()!.StartsWith("compact", StringComparison.Ordinal))
                {
                    _request.AddPriced(new PricedField(FieldPrice.HostedTool, "context_management", "context_management", look.GetString()!));
                    return;
                }
            }
        }

        private readonly void NoteThinking()
        {
            var look = _reader;
            if (look.TokenType != JsonTokenType.StartObject)
            {
                return;
            }

            var start = (int)look.TokenStartIndex;
            while (look.Read() && look.TokenType == JsonTokenType.PropertyName)
            {
                var isBudget = look.ValueTextEquals("budget_tokens"u8);
                look.Read();
                if (isBudget && look.TokenType == JsonTokenType.Number && look.TryGetInt64(out var budget))
                {
                    _request._thinkingBudget = budget;
                }

                look.Skip();
            }

            _request._thinkingMember = new(_nameStart, start, (int)look.BytesConsumed);
        }

        /// <summary>Whether it is the id of a container, or has one.</summary>
        private readonly bool NamesContainer()
        {
            var look = _reader;
            if (look.TokenType != JsonTokenType.StartObject)
            {
                return look.TokenType == JsonTokenType.String;
            }

            while (look.Read() && look.TokenType == JsonTokenType.PropertyName)
            {
                var isId = look.ValueTextEquals("id"u8);
                look.Read();
                if (isId && look.TokenType == JsonTokenType.String)
                {
                    return true;
                }

                look.Skip();
            }

            return false;
        }

        /// <summary>Whether the value is null or an empty list.</summary>
        private readonly bool IsNothing()
        {
            var look = _reader;
            return look.TokenType == JsonTokenType.Null || (look.TokenType == JsonTokenType.StartArray && look.Read() && look.TokenType == JsonTokenType.EndArray);
        }

        private bool ReadTools()
        {
            if (_reader.TokenType != JsonTokenType.StartArray)
            {
                return _reader.TokenType == JsonTokenType.Null || Fail($"tools: Input should be a valid list, but got {Found()}.", "tools");
            }

            while (_reader.Read() && _reader.TokenType != JsonTokenType.EndArray)
            {
                var number = _request.ToolCount++;
                if (_reader.TokenType != JsonTokenType.StartObject)
                {
                    return Fail($"tools.{number}: Input should be a valid dictionary, but got {Found()}.", $"tools.{number}");
                }

                string? type = null;
                var types = 0;
                var (start, uses, limit) = ((int)_reader.BytesConsumed, default(JsonMember), (int?)null);
                while (_reader.Read() && _reader.TokenType == JsonTokenType.PropertyName)
                {
                    _count.Name(_reader, withStructure: true);
                    var (isType, isLimit) = (_reader.ValueTextEquals("type"u8), _reader.ValueTextEquals("max_uses"u8));
                    if (!isType && !isLimit && Folded(_reader) is "type" or "max_uses")
                    {
                        return Fail($"tools.{number}: unknown field. Did you mean '{Folded(_reader)}'?", $"tools.{number}");
                    }

                    _nameStart = (int)_reader.TokenStartIndex;
                    _reader.Read();
                    if (isLimit && (uses.IsPresent || !ReadUses(out limit)))
                    {
                        return Fail($"tools.{number}.max_uses: Input should be a valid integer, there once.", $"tools.{number}.max_uses");
                    }

                    uses = isLimit ? Member() : uses;
                    types += isType ? 1 : 0;
                    if (isType && _reader.TokenType is not (JsonTokenType.String or JsonTokenType.Null))
                    {
                        return Fail($"tools.{number}.type: Input should be a valid string, but got {Found()}.", $"tools.{number}.type");
                    }

                    type = isType ? _reader.GetString() : type;
                    _count.Value(ref _reader, withStructure: true);
                }

                if (types > 1)
                {
                    return Fail($"tools.{number}.type: the field is there twice.", $"tools.{number}.type");
                }

                if (type?.StartsWith("web_search_", StringComparison.Ordinal) == true)
                {
                    if (_request._searchStart > 0)
                    {
                        return Fail($"tools.{number}: Tool names must be unique, and there is a web search already.", $"tools.{number}");
                    }

                    (_request._searchStart, _request._searchUsesMember, _request._searchUses) = (start, uses, limit);
                }

                NoteTool(number, type);
            }

            return true;
        }

        private readonly bool ReadUses(out int? limit)
        {
            limit = _reader.TokenType == JsonTokenType.Number && _reader.TryGetInt32(out var number) ? number : null;
            return limit is not null || _reader.TokenType == JsonTokenType.Null;
        }

        private void NoteTool(int number, string? type)
        {
            if (type is null or "custom")
            {
                return;
            }

            if (MessagesTools.IsRunByClient(type))
            {
                _count.Structure(DefinedToolBytes);
                return;
            }

            var price = type.StartsWith("web_search_", StringComparison.Ordinal) ? FieldPrice.Searches : FieldPrice.HostedTool;
            _request.AddPriced(new PricedField(price, "tools", $"tools.{number}.type", type));
        }

        private readonly JsonMember Member() => new(_nameStart, (int)_reader.TokenStartIndex, (int)_reader.BytesConsumed);

        private bool Fail(string message, string? param, string? code = null, bool isMissingId = false)
        {
            _error ??= new MessagesError(message, param, code, isMissingId);
            return false;
        }

        private readonly string Found() => _reader.TokenType switch
        {
            JsonTokenType.StartObject => "an object",
            JsonTokenType.StartArray => "a list",
            JsonTokenType.String => _reader.ValueSpan.IsEmpty ? "an empty string" : "a string",
            JsonTokenType.Number => "a number",
            JsonTokenType.True or JsonTokenType.False => "a boolean",
            _ => "null",
        };

        private static string Shown(string name) => name.Length <= 64 ? name : name[..64];

        /// <summary>
        /// The plain name that a name folds to; null of one that is plain. Go's decoder, behind some providers, matches names by Unicode case
        /// folding: it would read what was never bounded here.
        /// </summary>
        private static string? Folded(string name)
        {
            var folded = name.Replace('\u017F', 's').Replace('\u212A', 'k').ToLowerInvariant();
            return folded == name ? null : folded;
        }

        private static string? Folded(in Utf8JsonReader name) =>
            !name.ValueIsEscaped && !name.ValueSpan.ContainsAnyExceptInRange((byte)'_', (byte)'z') || name.ValueSpan.Length > MaxNameBytes
                ? null
                : Folded(name.GetString()!) ?? (name.ValueIsEscaped ? name.GetString() : null);
    }
}
