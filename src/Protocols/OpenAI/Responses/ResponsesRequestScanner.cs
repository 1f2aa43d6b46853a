using System.Collections.Frozen;
using System.Text.Json;
using System.Text.Unicode;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Json;

namespace OrleansGateway.Protocols.OpenAI.Responses;

public sealed partial class ResponsesRequest
{
    private const int MaxNameBytes = 256;
    private const int MaxModelBytes = 256;
    private const int MaxNames = 256;

    /// <summary>Items whose input stands in them, all of it: its size is known.</summary>
    private static readonly FrozenSet<string> SizedItems = FrozenSet.ToFrozenSet(
        [
            "message", "reasoning", "function_call", "function_call_output", "custom_tool_call", "custom_tool_call_output", "additional_tools",
            "configuration_update", "compaction", "local_shell_call", "local_shell_call_output", "apply_patch_call", "apply_patch_call_output",
        ]);

    /// <summary>Parts whose input stands in them likewise.</summary>
    private static readonly FrozenSet<string> SizedParts = FrozenSet.ToFrozenSet(
        ["input_text", "output_text", "text", "refusal", "summary_text", "reasoning_text", "input_image", "input_file", "input_audio"]);

    /// <summary>One pass over the body. Methods that read a value start on its first token and end on its last.</summary>
    private ref struct Scanner
    {
        private readonly ResponsesRequest _request;
        private readonly HashSet<string> _names = new(StringComparer.Ordinal);
        private Utf8JsonReader _reader;
        private OpenAIError? _error;
        private int _nameStart;
        private PromptCount _count;

        /// <summary>Whether the item that is read has what only its provider can read.</summary>
        private bool _hasSeal;

        public Scanner(ResponsesRequest request)
        {
            _request = request;
            _reader = new(request.Body.Span, new JsonReaderOptions { MaxDepth = ChatRequest.MaxDepth });
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
                if (!ReadName(out var name))
                {
                    return false;
                }

                _reader.Read();
                if (!ReadMember(name))
                {
                    return false;
                }
            }

            return !_reader.Read();
        }

        /// <summary>Reads a name that was not there before, not even in capitals: a provider may take the one for the other.</summary>
        private bool ReadName(out string name)
        {
            name = "";
            if (_reader.ValueSpan.Length > MaxNameBytes || _names.Count == MaxNames)
            {
                return Fail($"Too many parameters, or one whose name is longer than {MaxNameBytes} bytes.", null, "unknown_parameter");
            }

            name = _reader.GetString()!;
            var folded = name.Replace('\u017F', 's').Replace('\u212A', 'k').ToLowerInvariant();
            var shown = name.Length <= 64 ? name : name[..64];
            var isKnown = ResponsesFields.Table.Of(folded) is not null;
            if (isKnown && folded != name)
            {
                return Fail($"Unknown parameter: '{shown}'. Did you mean '{folded}'?", shown, "unknown_parameter");
            }

            if (!_names.Add(folded))
            {
                return Fail($"Duplicate parameter: '{shown}'.", shown, "duplicate_parameter");
            }

            if (!isKnown)
            {
                _request.AddUnknown(name);
            }

            return true;
        }

        private bool ReadMember(string name)
        {
            var isNull = _reader.TokenType == JsonTokenType.Null;
            switch (name)
            {
                case "model":
                    return ReadModel();
                case "input":
                    _request._inputStart = (int)_reader.TokenStartIndex;
                    var isInput = ReadInput();
                    _request._inputEnd = (int)_reader.BytesConsumed;
                    return isInput;
                case "tools" when !isNull:
                    return ReadTools("tools");
                case "stream":
                    _request.Stream = _reader.TokenType == JsonTokenType.True && !_request.IsFree;
                    return isNull || IsBoolean() || WrongType(name, "a boolean");
                case "store":
                    _request._storeMember = Member();
                    _request.KeepsAnswer = _reader.TokenType != JsonTokenType.False;
                    return isNull || IsBoolean() || WrongType(name, "a boolean");
                case "max_output_tokens":
                    _request._maxOutputMember = Member();
                    return isNull || ReadLimit();
                case "max_tool_calls":
                    _request._maxToolCallsMember = Member();
                    return isNull || ReadMaxToolCalls();
                case "service_tier" when !isNull:
                    return ReadServiceTier();
                case "background" when _reader.TokenType == JsonTokenType.True:
                    return Fail("Invalid 'background': this gateway runs no responses in the background. Send the request without it.", name, "unsupported_value");
                case "previous_response_id" when !isNull:
                    return FailNotKept(
                        "Previous response not found: it is too old, of another account, or was not to be kept. Send the whole conversation in 'input'.",
                        name,
                        "previous_response_not_found");
                case "conversation" or "prompt" when !isNull:
                    return FailNotKept($"The '{name}' was not found: this gateway keeps none. Send everything in 'input' and 'instructions'.", name);
                default:
                    _count.Value(ref _reader, withStructure: true);
                    return true;
            }
        }

