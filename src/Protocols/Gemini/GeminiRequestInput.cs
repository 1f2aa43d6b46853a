using System.Text.Json;
using OrleansGateway.Protocols.Exchange;

namespace OrleansGateway.Protocols.Gemini;

public sealed partial class GeminiRequest
{
    /// <summary>The part of the scan that sizes the prompt.</summary>
    private ref partial struct Scanner
    {
        private static readonly GeminiNames InContent = new("role", "parts");
        private static readonly GeminiNames InPart = new(
            "text", "thought", "thoughtSignature", "inlineData", "fileData", "functionCall", "functionResponse", "executableCode",
            "codeExecutionResult", "videoMetadata", "mediaResolution", "partMetadata");

        private static readonly GeminiNames InBlob = new("mimeType", "data", "displayName");
        private static readonly GeminiNames InFile = new("mimeType", "fileUri", "displayName");
        private static readonly GeminiNames InResponse = new("id", "name", "response", "parts", "willContinue", "scheduling");
        private static readonly GeminiNames InTool = new("functionDeclarations", "googleSearch", "googleSearchRetrieval", "googleMaps");

        private bool ReadContents(string path)
        {
            if (_reader.TokenType == JsonTokenType.StartObject)
            {
                // Google takes one for a list of it, and shows it so.
                return ReadContent(path + "contents[0]");
            }

            if (_reader.TokenType != JsonTokenType.StartArray)
            {
                return Expected("an array", path + "contents");
            }

            while (_reader.Read() && _reader.TokenType != JsonTokenType.EndArray)
            {
                if (!ReadContent($"{path}contents[{_request.MessageCount}]"))
                {
                    return false;
                }
            }

            return _request.MessageCount > 0 || Fail($"'{path}contents' is empty.", path + "contents", "empty_array");
        }

        private bool ReadContent(string path)
        {
            if (_reader.TokenType != JsonTokenType.StartObject)
            {
                return Expected("an object", path);
            }

            _request.MessageCount++;
            var seen = default(Seen);
            while (_reader.Read() && _reader.TokenType == JsonTokenType.PropertyName)
            {
                if (!FindName(path + ".", InContent, ref seen, out var name))
                {
                    return false;
                }

                _reader.Read();
                if (name == "parts" && _reader.TokenType != JsonTokenType.Null)
                {
                    if (!ReadParts(path))
                    {
                        return false;
                    }
                }
                else if (name == "role" && _reader.TokenType is not (JsonTokenType.String or JsonTokenType.Null))
                {
                    return Expected("a string", path + ".role");
                }
                else
                {
                    _request.HasUnsizedInput |= name is null;
                    _count.Value(ref _reader, withStructure: false);
                }
            }

            return true;
        }

        private bool ReadParts(string path)
        {
            if (_reader.TokenType == JsonTokenType.StartObject)
            {
                return ReadPart(path + ".parts[0]");
            }

            if (_reader.TokenType != JsonTokenType.StartArray)
            {
                return Expected("an array", path + ".parts");
            }

            for (var number = 0; _reader.Read() && _reader.TokenType != JsonTokenType.EndArray; number++)
            {
                if (_reader.TokenType != JsonTokenType.StartObject)
                {
                    return Expected("an object", $"{path}.parts[{number}]");
                }

                if (!ReadPart($"{path}.parts[{number}]"))
                {
                    return false;
                }
            }

            return true;
        }

        private bool ReadPart(string path)
        {
            var seen = default(Seen);
            var pictures = _pictures.Count;
            var hasResolution = false;
            while (_reader.Read() && _reader.TokenType == JsonTokenType.PropertyName)
            {
                if (!FindName(path + ".", InPart, ref seen, out var name))
                {
                    return false;
                }

                _reader.Read();
                var isRead = true;
                switch (name)
                {
                    case "inlineData" when _reader.TokenType == JsonTokenType.StartObject:
                        isRead = ReadBlob(path + ".inlineData");
                        break;
                    case "fileData" when _reader.TokenType == JsonTokenType.StartObject:
                        isRead = ReadFile(path + ".fileData");
                        break;
                    case "functionResponse" when _reader.TokenType == JsonTokenType.StartObject:
                        isRead = ReadResponse(path + ".functionResponse");
                        break;
                    case "inlineData" or "fileData" or "functionResponse" or "functionCall" when _reader.TokenType is not (JsonTokenType.StartObject or JsonTokenType.Null):
                        isRead = Expected("an object", $"{path}.{name}");
                        break;
                    case "text" when _reader.TokenType is not (JsonTokenType.String or JsonTokenType.Null):
                        isRead = Expected("a string", path + ".text");
                        break;
                    case "thoughtSignature":
                        // It stands for thoughts, which are no longer than it; nobody counts it as text.
                        _count.Structure(_reader.ValueSpan.Length);
                        _reader.Skip();
                        break;
                    default:
                        hasResolution |= name == "mediaResolution";
                        _request.HasUnsizedInput |= name is null;
                        _count.Value(ref _reader, withStructure: false);
                        break;
                }

                if (!isRead)
                {
                    return false;
                }
            }

            for (var i = hasResolution ? pictures : _pictures.Count; i < _pictures.Count; i++)
            {
                _pictures[i] = default;
            }

            return true;
        }

        private bool ReadBlob(string path)
        {
            var seen = default(Seen);
            ReadOnlySpan<byte> data = default;
            var type = "";
            while (_reader.Read() && _reader.TokenType == JsonTokenType.PropertyName)
            {
                if (!FindName(path + ".", InBlob, ref seen, out var name))
                {
                    return false;
                }

                _reader.Read();
                if (name is "mimeType" or "data" && _reader.TokenType != JsonTokenType.String)
                {
                    return Expected("a string", $"{path}.{name}");
                }

                if (name == "data")
                {
                    data = _reader.ValueSpan;
                    continue;
                }

                type = name == "mimeType" && _reader.ValueSpan.Length <= 256 ? _reader.GetString()! : type;
                _count.Value(ref _reader, withStructure: false);
            }

            if (type.StartsWith("image/", StringComparison.OrdinalIgnoreCase))
            {
                _pictures.Add(ImageSize.OfBase64(data));
            }
            else if (type.StartsWith("audio/", StringComparison.OrdinalIgnoreCase))
            {
                _request.AudioCount++;
            }
            else if (type.StartsWith("video/", StringComparison.OrdinalIgnoreCase))
            {
                _request.HasUnsizedInput = true;
            }
            else
            {
                _request.FileCount++;
            }

            return true;
        }

        private bool ReadFile(string path)
        {
            _request.HasUnsizedInput = true;
            var seen = default(Seen);
            while (_reader.Read() && _reader.TokenType == JsonTokenType.PropertyName)
            {
                if (!FindName(path + ".", InFile, ref seen, out var name))
                {
                    return false;
                }

                _reader.Read();
                if (name == "fileUri" && _reader.TokenType != JsonTokenType.String)
                {
                    return Expected("a string", path + ".fileUri");
                }

                if (name == "fileUri" && !IsPublic(_reader.GetString()!))
                {
                    return FailNotKept(
                        $"'{path}.fileUri' was not found: it must be a public https address, since this gateway keeps no files. Send the file as inlineData.",
                        path + ".fileUri");
                }

                _count.Value(ref _reader, withStructure: false);
            }

            return true;
        }

        /// <summary>Whether it is nothing that the provider keeps for the channel's account: that is not the customer's.</summary>
        private static bool IsPublic(string address) =>
            Uri.TryCreate(address, UriKind.Absolute, out var uri) && uri.Scheme is "https" or "http"
            && uri.IdnHost.TrimEnd('.') is var host
            && (!host.EndsWith(".googleapis.com", StringComparison.OrdinalIgnoreCase) || host.Equals("storage.googleapis.com", StringComparison.OrdinalIgnoreCase));

        /// <summary>What came of a function may hold media as well.</summary>
        private bool ReadResponse(string path)
        {
            var seen = default(Seen);
            while (_reader.Read() && _reader.TokenType == JsonTokenType.PropertyName)
            {
                if (!FindName(path + ".", InResponse, ref seen, out var name))
                {
                    return false;
                }

                _reader.Read();
                if (name == "parts" && _reader.TokenType == JsonTokenType.StartArray)
                {
                    if (!ReadParts(path))
                    {
                        return false;
                    }

                    continue;
                }

                // The response is shown to the model as JSON.
                _count.Value(ref _reader, withStructure: name == "response");
            }

            return true;
        }

        private bool ReadTools(string path)
        {
            if (_reader.TokenType != JsonTokenType.StartArray)
            {
                return _reader.TokenType == JsonTokenType.Null || Expected("an array", path + "tools");
            }

            for (var number = 0; _reader.Read() && _reader.TokenType != JsonTokenType.EndArray; number++)
            {
                if (_reader.TokenType != JsonTokenType.StartObject)
                {
                    return Expected("an object", $"{path}tools[{number}]");
                }

                var seen = default(Seen);
                while (_reader.Read() && _reader.TokenType == JsonTokenType.PropertyName)
                {
                    var given = _reader.ValueSpan.Length <= 256 ? _reader.GetString()! : "";
                    if (!FindName($"{path}tools[{number}].", InTool, ref seen, out var name))
                    {
                        return false;
                    }

                    _count.Name(_reader, withStructure: true);
                    _reader.Read();
                    if (name == "functionDeclarations")
                    {
                        if (!ReadDeclarations($"{path}tools[{number}].functionDeclarations"))
                        {
                            return false;
                        }

                        continue;
                    }

                    if (_reader.TokenType != JsonTokenType.Null)
                    {
                        if (given is "fileSearch" or "file_search" or "retrieval")
                        {
                            return FailNotKept($"'{path}tools[{number}].{given}' was not found: this gateway keeps no stores of files.", $"{path}tools[{number}].{given}");
                        }

                        var shown = name ?? (given.Length <= 64 ? given : given[..64]);
                        _request.AddPriced(new PricedField(
                            name is null ? FieldPrice.HostedTool : FieldPrice.Searches, "tools", $"{path}tools[{number}].{shown}", shown));
                    }

                    _count.Value(ref _reader, withStructure: true);
                }
            }

            return true;
        }

        private bool ReadDeclarations(string path)
        {
            if (_reader.TokenType != JsonTokenType.StartArray)
            {
                return _reader.TokenType == JsonTokenType.Null || Expected("an array", path);
            }

            for (var number = 0; _reader.Read() && _reader.TokenType != JsonTokenType.EndArray; number++)
            {
                if (_reader.TokenType != JsonTokenType.StartObject)
                {
                    return Expected("an object", $"{path}[{number}]");
                }

                _request.ToolCount++;
                _count.Value(ref _reader, withStructure: true);
            }

            return true;
        }
    }
}
