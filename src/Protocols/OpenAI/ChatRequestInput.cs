using System.Text;
using System.Text.Json;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Json;

namespace OrleansGateway.Protocols.OpenAI;

public sealed partial class ChatRequest
{
    /// <summary>The part of the scan that sizes the prompt.</summary>
    private ref partial struct Scanner
    {
        private bool ReadMessages()
        {
            if (_reader.TokenType != JsonTokenType.StartArray)
            {
                return _reader.TokenType == JsonTokenType.Null
                    ? Missing("messages")
                    : Fail($"Invalid type for 'messages': expected an array of objects, but got {_reader.Found()} instead.", "messages", "invalid_type");
            }

            while (_reader.Read() && _reader.TokenType != JsonTokenType.EndArray)
            {
                if (!ReadMessage())
                {
                    return false;
                }

                _request.MessageCount++;
            }

            return _request.MessageCount > 0
                || Fail("Invalid 'messages': empty array. Expected an array with minimum length 1.", "messages", "empty_array");
        }

        private bool ReadMessage()
        {
            var path = _request.MessageCount;
            if (_reader.TokenType != JsonTokenType.StartObject)
            {
                return Fail(
                    $"Invalid type for 'messages[{path}]': expected an object, but got {_reader.Found()} instead.", $"messages[{path}]", "invalid_type");
            }

            var hasRole = false;
            while (_reader.Read() && _reader.TokenType == JsonTokenType.PropertyName)
            {
                _count.Name(_reader, withStructure: false);
                CheckName(InMessage);
                var isRole = _reader.ValueTextEquals("role"u8);
                var isContent = _reader.ValueTextEquals("content"u8);
                var isAudio = _reader.ValueTextEquals("audio"u8);
                _reader.Read();
                if (isRole && _reader.TokenType != JsonTokenType.String)
                {
                    return Fail(
                        $"Invalid type for 'messages[{path}].role': expected a string, but got {_reader.Found()} instead.",
                        $"messages[{path}].role",
                        "invalid_type");
                }

                hasRole |= isRole;

                // An earlier answer's audio is named by its id: the provider keeps it.
                _request.HasUnsizedInput |= (isAudio && _reader.TokenType != JsonTokenType.Null)
                    || (isContent && _reader.TokenType == JsonTokenType.StartObject);
                if (isAudio && _reader.TokenType == JsonTokenType.StartObject)
                {
                    NoteHeld($"messages[{path}].audio.id", _reader);
                }

                if (isContent && _reader.TokenType == JsonTokenType.StartArray)
                {
                    ReadParts();
                }
                else
                {
                    _count.Value(ref _reader, withStructure: false);
                }
            }

            return hasRole || Missing($"messages[{path}].role");
        }

        /// <summary>Notes the id in the object on which the reader, a copy, stands.</summary>
        private readonly void NoteHeld(string path, Utf8JsonReader held)
        {
            var depth = held.CurrentDepth;
            while (held.Read() && held.CurrentDepth > depth)
            {
                // A decoder that does not mind the case takes these for it as well: nothing is kept under them.
                if (held.CurrentDepth == depth + 1 && held.TokenType == JsonTokenType.PropertyName && held.Text() is { } name
                    && name.Equals("id", StringComparison.OrdinalIgnoreCase))
                {
                    held.Read();
                    _request.AddHeld(new HeldReference(path, name == "id" ? held.Text() ?? "" : ""));
                }
            }
        }

        private void ReadParts()
        {
            for (_part = 0; _reader.Read() && _reader.TokenType != JsonTokenType.EndArray; _part++)
            {
                if (_reader.TokenType == JsonTokenType.StartObject)
                {
                    ReadPart();
                }
                else
                {
                    _count.Value(ref _reader, withStructure: false);
                }
            }
        }

        private void ReadPart()
        {
            var hasType = false;
            while (_reader.Read() && _reader.TokenType == JsonTokenType.PropertyName)
            {
                _count.Name(_reader, withStructure: false);
                CheckName(InPart);
                var isType = _reader.ValueTextEquals("type"u8);
                var isImage = _reader.ValueTextEquals("image_url"u8);
                var isAudio = _reader.ValueTextEquals("input_audio"u8);
                var isFile = _reader.ValueTextEquals("file"u8);
                _reader.Read();
                hasType |= isType;
                _request.HasUnsizedInput |= isType && !IsKnownPartType();
                if (isImage || isAudio || isFile)
                {
                    ReadMedia(isImage, isAudio);
                }
                else
                {
                    _count.Value(ref _reader, withStructure: false);
                }
            }

            _request.HasUnsizedInput |= !hasType;
        }

        private readonly bool IsKnownPartType() =>
            _reader.TokenType == JsonTokenType.String
            && (_reader.ValueTextEquals("text"u8) || _reader.ValueTextEquals("image_url"u8) || _reader.ValueTextEquals("refusal"u8)
                || _reader.ValueTextEquals("input_audio"u8) || _reader.ValueTextEquals("file"u8));

        /// <summary>A picture, audio clip or file: an object, or just its address or data as some providers allow.</summary>
        private void ReadMedia(bool isImage, bool isAudio)
        {
            var size = default(ImageSize);
            if (_reader.TokenType == JsonTokenType.String)
            {
                size = CountPayload(isImage);
            }
            else if (_reader.TokenType == JsonTokenType.StartObject)
            {
                size = ReadMediaMembers(isImage, isAudio);
            }
            else
            {
                _count.Value(ref _reader, withStructure: false);
            }

            if (isImage)
            {
                _request.AddImageSize(size);
            }
            else if (isAudio)
            {
                _request.AudioCount++;
            }
            else
            {
                _request.FileCount++;
            }
        }

        /// <returns>A picture's size; unknown where there are two payloads, of which nobody knows which the provider takes.</returns>
        private ImageSize ReadMediaMembers(bool isImage, bool isAudio)
        {
            var (size, payloads) = (default(ImageSize), 0);
            while (_reader.Read() && _reader.TokenType == JsonTokenType.PropertyName)
            {
                _count.Name(_reader, withStructure: false);
                CheckName(isImage ? InImage : isAudio ? InAudio : InFile);
                var isPayload = _reader.ValueTextEquals(isImage ? "url"u8 : isAudio ? "data"u8 : "file_data"u8);
                var isStored = _reader.ValueTextEquals("file_id"u8);
                _reader.Read();
                if (isStored && _reader.TokenType != JsonTokenType.Null)
                {
                    FailForHeld($"messages[{_request.MessageCount}].content[{_part}].{(isImage ? "image_url" : isAudio ? "input_audio" : "file")}.file_id");
                }

                payloads += isPayload ? 1 : 0;
                if (isPayload && _reader.TokenType == JsonTokenType.String)
                {
                    size = CountPayload(isImage);
                }
                else
                {
                    _count.Value(ref _reader, withStructure: false);
                }
            }

            return payloads == 1 ? size : default;
        }

        /// <returns>A picture's size, if it stands in the body.</returns>
        private ImageSize CountPayload(bool isImage)
        {
            var value = _reader.ValueSpan;
            var isDataUrl = value.StartsWith("data:"u8);
            if (isImage && isDataUrl)
            {
                return ImageSize.OfBase64(value[(value.IndexOf((byte)',') + 1)..]);
            }

            // Base64 has no colon; an escape other than of a slash may hide one.
            var head = value[..Math.Min(value.Length, 64)];
            var isAddress = !isDataUrl && (head.Contains((byte)':') || head.IndexOf("\\u"u8) >= 0);
            if (isAddress && !(head.Length > 4 && Ascii.EqualsIgnoreCase(head[..4], "http"u8)))
            {
                // Only its provider knows how to find it: ms://, oss://, gs://.
                FailForHeld($"messages[{_request.MessageCount}].content[{_part}]");
            }

            if (isImage || isAddress)
            {
                _request.HasUnsizedInput |= !isImage;
                _count.Text(_reader.ValueSpan);
            }

            return default;
        }

        /// <summary>Refuses what a provider keeps: to it all customers of a channel are one account.</summary>
        private void FailForHeld(string path) => _error ??= OpenAIError.NotFound(
            $"File not found: '{path}' names one that a provider keeps, and this gateway keeps none. Send the file itself.", path);

        private bool ReadTools(bool areFunctions)
        {
            var name = areFunctions ? "functions" : "tools";
            if (_reader.TokenType != JsonTokenType.StartArray)
            {
                return _reader.TokenType == JsonTokenType.Null
                    || Fail($"Invalid type for '{name}': expected an array of objects, but got {_reader.Found()} instead.", name, "invalid_type");
            }

            while (_reader.Read() && _reader.TokenType != JsonTokenType.EndArray)
            {
                var number = _request.ToolCount++;
                if (_reader.TokenType != JsonTokenType.StartObject)
                {
                    return Fail($"Invalid type for '{name}[{number}]': expected an object, but got {_reader.Found()} instead.", $"{name}[{number}]", "invalid_type");
                }

                var (hasType, hosted, isOff, isSearchCall) = (areFunctions, (string?)null, false, false);
                while (_reader.Read() && _reader.TokenType == JsonTokenType.PropertyName)
                {
                    _count.Name(_reader, withStructure: true);
                    CheckName(InTool);
                    var isType = _reader.ValueTextEquals("type"u8);
                    var isSearch = _reader.ValueTextEquals("web_search"u8);
                    var isFunction = _reader.ValueTextEquals("function"u8);
                    _reader.Read();
                    if (isType && _reader.TokenType == JsonTokenType.String && !areFunctions)
                    {
                        hasType = true;
                        hosted = _reader.ValueTextEquals("function"u8) || _reader.ValueTextEquals("custom"u8) ? hosted : _reader.GetString();
                    }

                    // Zhipu's search has a switch.
                    isOff |= isSearch && Has("enable"u8, "false"u8);

                    // Moonshot's is called like a function.
                    isSearchCall = isFunction ? HasOnly("name"u8, ChatScanner.SearchCall) : isSearchCall;
                    _count.Value(ref _reader, withStructure: true);
                }

                if (!hasType)
                {
                    return Missing($"tools[{number}].type");
                }

                if (hosted is not null && !(isOff && hosted == "web_search"))
                {
                    var isCalled = isSearchCall && hosted == "builtin_function";
                    _request.SearchesByCall |= isCalled;
                    var price = isCalled ? FieldPrice.SearchCalls
                        : hosted.StartsWith("web_search", StringComparison.Ordinal) ? FieldPrice.Searches
                        : FieldPrice.HostedTool;
                    _request.AddPriced(new PricedField(price, "tools", $"tools[{number}].type", hosted));
                }
            }

            return true;
        }

        /// <summary>Whether the object that the reader stands on has a member of this name and value, each a text or word as JSON has it.</summary>
        private readonly bool Has(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value)
        {
            var look = _reader;
            if (look.TokenType != JsonTokenType.StartObject)
            {
                return false;
            }

            while (look.Read() && look.TokenType == JsonTokenType.PropertyName)
            {
                var isNamed = look.ValueTextEquals(name);
                look.Read();
                if (isNamed && look.ValueSpan.SequenceEqual(value))
                {
                    return true;
                }

                look.Skip();
            }

            return false;
        }

        /// <summary>Whether the object that the reader stands on has one member of this name, and it this text, neither of them escaped.</summary>
        private readonly bool HasOnly(ReadOnlySpan<byte> name, ReadOnlySpan<byte> text)
        {
            var look = _reader;
            var (count, isIt) = (0, false);
            while (look.TokenType != JsonTokenType.EndObject && look.Read() && look.TokenType == JsonTokenType.PropertyName)
            {
                var isNamed = look.ValueTextEquals(name);
                look.Read();
                count += isNamed ? 1 : 0;
                isIt |= isNamed && look.TokenType == JsonTokenType.String && look.ValueSpan.SequenceEqual(text);
                look.Skip();
            }

            return isIt && count == 1;
        }

        private void ReadModalities()
        {
            var depth = _reader.CurrentDepth;
            do
            {
                if (_reader.TokenType == JsonTokenType.String)
                {
                    _request.HasAudioOutput |= _reader.ValueTextEquals("audio"u8);
                    _request.HasImageOutput |= _reader.ValueTextEquals("image"u8);
                }
            }
            while (!PromptCount.IsLast(_reader, depth) && _reader.Read());
        }

        private void ReadPrediction()
        {
            var before = _count.TextBytes;
            _count.Value(ref _reader, withStructure: true);
            _request.PredictionBytes = _count.TextBytes - before;
        }

        private readonly string? ShortString() =>
            _reader.TokenType == JsonTokenType.String && _reader.ValueSpan.Length <= 64 ? _reader.GetString() : null;
    }
}