        private bool ReadModel()
        {
            if (_reader.TokenType != JsonTokenType.String)
            {
                return _reader.TokenType == JsonTokenType.Null ? Missing("model") : WrongType("model", "a string");
            }

            if (_reader.ValueSpan.Length > MaxModelBytes)
            {
                return Fail($"Invalid 'model': string too long. Expected at most {MaxModelBytes} bytes.", "model", "string_above_max_length");
            }

            _request.Model = _reader.GetString()!;
            _request._modelMember = Member();
            return _request.Model.Length > 0 || Missing("model");
        }

        private bool ReadLimit()
        {
            if (_reader.TokenType != JsonTokenType.Number || !_reader.TryGetInt32(out var limit))
            {
                return WrongType("max_output_tokens", "an integer");
            }

            _request.MaxOutputTokens = limit;
            return limit >= 1
                || Fail("Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 1.", "max_output_tokens", "integer_below_min_value");
        }

        private bool ReadMaxToolCalls()
        {
            if (_reader.TokenType != JsonTokenType.Number || !_reader.TryGetInt32(out var limit))
            {
                return WrongType("max_tool_calls", "an integer");
            }

            _request._maxToolCalls = limit;
            return true;
        }

        private bool ReadServiceTier()
        {
            if (_reader.TokenType != JsonTokenType.String || _reader.ValueSpan.Length is 0 or > 64)
            {
                return WrongType("service_tier", "a tier's name");
            }

            _request.AddPriced(new PricedField(FieldPrice.ServiceTier, "service_tier", "service_tier", _reader.GetString()!));
            return true;
        }

        private bool ReadInput()
        {
            if (_reader.TokenType == JsonTokenType.String)
            {
                _request.MessageCount = 1;
                _count.Text(_reader.ValueSpan);
                return true;
            }

            if (_reader.TokenType != JsonTokenType.StartArray)
            {
                return _reader.TokenType == JsonTokenType.Null ? Missing("input") : WrongType("input", "a string or an array of items");
            }

            for (; _reader.Read() && _reader.TokenType != JsonTokenType.EndArray; _request.MessageCount++)
            {
                var path = $"input[{_request.MessageCount}]";
                if (_reader.TokenType != JsonTokenType.StartObject)
                {
                    return WrongType(path, "an object");
                }

                if (!TryTypeOf(_reader, out var given))
                {
                    return Fail($"Duplicate parameter: '{path}.type'.", path + ".type", "duplicate_parameter");
                }

                var type = given ?? "message";
                if (type == "item_reference")
                {
                    return FailNotKept(
                        $"Item not found: the one that '{path}' names is too old, of another account, or was not to be kept. Send the item itself.", path);
                }

                _request.HasUnsizedInput |= !SizedItems.Contains(type);
                _hasSeal = false;
                if (!ReadItem(path, type == "additional_tools"))
                {
                    return false;
                }

                _request.HasSealedReasoning |= type == "reasoning" && _hasSeal;
                _request.HasForeignReasoning |= type == "reasoning" && !_hasSeal;
            }

            return true;
        }

        private bool ReadItem(string path, bool hasTools)
        {
            while (_reader.Read() && _reader.TokenType == JsonTokenType.PropertyName)
            {
                _count.Structure(_reader.ValueSpan.Length);
                var isTools = hasTools && _reader.ValueTextEquals("tools"u8);
                if (isTools)
                {
                    _reader.Read();
                    if (!ReadTools(path + ".tools"))
                    {
                        return false;
                    }
                }
                else if (!ReadItemMember(path))
                {
                    return false;
                }
            }

            return true;
        }

