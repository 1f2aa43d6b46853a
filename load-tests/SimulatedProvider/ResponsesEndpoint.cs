using System.Text;
using System.Text.Json.Nodes;

namespace OrleansGateway.SimulatedProvider;

/// <summary>
/// <c>POST /v1/responses</c> and <c>/v1/responses/input_tokens</c>. Of a request's behaviour it knows what there is of tokens, errors, breaks
/// and usage. It reasons where an effort is asked for, and calls a function of which the last text names the name.
/// </summary>
internal sealed class ResponsesEndpoint(Counters counters, RequestLog log, ChatEndpoint chat) : JsonEndpoint(counters, log, chat)
{
    public const string Path = "/v1/responses";
    public const string CountPath = "/v1/responses/input_tokens";

    protected override async Task<ExchangeOutcome> AnswerAsync(HttpContext context, byte[] body, long number)
    {
        context.Response.Headers["x-request-id"] = $"req_sim{number:x12}";
        if (!TryRead(body, out var request, out var behaviour))
        {
            behaviour = new SimulatedBehaviour { Error = 400, ErrorMessage = "We could not parse the JSON body of your request." };
            request = [];
        }

        if (!Chat.IsAuthorized(context))
        {
            behaviour = new SimulatedBehaviour { Error = 401, ErrorMessage = "Incorrect API key provided." };
        }
        else if (behaviour.Error is null && request["input"] is null)
        {
            behaviour = new SimulatedBehaviour { Error = 400, ErrorMessage = "Missing required parameter: 'input'." };
        }

        if (behaviour is { Error: { } status, ErrorAfter: null })
        {
            await Faults.SendAsync(context, status, behaviour);
            return ExchangeOutcome.Failed;
        }

        var answer = new Answer(request, behaviour, $"sim{number:x12}");
        if (context.Request.Path.Value == CountPath)
        {
            await SendAsync(context, new JsonObject { ["object"] = "response.input_tokens", ["input_tokens"] = answer.InputTokens });
            return ExchangeOutcome.Completed;
        }

        if ((bool?)request["stream"] == true)
        {
            return await StreamAsync(context, answer, behaviour);
        }

        await SendAsync(context, answer.Response(isDone: true));
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

            if (number == behaviour.ErrorAfter)
            {
                await WriteAsync(new JsonObject { ["type"] = "error", ["code"] = "server_error", ["message"] = behaviour.ErrorMessage ?? "Simulated.", ["param"] = null });
                return ExchangeOutcome.Failed;
            }

            await WriteAsync(data);
        }

        return ExchangeOutcome.Completed;

