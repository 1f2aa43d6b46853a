using System.Text.Json;
using OrleansGateway.Protocols.Exchange;

namespace OrleansGateway.Protocols.Anthropic;

public sealed partial class MessagesRequest
{
    /// <summary>The part of the scan that sizes the prompt.</summary>
    private ref partial struct Scanner
    {
        /// <summary>Names in a message, a block or a source that decide what it counts.</summary>
        private static readonly string[] Sizing = ["role", "content", "type", "source", "data", "url", "file_id", "text", "media_type"];

        private bool ReadMessages()
        {
            if (_reader.TokenType != JsonTokenType.StartArray)
            {
                return Fail($"messages: Input should be a valid list, but got {Found()}.", "messages");
            }

            while (_reader.Read() && _reader.TokenType != JsonTokenType.EndArray)
            {
                if (!ReadMessage())
                {
                    return false;
                }

                _request.MessageCount++;
            }

            return true;
        }

        private bool ReadMessage()
        {
            var path = $"messages.{_request.MessageCount}";
            if (_reader.TokenType != JsonTokenType.StartObject)
            {
                return Fail($"{path}: Input should be a valid dictionary, but got {Found()}.", path);
            }

            var (roles, contents) = (0, 0);
            while (_reader.Read() && _reader.TokenType == JsonTokenType.PropertyName)
            {
                _count.Name(_reader, withStructure: false);
                var (isRole, isContent) = (_reader.ValueTextEquals("role"u8), _reader.ValueTextEquals("content"u8));
                if (!CheckName(path))
                {
                    return false;
                }

                _reader.Read();
                if (isRole)
                {
                    roles++;
                    if (!(_reader.TokenType == JsonTokenType.String
                        && (_reader.ValueTextEquals("user"u8) || _reader.ValueTextEquals("assistant"u8) || _reader.ValueTextEquals("system"u8))))
                    {
                        return Fail($"{path}.role: Input should be 'user', 'assistant' or 'system'.", path + ".role");
                    }
                }
                else if (isContent)
                {
                    contents++;
                    if (!ReadContent(path + ".content"))
                    {
                        return false;
                    }
                }
                else
                {
                    _count.Value(ref _reader, withStructure: false);
                }
            }

            return (roles == 1 || Fail(roles == 0 ? $"{path}.role: Field required" : $"{path}.role: the field is there twice.", path + ".role"))
                && (contents == 1 || Fail(contents == 0 ? $"{path}.content: Field required" : $"{path}.content: the field is there twice.", path + ".content"));
        }

        private bool ReadContent(string path)
        {
            if (_reader.TokenType == JsonTokenType.String)
            {
                _count.Text(_reader.ValueSpan);
                return true;
            }

            if (_reader.TokenType != JsonTokenType.StartArray)
            {
                return Fail($"{path}: Input should be a valid string or list, but got {Found()}.", path);
            }

            for (var number = 0; _reader.Read() && _reader.TokenType != JsonTokenType.EndArray; number++)
            {
                if (!ReadBlock(path, number))
                {
                    return false;
                }
            }

            return true;
        }

        private bool ReadBlock(string list, int number)
        {
            if (_reader.TokenType != JsonTokenType.StartObject)
            {
                return Fail($"{list}.{number}: Input should be a valid dictionary, but got {Found()}.", $"{list}.{number}");
            }

            var (kind, source, types, sources, isHeld) = (BlockKind.None, default(Source), 0, 0, false);
            while (_reader.Read() && _reader.TokenType == JsonTokenType.PropertyName)
            {
                _count.Name(_reader, withStructure: false);
                var (isType, isSource, isContent, isFile) = (
                    _reader.ValueTextEquals("type"u8), _reader.ValueTextEquals("source"u8), _reader.ValueTextEquals("content"u8), _reader.ValueTextEquals("file_id"u8));
                if (!CheckName(list, number))
                {
                    return false;
                }

                _reader.Read();
                if (isType)
                {
                    types++;
                    kind = KindOf();
                    _count.Value(ref _reader, withStructure: false);
                }
                else if (isSource && _reader.TokenType == JsonTokenType.StartObject)
                {
                    sources++;
                    if (!ReadSource(list, number, out source))
                    {
                        return false;
                    }
                }
                else if (isContent && _reader.TokenType == JsonTokenType.StartArray)
                {
                    if (!ReadContent($"{list}.{number}.content"))
                    {
                        return false;
                    }
                }
                else
                {
                    isHeld |= isFile && _reader.TokenType != JsonTokenType.Null;
                    _count.Value(ref _reader, withStructure: false);
                }
            }

            return types > 1 || sources > 1 ? Fail($"{list}.{number}: a field is there twice.", $"{list}.{number}")
                : types == 0 ? Fail($"{list}.{number}.type: Field required", $"{list}.{number}.type")
                : isHeld || source.IsHeld ? Fail($"{list}.{number}: there is no such file. Send its content in the request.", $"{list}.{number}", null, isMissingId: true)
                : Note(kind, source);
        }

        /// <summary>Notes what a block counts beside its texts.</summary>
        private bool Note(BlockKind kind, in Source source)
        {
            var payload = _request.Body.Span[source.DataStart..source.DataEnd];
            var isPayload = source.IsBase64 && kind is BlockKind.Image or BlockKind.Document;
            if (!isPayload)
            {
                _count.Text(payload);
            }

            switch (kind)
            {
                case BlockKind.Image:
                    _request.AddImageSize(isPayload ? ImageSize.OfBase64(payload) : default);
                    break;
                case BlockKind.Document when isPayload || source.IsUrl:
                    _request.FileCount++;
                    _request.HasUnsizedInput |= source.IsUrl;
                    break;
                case BlockKind.Unknown:
                    _request.HasUnsizedInput = true;
                    break;
                default:
                    break;
            }

            return true;
        }

        private bool ReadSource(string list, int number, out Source source)
        {
            source = default;
            var (types, payloads) = (0, 0);
            while (_reader.Read() && _reader.TokenType == JsonTokenType.PropertyName)
            {
                _count.Name(_reader, withStructure: false);
                var (isType, isData, isUrl, isFile, isContent) = (
                    _reader.ValueTextEquals("type"u8), _reader.ValueTextEquals("data"u8), _reader.ValueTextEquals("url"u8),
                    _reader.ValueTextEquals("file_id"u8), _reader.ValueTextEquals("content"u8));
                if (!CheckName(list, number))
                {
                    return false;
                }

                _reader.Read();
                if (isType)
                {
                    types++;
                    source.IsBase64 = _reader.TokenType == JsonTokenType.String && _reader.ValueTextEquals("base64"u8);
                    _count.Value(ref _reader, withStructure: false);
                }
                else if (isData && _reader.TokenType == JsonTokenType.String)
                {
                    payloads++;
                    (source.DataStart, source.DataEnd) = ((int)_reader.TokenStartIndex + 1, (int)_reader.BytesConsumed - 1);
                }
                else if (isContent && _reader.TokenType == JsonTokenType.StartArray)
                {
                    if (!ReadContent($"{list}.{number}.source.content"))
                    {
                        return false;
                    }
                }
                else
                {
                    source.IsUrl |= isUrl && _reader.TokenType != JsonTokenType.Null;
                    source.IsHeld |= isFile && _reader.TokenType != JsonTokenType.Null;
                    _count.Value(ref _reader, withStructure: false);
                }
            }

            return (types <= 1 && payloads <= 1) || Fail($"{list}.{number}.source: a field is there twice.", $"{list}.{number}.source");
        }

        private readonly BlockKind KindOf()
        {
            if (_reader.TokenType != JsonTokenType.String)
            {
                return BlockKind.Unknown;
            }

            if (_reader.ValueTextEquals("text"u8) || _reader.ValueTextEquals("tool_use"u8) || _reader.ValueTextEquals("tool_result"u8)
                || _reader.ValueTextEquals("thinking"u8) || _reader.ValueTextEquals("redacted_thinking"u8) || _reader.ValueTextEquals("search_result"u8)
                || _reader.ValueTextEquals("server_tool_use"u8) || _reader.ValueTextEquals("tool_reference"u8) || _reader.ValueTextEquals("fallback"u8)
                || _reader.ValueTextEquals("mcp_tool_use"u8) || _reader.ValueTextEquals("mid_conv_system"u8) || _reader.ValueTextEquals("compaction"u8)
                || _reader.ValueSpan.EndsWith("_result"u8) || _reader.ValueSpan.EndsWith("_result_error"u8))
            {
                return BlockKind.Text;
            }

            return _reader.ValueTextEquals("image"u8) ? BlockKind.Image
                : _reader.ValueTextEquals("document"u8) ? BlockKind.Document
                : BlockKind.Unknown;
        }

        /// <summary>Refuses a name that only folds to one that sizes the prompt.</summary>
        private bool CheckName(string path, int number = -1)
        {
            if (Folded(_reader) is not { } folded || !Sizing.Contains(folded))
            {
                return true;
            }

            path = number < 0 ? path : $"{path}.{number}";
            return Fail($"{path}: unknown field. Did you mean '{folded}'?", path);
        }

        private enum BlockKind
        {
            None,
            Text,
            Image,
            Document,
            Unknown,
        }

        /// <summary>Where a picture or document comes from.</summary>
        private struct Source
        {
            public bool IsBase64;
            public bool IsUrl;
            public bool IsHeld;
            public int DataStart;
            public int DataEnd;
        }
    }
}