        /// <summary>Counts a member, its name read, of an item or of what is in it: pictures, sound and files wherever they stand.</summary>
        private bool ReadItemMember(string path)
        {
            var isImage = _reader.ValueTextEquals("image_url"u8);
            var isFile = _reader.ValueTextEquals("file_data"u8);
            var isAddress = _reader.ValueTextEquals("file_url"u8);
            var isId = _reader.ValueTextEquals("file_id"u8);
            var isAudio = _reader.ValueTextEquals("input_audio"u8);
            var isSignature = _reader.ValueTextEquals("encrypted_content"u8);
            var isParts = _reader.ValueTextEquals("content"u8) || _reader.ValueTextEquals("output"u8) || _reader.ValueTextEquals("summary"u8);
            _reader.Read();
            if (_reader.TokenType is JsonTokenType.StartObject or JsonTokenType.StartArray)
            {
                _request.AudioCount += isAudio ? 1 : 0;
                _request.HasUnsizedInput |= isParts && _reader.TokenType == JsonTokenType.StartObject;
                return ReadInside(path, isAudio, isParts);
            }

            if (isId && _reader.TokenType != JsonTokenType.Null)
            {
                return FailNotKept($"File not found: '{path}' names a 'file_id', and this gateway keeps no files. Send the file itself.", path);
            }

            _request.HasUnsizedInput |= isAddress && _reader.TokenType != JsonTokenType.Null;
            if (_reader.TokenType != JsonTokenType.String)
            {
                _count.Structure(_reader.ValueSpan.Length);
            }
            else if (isImage)
            {
                CountImage();
            }
            else if (isFile)
            {
                _request.FileCount++;
                CountPayload();
            }
            else
            {
                _request.HasForeignReasoning |= isSignature && _reader.ValueSpan.StartsWith("og1."u8);
                _hasSeal |= isSignature;
                _count.Text(_reader.ValueSpan);
            }

            return true;
        }

        /// <param name="areParts">Whether it is a list of parts, whose kinds have to be known for their size to be.</param>
        private bool ReadInside(string path, bool isAudio, bool areParts)
        {
            var isList = _reader.TokenType == JsonTokenType.StartArray;
            while (_reader.Read() && _reader.TokenType is not (JsonTokenType.EndObject or JsonTokenType.EndArray))
            {
                if (isList && _reader.TokenType is JsonTokenType.StartObject or JsonTokenType.StartArray)
                {
                    _request.HasUnsizedInput |= areParts
                        && !(_reader.TokenType == JsonTokenType.StartObject && TryTypeOf(_reader, out var part) && part is not null && SizedParts.Contains(part));
                    if (!ReadInside(path, isAudio: false, areParts: false))
                    {
                        return false;
                    }
                }
                else if (isList)
                {
                    _count.Value(ref _reader, withStructure: false);
                }
                else if (isAudio && _reader.ValueTextEquals("data"u8))
                {
                    _reader.Read();
                    if (_reader.TokenType == JsonTokenType.String)
                    {
                        CountPayload();
                    }
                    else
                    {
                        _count.Value(ref _reader, withStructure: false);
                    }
                }
                else
                {
                    _count.Structure(_reader.ValueSpan.Length);
                    if (!ReadItemMember(path))
                    {
                        return false;
                    }
                }
            }

            return true;
        }

        private void CountImage()
        {
            var value = _reader.ValueSpan;
            if (value.StartsWith("data:"u8))
            {
                _request.AddImageSize(ImageSize.OfBase64(value[(value.IndexOf((byte)',') + 1)..]));
                return;
            }

            _request.AddImageSize(default);
            _count.Text(_reader.ValueSpan);
        }

        /// <summary>Base64 is no text of the prompt; an address is, and nobody knows how long what it leads to is.</summary>
        private void CountPayload()
        {
            var head = _reader.ValueSpan[..Math.Min(_reader.ValueSpan.Length, 64)];
            if (!head.StartsWith("data:"u8) && (head.Contains((byte)':') || head.IndexOf("\\u"u8) >= 0))
            {
                _request.HasUnsizedInput = true;
                _count.Text(_reader.ValueSpan);
            }
        }

