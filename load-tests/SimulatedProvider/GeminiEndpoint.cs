using System.Text;
using System.Text.Json.Nodes;

namespace OrleansGateway.SimulatedProvider;

/// <summary>
/// <c>POST /v1beta/models/{model}:…</c>, and under <c>/v1</c>: generateContent, streamGenerateContent, countTokens, embedContent, batchEmbedContents. Of a request's
/// behaviour it knows what there is of tokens, errors and usage. It thinks where thoughts are asked for, and calls a function of which the last
/// text names the name, with the JSON object that follows it as its arguments.
/// </summary>
internal sealed class GeminiEndpoint(SimulatedProviderOptions options, Counters counters, RequestLog log, ChatEndpoint chat) : JsonEndpoint(counters, log, chat)
{
    private static readonly string[] Roots = ["/v1beta/models/", "/v1/models/"];
    private const int TokensPerChunk = 1;
    private const string JsonType = "application/json; charset=UTF-8";

    public static bool Has(string path) => path.Contains(':', StringComparison.Ordinal) && Roots.Any(root => path.StartsWith(root, StringComparison.Ordinal));

    protected override async Task<ExchangeOutcome> AnswerAsync(HttpContext context, byte[] body, long number)
    {
        if (options.ApiKey is { } key && context.Request.Headers["x-goog-api-key"].ToString() != key)
        {
            return await FailAsync(context, 400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.");
        }

        if (!TryRead(body, out var request, out var behaviour))
        {
            return await FailAsync(context, 400, "INVALID_ARGUMENT", "Invalid JSON payload received.");
        }

        if (behaviour.Error is { } status)
        {
            return await FailAsync(context, status, status == 429 ? "RESOURCE_EXHAUSTED" : status >= 500 ? "UNAVAILABLE" : "INVALID_ARGUMENT", behaviour.ErrorMessage ?? "Simulated.");
        }

        var path = context.Request.Path.Value!;
        var (model, action) = (path[(path.IndexOf("/models/", StringComparison.Ordinal) + 8)..path.LastIndexOf(':')], path[(path.LastIndexOf(':') + 1)..]);
        var answer = new Answer(request, behaviour, model, $"sim{number:x12}");
        switch (action)
        {
            case "countTokens":
                await SendAsync(context, new JsonObject { ["totalTokens"] = answer.PromptTokens }, JsonType);
                break;
            case "embedContent":
                await SendAsync(context, new JsonObject { ["embedding"] = Answer.Embedding() }, JsonType);
                break;
            case "batchEmbedContents":
                await SendAsync(context, new JsonObject { ["embeddings"] = new JsonArray([.. (request["requests"] as JsonArray ?? []).Select(_ => (JsonNode)Answer.Embedding())]) }, JsonType);
                break;
            case "generateContent":
                await SendAsync(context, answer.Whole(), JsonType);
                break;
            case "streamGenerateContent":
                return await StreamAsync(context, answer, behaviour, isArray: context.Request.Query["alt"] != "sse");
            default:
                return await FailAsync(context, 404, "NOT_FOUND", $"There is no method {action}.");
        }

        return ExchangeOutcome.Completed;
    }

    private static async Task<ExchangeOutcome> StreamAsync(HttpContext context, Answer answer, SimulatedBehaviour behaviour, bool isArray)
    {
        var response = context.Response;
        response.ContentType = isArray ? "application/json" : "text/event-stream";
        var number = 0;
        foreach (var chunk in answer.Chunks(TokensPerChunk))
        {
            if (number == behaviour.BreakAfter)
            {
                context.Abort();
                return ExchangeOutcome.Broken;
            }

            var frame = isArray ? (number == 0 ? "[" : ",") + chunk.ToJsonString(Plain) : $"data: {chunk.ToJsonString(Plain)}\r\n\r\n";
            await response.Body.WriteAsync(Encoding.UTF8.GetBytes(frame), context.RequestAborted);
            await response.Body.FlushAsync(context.RequestAborted);
            number++;
        }

        if (isArray)
        {
            await response.Body.WriteAsync("]"u8.ToArray());
        }

        return ExchangeOutcome.Completed;
    }

    private static async Task<ExchangeOutcome> FailAsync(HttpContext context, int status, string name, string message)
    {
        context.Response.StatusCode = status;
        await SendAsync(context, new JsonObject { ["error"] = new JsonObject { ["code"] = status, ["message"] = message, ["status"] = name } }, JsonType);
        return ExchangeOutcome.Failed;
    }

    /// <summary>What is answered to one request.</summary>
    private sealed class Answer(JsonObject request, SimulatedBehaviour behaviour, string model, string id)
    {
        private const int BytesPerToken = 4;

        public long PromptTokens { get; } =
            (Texts(request).Sum(static text => (long)Encoding.UTF8.GetByteCount(text)) + BytesPerToken - 1) / BytesPerToken;

        private JsonObject Config => Member(request, "generationConfig", "generation_config") as JsonObject ?? [];

        private bool Thinks => Member(Config, "thinkingConfig", "thinking_config") is JsonObject thinking
            && Member(thinking, "includeThoughts", "include_thoughts") is JsonValue shown && shown.TryGetValue<bool>(out var isShown) && isShown;

        public static JsonObject Embedding() => new() { ["values"] = new JsonArray(0.125, -0.5, 0.25) };

        public JsonObject Whole()
        {
            var (tokens, isCut) = Tokens();
            var parts = new JsonArray();
            foreach (var part in Parts(tokens, int.MaxValue))
            {
                parts.Add(part);
            }

            return Response(parts, isCut, Usage(tokens));
        }

        public IEnumerable<JsonObject> Chunks(int tokensPerChunk)
        {
            var (tokens, isCut) = Tokens();
            foreach (var part in Parts(tokens, tokensPerChunk))
            {
                yield return Response([part], null, Usage(0));
            }

            yield return Response([new JsonObject { ["text"] = "" }], isCut, Usage(tokens));
        }

        private (int Tokens, bool IsCut) Tokens()
        {
            var wanted = behaviour.Tokens ?? 12;
            var most = Member(Config, "maxOutputTokens", "max_output_tokens") is JsonValue given && given.TryGetValue<int>(out var limit) ? limit : int.MaxValue;
            return (Math.Min(wanted, most), most < wanted);
        }

        private IEnumerable<JsonNode> Parts(int tokens, int tokensPerPart)
        {
            if (Thinks)
            {
                yield return new JsonObject { ["text"] = "Let me think. ", ["thought"] = true };
            }

            if (Call() is { } call)
            {
                yield return new JsonObject { ["functionCall"] = call, ["thoughtSignature"] = "c2ltdWxhdGVk" };
                yield break;
            }

            for (var at = 0; at < tokens;)
            {
                var text = new StringBuilder();
                for (var end = tokensPerPart < tokens - at ? at + tokensPerPart : tokens; at < end; at++)
                {
                    text.Append(Encoding.UTF8.GetString(Words.At(1, 0, at)));
                }

                yield return new JsonObject { ["text"] = text.ToString() };
            }
        }

        /// <summary>The function that the last text names; null when it names none.</summary>
        private JsonObject? Call()
        {
            var last = (request["contents"] as JsonArray ?? []).LastOrDefault();
            var text = string.Concat((last?["parts"] as JsonArray ?? []).Select(static part => (string?)part?["text"]));
            foreach (var tool in request["tools"] as JsonArray ?? [])
            {
                foreach (var declaration in Member(tool!.AsObject(), "functionDeclarations", "function_declarations") as JsonArray ?? [])
                {
                    var name = (string?)declaration?["name"] ?? "";
                    if (ToolPrompt.ArgumentsOf(name, text) is { } arguments)
                    {
                        return new JsonObject { ["id"] = "call_" + id, ["name"] = name, ["args"] = arguments };
                    }
                }
            }

            return null;
        }

        private JsonObject Usage(int tokens)
        {
            var thoughts = tokens > 0 && Thinks ? Math.Max(4, behaviour.ReasoningTokens) : 0;
            var usage = new JsonObject { ["promptTokenCount"] = PromptTokens, ["totalTokenCount"] = PromptTokens + tokens + thoughts };
            foreach (var (name, count) in (ReadOnlySpan<(string, long)>)
                [("candidatesTokenCount", tokens), ("thoughtsTokenCount", thoughts), ("cachedContentTokenCount", Math.Min(behaviour.CachedTokens, PromptTokens))])
            {
                if (count > 0)
                {
                    usage[name] = count;
                }
            }

            return usage;
        }

        /// <param name="isCut">Null when it has not ended.</param>
        private JsonObject Response(JsonArray parts, bool? isCut, JsonObject usage)
        {
            var candidate = new JsonObject { ["content"] = new JsonObject { ["parts"] = parts, ["role"] = "model" }, ["index"] = 0 };
            if (isCut is { } cut)
            {
                candidate["finishReason"] = cut ? "MAX_TOKENS" : "STOP";
            }

            var response = new JsonObject { ["candidates"] = new JsonArray(candidate), ["modelVersion"] = model, ["responseId"] = id };
            if (!behaviour.MissingUsage)
            {
                response["usageMetadata"] = usage;
            }

            return response;
        }

        private static JsonNode? Member(JsonObject node, string name, string other) => node[name] ?? node[other];

        private static IEnumerable<string> Texts(JsonNode? node) => node switch
        {
            JsonObject members => members.Where(static member => member.Key is not ("data" or "sim")).SelectMany(static member =>
                member.Key == "text" && member.Value is JsonValue value && value.TryGetValue<string>(out var text) ? [text] : Texts(member.Value)),
            JsonArray items => items.SelectMany(Texts),
            _ => [],
        };
    }
}
