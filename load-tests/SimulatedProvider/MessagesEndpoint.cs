using System.Text;
using System.Text.Json.Nodes;

namespace OrleansGateway.SimulatedProvider;

/// <summary>
/// <c>POST /v1/messages</c> and <c>/v1/messages/count_tokens</c>. Of a request's behaviour it knows what there is of tokens, errors, breaks and
/// usage. It thinks where thinking is asked for, and calls a tool of which the last text names the name.
/// </summary>
internal sealed class MessagesEndpoint(SimulatedProviderOptions options, Counters counters, RequestLog log, ChatEndpoint chat) : JsonEndpoint(counters, log, chat)
{
    public const string Path = "/v1/messages";
    public const string CountPath = "/v1/messages/count_tokens";

    protected override async Task<ExchangeOutcome> AnswerAsync(HttpContext context, byte[] body, long number)
    {
        context.Response.Headers["request-id"] = $"req_sim{number:x12}";
        var headers = context.Request.Headers;
        if (options.ApiKey is { } key && headers["x-api-key"].ToString() != key && headers.Authorization.ToString() != $"Bearer {key}")
        {
            return await FailAsync(context, 401, "authentication_error", "invalid x-api-key");
        }

        if (!TryRead(body, out var request, out var behaviour))
        {
            return await FailAsync(context, 400, "invalid_request_error", "The request body is not valid JSON.");
        }

        if (headers["anthropic-version"].Count == 0)
        {
            return await FailAsync(context, 400, "invalid_request_error", "anthropic-version: header is required");
        }

        if (behaviour.Error is { } status)
        {
            return await FailAsync(context, status, TypeOf(status), behaviour.ErrorMessage ?? "Simulated.");
        }

        var answer = new Answer(request, behaviour, $"sim{number:x12}");
        if (context.Request.Path.Value == CountPath)
        {
            await SendAsync(context, new JsonObject { ["input_tokens"] = answer.InputTokens });
            return ExchangeOutcome.Completed;
        }

        if (request["max_tokens"] is not JsonValue)
        {
            return await FailAsync(context, 400, "invalid_request_error", "max_tokens: Field required");
        }

        if (request["stream"] is JsonValue stream && stream.TryGetValue<bool>(out var isStream) && isStream)
        {
            return await StreamAsync(context, answer, behaviour);
        }

        await SendAsync(context, answer.Whole());
        return ExchangeOutcome.Completed;
    }

    private static async Task<ExchangeOutcome> StreamAsync(HttpContext context, Answer answer, SimulatedBehaviour behaviour)
    {
        context.Response.ContentType = "text/event-stream; charset=utf-8";
        var number = 0;
        foreach (var data in answer.Events())
        {
            if (number == behaviour.BreakAfter)
            {
                context.Abort();
                return ExchangeOutcome.Broken;
            }

            if (number++ == behaviour.ErrorAfter)
            {
                await SendEventAsync(context, Error("overloaded_error", "Overloaded"));
                return ExchangeOutcome.Failed;
            }

            await SendEventAsync(context, data);
        }

        return ExchangeOutcome.Completed;
    }

    private static async Task<ExchangeOutcome> FailAsync(HttpContext context, int status, string type, string message)
    {
        context.Response.StatusCode = status;
        await SendAsync(context, Error(type, message));
        return ExchangeOutcome.Failed;
    }

    private static JsonObject Error(string type, string message) =>
        new() { ["type"] = "error", ["error"] = new JsonObject { ["type"] = type, ["message"] = message } };

    private static string TypeOf(int status) => status switch
    {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        503 or 529 => "overloaded_error",
        >= 500 => "api_error",
        _ => "invalid_request_error",
    };

    /// <summary>What is answered to one request.</summary>
    private sealed class Answer
    {
        private const int BytesPerToken = 4;

        private readonly SimulatedBehaviour _behaviour;
        private readonly List<JsonObject> _blocks = [];
        private readonly string _model;
        private readonly string _id;
        private readonly long _outputTokens;
        private readonly string _stop;
        private readonly long _reasoningTokens;

        public Answer(JsonObject request, SimulatedBehaviour behaviour, string id)
        {
            (_behaviour, _id, _model) = (behaviour, id, (string?)request["model"] ?? "");
            InputTokens = Math.Max(1, (Texts(request["system"]).Concat(Texts(request["messages"])).Sum(static text => (long)Encoding.UTF8.GetByteCount(text)) + BytesPerToken - 1) / BytesPerToken);
            var most = request["max_tokens"] is JsonValue given && given.TryGetValue<int>(out var limit) ? limit : int.MaxValue;
            if ((string?)request["thinking"]?["type"] is "enabled" or "adaptive")
            {
                _reasoningTokens = Math.Max(4, behaviour.ReasoningTokens);
                _blocks.Add(new JsonObject { ["type"] = "thinking", ["thinking"] = "Let me think. ", ["signature"] = "c2ltdWxhdGVk" });
            }

            if (Call(request) is { } call)
            {
                _blocks.Add(call);
                (_outputTokens, _stop) = (12, "tool_use");
            }
            else
            {
                var wanted = behaviour.Tokens ?? 12;
                (_outputTokens, _stop) = (Math.Min(wanted, most), wanted > most ? "max_tokens" : "end_turn");
                var text = new StringBuilder();
                for (var at = 0; at < _outputTokens; at++)
                {
                    text.Append(Encoding.UTF8.GetString(Words.At(1, 0, at)));
                }

                _blocks.Add(new JsonObject { ["type"] = "text", ["text"] = text.ToString() });
            }
        }