        Task WriteAsync(JsonObject data)
        {
            data["sequence_number"] = number++;
            return SendEventAsync(context, data);
        }
    }

    /// <summary>What is answered to one request.</summary>
    private sealed class Answer
    {
        private const int BytesPerToken = 4;

        private readonly JsonObject _request;
        private readonly SimulatedBehaviour _behaviour;
        private readonly string _id;
        private readonly List<JsonObject> _items = [];
        private readonly long _outputTokens;
        private readonly long _reasoningTokens;
        private readonly bool _isCut;

        public Answer(JsonObject request, SimulatedBehaviour behaviour, string id)
        {
            (_request, _behaviour, _id) = (request, behaviour, id);
            InputTokens = Math.Max(1, (Texts(request["instructions"]).Concat(Texts(request["input"])).Sum(static text => (long)Encoding.UTF8.GetByteCount(text)) + BytesPerToken - 1) / BytesPerToken);
            if (request["reasoning"]?["effort"] is not null and var effort && (string?)effort != "none")
            {
                _reasoningTokens = Math.Max(4, behaviour.ReasoningTokens);
                _items.Add(new JsonObject
                {
                    ["id"] = "rs_" + id,
                    ["type"] = "reasoning",
                    ["summary"] = new JsonArray(new JsonObject { ["type"] = "summary_text", ["text"] = "Let me think. " }),
                    ["encrypted_content"] = "c2ltdWxhdGVk",
                });
            }

            if (Call() is { } call)
            {
                _items.Add(call);
                _outputTokens = 12;
                return;
            }

            var most = request["max_output_tokens"] is JsonValue given && given.TryGetValue<int>(out var limit) ? limit : int.MaxValue;
            var wanted = behaviour.Tokens ?? 12;
            (_outputTokens, _isCut) = (Math.Min(wanted, most), wanted > most);
            var text = new StringBuilder();
            for (var at = 0; at < _outputTokens; at++)
            {
                text.Append(Encoding.UTF8.GetString(Words.At(1, 0, at)));
            }

            _items.Add(new JsonObject
            {
                ["id"] = "msg_" + id,
                ["type"] = "message",
                ["status"] = "completed",
                ["role"] = "assistant",
                ["content"] = new JsonArray(new JsonObject { ["type"] = "output_text", ["annotations"] = new JsonArray(), ["logprobs"] = new JsonArray(), ["text"] = text.ToString() }),
            });
        }

        public long InputTokens { get; }

        public JsonObject Response(bool isDone)
        {
            var response = new JsonObject
            {
                ["id"] = "resp_" + _id,
                ["object"] = "response",
                ["created_at"] = 1_700_000_000,
                ["status"] = !isDone ? "in_progress" : _isCut ? "incomplete" : "completed",
                ["error"] = null,
                ["incomplete_details"] = isDone && _isCut ? new JsonObject { ["reason"] = "max_output_tokens" } : null,
                ["model"] = _request["model"]?.DeepClone(),
                ["output"] = isDone ? new JsonArray([.. _items.Select(static item => item.DeepClone())]) : new JsonArray(),
                ["previous_response_id"] = null,
                ["service_tier"] = "default",
                ["store"] = _request["store"]?.DeepClone() ?? true,
                ["usage"] = null,
            };
            foreach (var name in (string[])["instructions", "max_output_tokens", "metadata", "reasoning", "temperature", "text", "tool_choice", "tools", "top_p"])
            {
                response[name] = _request[name]?.DeepClone();
            }

            if (isDone && !_behaviour.MissingUsage)
            {
                response["usage"] = _behaviour.Usage?.DeepClone() ?? new JsonObject
                {
                    ["input_tokens"] = InputTokens,
                    ["input_tokens_details"] = new JsonObject { ["cached_tokens"] = Math.Min(_behaviour.CachedTokens, InputTokens), ["cache_write_tokens"] = _behaviour.CacheWriteTokens },
                    ["output_tokens"] = _outputTokens + _reasoningTokens,
                    ["output_tokens_details"] = new JsonObject { ["reasoning_tokens"] = _reasoningTokens },
                    ["total_tokens"] = InputTokens + _outputTokens + _reasoningTokens,
                };
            }

            return response;
        }

        public IEnumerable<JsonObject> Events()
        {
            yield return new JsonObject { ["type"] = "response.created", ["response"] = Response(isDone: false) };
            yield return new JsonObject { ["type"] = "response.in_progress", ["response"] = Response(isDone: false) };
            for (var index = 0; index < _items.Count; index++)
            {
                foreach (var data in ItemEvents(_items[index]))
                {
                    data["output_index"] = index;
                    yield return data;
                }
            }

            yield return new JsonObject { ["type"] = _isCut ? "response.incomplete" : "response.completed", ["response"] = Response(isDone: true) };
        }

        private static IEnumerable<JsonObject> ItemEvents(JsonObject item)
        {
            var (id, type) = ((string)item["id"]!, (string)item["type"]!);
            var begun = item.DeepClone().AsObject();
            begun.Remove("encrypted_content");
            foreach (var list in (string[])["content", "summary"])
            {
                if (begun[list] is not null)
                {
                    begun[list] = new JsonArray();
                }
            }

            if (begun["arguments"] is not null)
            {
                begun["arguments"] = "";
            }

            yield return new JsonObject { ["type"] = "response.output_item.added", ["item"] = begun };
            foreach (var data in type switch
            {
                "reasoning" => TextEvents("response.reasoning_summary_part", "response.reasoning_summary_text", "summary_index", item["summary"]![0]!),
                "message" => TextEvents("response.content_part", "response.output_text", "content_index", item["content"]![0]!),
                _ => CallEvents((string)item["arguments"]!),
            })
            {
                data["item_id"] = id;
                yield return data;
            }

            yield return new JsonObject { ["type"] = "response.output_item.done", ["item"] = item.DeepClone() };
        }

        private static IEnumerable<JsonObject> TextEvents(string part, string text, string index, JsonNode whole)
        {
            var begun = whole.DeepClone().AsObject();
            begun["text"] = "";
            yield return new JsonObject { ["type"] = part + ".added", [index] = 0, ["part"] = begun };
            foreach (var word in ((string)whole["text"]!).Split(' ', StringSplitOptions.RemoveEmptyEntries))
            {
                yield return new JsonObject { ["type"] = text + ".delta", [index] = 0, ["delta"] = word + " " };
            }

            yield return new JsonObject { ["type"] = text + ".done", [index] = 0, ["text"] = (string)whole["text"]! };
            yield return new JsonObject { ["type"] = part + ".done", [index] = 0, ["part"] = whole.DeepClone() };
        }

        private static IEnumerable<JsonObject> CallEvents(string arguments)
        {
            const string Type = "response.function_call_arguments";
            yield return new JsonObject { ["type"] = Type + ".delta", ["delta"] = arguments[..(arguments.Length / 2)] };
            yield return new JsonObject { ["type"] = Type + ".delta", ["delta"] = arguments[(arguments.Length / 2)..] };
            yield return new JsonObject { ["type"] = Type + ".done", ["arguments"] = arguments };
        }

        /// <summary>The call of the function that the last item names; null when it names none.</summary>
        private JsonObject? Call()
        {
            var text = string.Concat(Texts(_request["input"] is JsonArray items ? items.LastOrDefault() : _request["input"]));
            foreach (var tool in _request["tools"] as JsonArray ?? [])
            {
                var name = (string?)tool?["name"] ?? "";
                if ((string?)tool?["type"] == "function" && (_request["tool_choice"] as JsonValue)?.ToString() != "none" && ToolPrompt.ArgumentsOf(name, text) is { } arguments)
                {
                    return new JsonObject
                    {
                        ["id"] = "fc_" + _id,
                        ["type"] = "function_call",
                        ["status"] = "completed",
                        ["call_id"] = "call_" + _id,
                        ["name"] = name,
                        ["arguments"] = arguments.ToJsonString(Plain),
                    };
                }
            }

            return null;
        }

        /// <summary>Every text of an input, of an item or of what is in it.</summary>
        private static IEnumerable<string> Texts(JsonNode? node) => node switch
        {
            JsonArray list => list.SelectMany(Texts),
            JsonObject value => Texts(value["text"]).Concat(Texts(value["content"])),
            JsonValue value when value.TryGetValue<string>(out var text) => [text],
            _ => [],
        };
    }
}