        private bool ReadTools(string path)
        {
            if (_reader.TokenType != JsonTokenType.StartArray)
            {
                return WrongType(path, "an array of objects");
            }

            for (var number = 0; _reader.Read() && _reader.TokenType != JsonTokenType.EndArray; number++)
            {
                var tool = $"{path}[{number}]";
                _request.ToolCount++;
                if (_reader.TokenType != JsonTokenType.StartObject)
                {
                    return WrongType(tool, "an object");
                }

                if (!TryTypeOf(_reader, out var type))
                {
                    return Fail($"Duplicate parameter: '{tool}.type'.", tool + ".type", "duplicate_parameter");
                }

                switch (type)
                {
                    case null:
                        return Missing(tool + ".type");
                    case "namespace":
                        if (!ReadNamespace(tool))
                        {
                            return false;
                        }

                        continue;
                    case "function" or "custom":
                        break;
                    case var _ when NamesKept(_reader) is { } kept:
                        return FailNotKept($"'{tool}.{kept}' was not found: this gateway keeps no files, stores or containers.", $"{tool}.{kept}");
                    case var hosted:
                        var price = hosted.StartsWith("web_search", StringComparison.Ordinal) ? FieldPrice.Searches : FieldPrice.HostedTool;
                        _request.AddPriced(new PricedField(price, "tools", tool + ".type", hosted));
                        break;
                }

                _count.Value(ref _reader, withStructure: true);
            }

            return true;
        }

        private bool ReadNamespace(string path)
        {
            while (_reader.Read() && _reader.TokenType == JsonTokenType.PropertyName)
            {
                var isTools = _reader.ValueTextEquals("tools"u8);
                _count.Text(_reader.ValueSpan);
                _reader.Read();
                if (isTools && !ReadTools(path + ".tools"))
                {
                    return false;
                }

                if (!isTools)
                {
                    _count.Value(ref _reader, withStructure: true);
                }
            }

            return true;
        }

        /// <summary>The member of a provider's tool, which the reader, a copy, stands before, that names what the provider keeps; null when none does.</summary>
        private static string? NamesKept(Utf8JsonReader tool)
        {
            var depth = tool.CurrentDepth;
            string? name = null;
            while (tool.Read() && tool.CurrentDepth > depth)
            {
                if (tool.TokenType == JsonTokenType.PropertyName)
                {
                    name = tool.ValueTextEquals("file_id"u8) ? "file_id"
                        : tool.ValueTextEquals("file_ids"u8) ? "file_ids"
                        : tool.ValueTextEquals("vector_store_ids"u8) ? "vector_store_ids"
                        : tool.ValueTextEquals("container"u8) ? "container"
                        : tool.ValueTextEquals("container_id"u8) ? "container_id"
                        : null;
                }
                else if (name is not null && tool.TokenType == JsonTokenType.String)
                {
                    return name;
                }
                else if (tool.TokenType != JsonTokenType.StartArray)
                {
                    name = null;
                }
            }

            return null;
        }

        /// <summary>Tells the type of the object that the reader, a copy, stands before; null when it has none that is a text.</summary>
        /// <returns>False when it has two: a provider may take the other.</returns>
        private static bool TryTypeOf(Utf8JsonReader reader, out string? type)
        {
            type = null;
            var count = 0;
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var isType = reader.ValueTextEquals("type"u8);
                reader.Read();
                count += isType ? 1 : 0;
                type = isType && reader.TokenType == JsonTokenType.String ? reader.GetString() : type;
                reader.Skip();
            }

            return count <= 1;
        }

        private OpenAIError? CheckWhole()
        {
            if (_request.Model.Length == 0)
            {
                Missing("model");
            }
            else if (!_names.Contains("input"))
            {
                Missing("input");
            }

            _request.TakeCount(_count);
            return _error;
        }

        private readonly bool IsBoolean() => _reader.TokenType is JsonTokenType.True or JsonTokenType.False;

        private readonly JsonMember Member() => new(_nameStart, (int)_reader.TokenStartIndex, (int)_reader.BytesConsumed);

        private bool Missing(string name) => Fail($"Missing required parameter: '{name}'.", name, "missing_required_parameter");

        private bool WrongType(string path, string expected) =>
            Fail($"Invalid type for '{path}': expected {expected}, but got {_reader.Found()} instead.", path, "invalid_type");

        private bool Fail(string message, string? param, string? code)
        {
            _error ??= OpenAIError.BadRequest(message, param, code);
            return false;
        }

        private bool FailNotKept(string message, string param, string code = "not_found")
        {
            _error ??= OpenAIError.NotFound(message, param, code);
            return false;
        }
    }
}