        public long InputTokens { get; }

        public JsonObject Whole()
        {
            var message = Message();
            message["content"] = new JsonArray([.. _blocks]);
            message["stop_reason"] = _stop;
            AddUsage(message, _outputTokens + _reasoningTokens);
            return message;
        }

        public IEnumerable<JsonObject> Events()
        {
            var message = Message();
            message["content"] = new JsonArray();
            AddUsage(message, 1);
            yield return new JsonObject { ["type"] = "message_start", ["message"] = message };
            for (var index = 0; index < _blocks.Count; index++)
            {
                foreach (var data in BlockEvents(_blocks[index]))
                {
                    if ((string)data["type"]! != "ping")
                    {
                        data["index"] = index;
                    }

                    yield return data;
                }
            }

            var end = new JsonObject
            {
                ["type"] = "message_delta",
                ["delta"] = new JsonObject { ["stop_reason"] = _stop, ["stop_sequence"] = null },
            };
            if (!_behaviour.MissingUsage)
            {
                end["usage"] = _behaviour.Usage?.DeepClone() ?? new JsonObject { ["output_tokens"] = _outputTokens + _reasoningTokens };
            }

            yield return end;
            yield return new JsonObject { ["type"] = "message_stop" };
        }

        private static IEnumerable<JsonObject> BlockEvents(JsonObject block)
        {
            var type = (string)block["type"]!;
            yield return new JsonObject
            {
                ["type"] = "content_block_start",
                ["content_block"] = type switch
                {
                    "text" => new JsonObject { ["type"] = type, ["text"] = "" },
                    "thinking" => new JsonObject { ["type"] = type, ["thinking"] = "", ["signature"] = "" },
                    _ => new JsonObject { ["type"] = type, ["id"] = (string)block["id"]!, ["name"] = (string)block["name"]!, ["input"] = new JsonObject() },
                },
            };
            yield return new JsonObject { ["type"] = "ping" };
            switch (type)
            {
                case "text":
                    foreach (var word in ((string)block["text"]!).Split(' ', StringSplitOptions.RemoveEmptyEntries))
                    {
                        yield return Delta(new JsonObject { ["type"] = "text_delta", ["text"] = word + " " });
                    }

                    break;
                case "thinking":
                    yield return Delta(new JsonObject { ["type"] = "thinking_delta", ["thinking"] = (string)block["thinking"]! });
                    yield return Delta(new JsonObject { ["type"] = "signature_delta", ["signature"] = (string)block["signature"]! });
                    break;
                default:
                    var input = block["input"]!.ToJsonString(Plain);
                    yield return Delta(new JsonObject { ["type"] = "input_json_delta", ["partial_json"] = "" });
                    yield return Delta(new JsonObject { ["type"] = "input_json_delta", ["partial_json"] = input[..(input.Length / 2)] });
                    yield return Delta(new JsonObject { ["type"] = "input_json_delta", ["partial_json"] = input[(input.Length / 2)..] });
                    break;
            }

            yield return new JsonObject { ["type"] = "content_block_stop" };
        }

        private static JsonObject Delta(JsonObject delta) => new() { ["type"] = "content_block_delta", ["delta"] = delta };

        private JsonObject Message() => new()
        {
            ["id"] = "msg_" + _id,
            ["type"] = "message",
            ["role"] = "assistant",
            ["model"] = _model,
            ["content"] = null,
            ["stop_reason"] = null,
            ["stop_sequence"] = null,
        };

        private void AddUsage(JsonObject message, long outputTokens)
        {
            if (_behaviour.MissingUsage)
            {
                return;
            }

            var (read, written) = (Math.Min(_behaviour.CachedTokens, InputTokens), _behaviour.CacheWriteTokens);
            message["usage"] = _behaviour.Usage?.DeepClone() ?? new JsonObject
            {
                ["input_tokens"] = Math.Max(0, InputTokens - read - written),
                ["cache_creation_input_tokens"] = written,
                ["cache_read_input_tokens"] = read,
                ["cache_creation"] = new JsonObject { ["ephemeral_5m_input_tokens"] = written, ["ephemeral_1h_input_tokens"] = 0 },
                ["output_tokens"] = outputTokens,
                ["service_tier"] = "standard",
            };
        }

        /// <summary>The call of the tool that the last message names; null when it names none.</summary>
        private JsonObject? Call(JsonObject request)
        {
            var text = string.Concat(Texts((request["messages"] as JsonArray)?.LastOrDefault()));
            foreach (var tool in request["tools"] as JsonArray ?? [])
            {
                var name = (string?)tool?["name"] ?? "";
                if ((string?)request["tool_choice"]?["type"] != "none" && ToolPrompt.ArgumentsOf(name, text) is { } arguments)
                {
                    return new JsonObject { ["type"] = "tool_use", ["id"] = "toolu_" + _id, ["name"] = name, ["input"] = arguments };
                }
            }

            return null;
        }

        /// <summary>Every text of a message, a list of them, or instructions.</summary>
        private static IEnumerable<string> Texts(JsonNode? node) => node switch
        {
            JsonArray list => list.SelectMany(Texts),
            JsonObject value => ((string?)value["text"] is { } text ? [text] : (IEnumerable<string>)[]).Concat(value["type"] is null || value["role"] is not null ? Texts(value["content"]) : []),
            JsonValue value when value.TryGetValue<string>(out var text) => [text],
            _ => [],
        };
    }
}
