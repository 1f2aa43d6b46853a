using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using static OrleansGateway.Tests.Integration.Clients.ScriptedAnswer;

namespace OrleansGateway.Tests.Integration.Clients;

/// <summary>A provider that speaks OpenAI's, Anthropic's and Google's protocols as they do, and keeps what it was asked.</summary>
internal sealed class ScriptedProvider : IAsyncDisposable
{
    private readonly WebApplication _app;

    private ScriptedProvider(WebApplication app) => _app = app;

    /// <summary>Where it is.</summary>
    public string Address { get; private set; } = "";

    /// <summary>The bodies that came, by their path.</summary>
    public ConcurrentQueue<(string Path, JsonNode Body)> Requests { get; } = [];

    public static async Task<ScriptedProvider> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var provider = new ScriptedProvider(builder.Build());
        provider._app.MapPost("/openai/v1/chat/completions", provider.ChatAsync);
        provider._app.MapPost("/openai/v1/responses", provider.ResponsesAsync);
        provider._app.MapPost("/anthropic/v1/messages", provider.MessagesAsync);
        provider._app.MapPost("/gemini/v1beta/models/{model}:generateContent", context => provider.GeminiAsync(context, streamed: false));
        provider._app.MapPost("/gemini/v1beta/models/{model}:countTokens", static context => WholeAsync(context, new JsonObject { ["totalTokens"] = InputTokens }));
        provider._app.MapPost("/gemini/v1beta/models/{model}:streamGenerateContent", context => provider.GeminiAsync(context, streamed: true));
        await provider._app.StartAsync();
        provider.Address = provider._app.Services.GetRequiredService<IServer>().Features.GetRequiredFeature<IServerAddressesFeature>().Addresses.First();
        return provider;
    }

    public async ValueTask DisposeAsync() => await _app.DisposeAsync();

    private async Task<JsonNode> ReadAsync(HttpContext context)
    {
        var body = JsonNode.Parse(await new StreamReader(context.Request.Body).ReadToEndAsync())!;
        Requests.Enqueue((context.Request.Path, body));
        return body;
    }

    /// <summary>Chat Completions.</summary>
    private async Task ChatAsync(HttpContext context)
    {
        var body = await ReadAsync(context);
        var messages = body["messages"]!.AsArray();
        var last = messages[^1]!;
        var answer = For(
            Words(messages, "user"),
            Names(body["tools"], static tool => tool["function"]),
            (string?)last["role"] == "tool" ? last.ToJsonString() : null);
        if (answer.Status != 200)
        {
            await FailAsync(context, answer, new { error = new { message = "Told to fail.", type = "invalid_request_error", param = (string?)null, code = (string?)null } });
            return;
        }

        var usage = new JsonObject
        {
            ["prompt_tokens"] = InputTokens,
            ["completion_tokens"] = OutputTokens,
            ["total_tokens"] = InputTokens + OutputTokens,
            ["prompt_tokens_details"] = new JsonObject { ["cached_tokens"] = CachedTokens },
        };
        var finish = answer.CallsTools ? "tool_calls" : "stop";
        if ((bool?)body["stream"] != true)
        {
            var message = new JsonObject { ["role"] = "assistant", ["content"] = answer.Text.Length == 0 ? null : answer.Whole };
            if (answer.Reasoning.Length > 0)
            {
                message["reasoning_content"] = answer.Reasoning;
            }

            if (answer.CallsTools)
            {
                message["tool_calls"] = new JsonArray([.. answer.Tools.Select(tool => (JsonNode)new JsonObject
                {
                    ["id"] = tool.Id,
                    ["type"] = "function",
                    ["function"] = new JsonObject { ["name"] = tool.Name, ["arguments"] = string.Concat(tool.Arguments) },
                })]);
            }

            await WholeAsync(context, new JsonObject
            {
                ["id"] = "chatcmpl-1",
                ["object"] = "chat.completion",
                ["created"] = 1,
                ["model"] = "upstream",
                ["choices"] = new JsonArray(new JsonObject { ["index"] = 0, ["message"] = message, ["finish_reason"] = finish }),
                ["usage"] = usage,
            });
            return;
        }

        var stream = new Events(context);
        await stream.DataAsync(Chunk(new JsonObject { ["role"] = "assistant", ["content"] = "" }));
        if (answer.Reasoning.Length > 0)
        {
            await stream.DataAsync(Chunk(new JsonObject { ["reasoning_content"] = answer.Reasoning }));
        }

        foreach (var piece in answer.Text)
        {
            await stream.DataAsync(Chunk(new JsonObject { ["content"] = piece }));
        }

        if (answer.BreaksOff)
        {
            await stream.BreakOffAsync(answer);
            return;
        }

        for (var i = 0; i < answer.Tools.Length; i++)
        {
            var (id, name, arguments) = answer.Tools[i];
            await stream.DataAsync(Chunk(Tool(i, id, name, "")));
            foreach (var piece in arguments)
            {
                await stream.DataAsync(Chunk(Tool(i, null, null, piece)));
            }
        }

        await stream.DataAsync(Chunk([], finish));
        await stream.DataAsync(new JsonObject
        {
            ["id"] = "chatcmpl-1",
            ["object"] = "chat.completion.chunk",
            ["created"] = 1,
            ["model"] = "upstream",
            ["choices"] = new JsonArray(),
            ["usage"] = usage,
        });
        await stream.WriteAsync("data: [DONE]\n\n");

        static JsonObject Chunk(JsonObject delta, string? finish = null) => new()
        {
            ["id"] = "chatcmpl-1",
            ["object"] = "chat.completion.chunk",
            ["created"] = 1,
            ["model"] = "upstream",
            ["choices"] = new JsonArray(new JsonObject { ["index"] = 0, ["delta"] = delta, ["finish_reason"] = finish }),
        };

        static JsonObject Tool(int index, string? id, string? name, string arguments)
        {
            var call = new JsonObject { ["index"] = index };
            var function = new JsonObject();
            if (id is not null)
            {
                (call["id"], call["type"], function["name"]) = (id, "function", name);
            }

            function["arguments"] = arguments;
            call["function"] = function;
            return new JsonObject { ["tool_calls"] = new JsonArray(call) };
        }
    }

    /// <summary>Responses.</summary>
    private async Task ResponsesAsync(HttpContext context)
    {
        var body = await ReadAsync(context);
        var input = body["input"]!;
        var words = input is JsonArray items ? Words(items, "user") : (string)input!;
        var answer = For(
            words,
            Names(body["tools"], static tool => tool),
            input is JsonArray all && (string?)all[^1]!["type"] == "function_call_output" ? all[^1]!.ToJsonString() : null);
        if (answer.Status != 200)
        {
            await FailAsync(context, answer, new { error = new { message = "Told to fail.", type = "invalid_request_error", param = (string?)null, code = (string?)null } });
            return;
        }

        var output = new JsonArray();
        if (answer.Text.Length > 0)
        {
            output.Add(new JsonObject
            {
                ["id"] = "msg_1",
                ["type"] = "message",
                ["role"] = "assistant",
                ["status"] = "completed",
                ["content"] = new JsonArray(new JsonObject { ["type"] = "output_text", ["text"] = answer.Whole, ["annotations"] = new JsonArray() }),
            });
        }

        foreach (var (id, name, arguments) in answer.Tools)
        {
            output.Add(new JsonObject
            {
                ["id"] = "fc_" + id,
                ["type"] = "function_call",
                ["call_id"] = id,
                ["name"] = name,
                ["arguments"] = string.Concat(arguments),
                ["status"] = "completed",
            });
        }

        if ((bool?)body["stream"] != true)
        {
            await WholeAsync(context, Response("completed", output));
            return;
        }

        var (stream, number) = (new Events(context), 0);
        await SendAsync("response.created", new JsonObject { ["response"] = Response("in_progress", []) });
        await SendAsync("response.in_progress", new JsonObject { ["response"] = Response("in_progress", []) });
        for (var i = 0; i < output.Count; i++)
        {
            var item = output[i]!;
            var id = (string)item["id"]!;
            var begun = item.DeepClone();
            begun["status"] = "in_progress";
            begun[(string?)item["type"] == "message" ? "content" : "arguments"] = (string?)item["type"] == "message" ? new JsonArray() : "";
            await SendAsync("response.output_item.added", new JsonObject { ["output_index"] = i, ["item"] = begun });
            if ((string?)item["type"] == "message")
            {
                var part = item["content"]![0]!;
                var empty = part.DeepClone();
                empty["text"] = "";
                await SendAsync("response.content_part.added", new JsonObject { ["item_id"] = id, ["output_index"] = i, ["content_index"] = 0, ["part"] = empty });
                foreach (var piece in answer.Text)
                {
                    await SendAsync(
                        "response.output_text.delta",
                        new JsonObject { ["item_id"] = id, ["output_index"] = i, ["content_index"] = 0, ["delta"] = piece, ["logprobs"] = new JsonArray() });
                }

                if (answer.BreaksOff)
                {
                    await stream.BreakOffAsync(answer);
                    return;
                }

                await SendAsync(
                    "response.output_text.done",
                    new JsonObject { ["item_id"] = id, ["output_index"] = i, ["content_index"] = 0, ["text"] = answer.Whole, ["logprobs"] = new JsonArray() });
                await SendAsync("response.content_part.done", new JsonObject { ["item_id"] = id, ["output_index"] = i, ["content_index"] = 0, ["part"] = part.DeepClone() });
            }
            else
            {
                foreach (var piece in answer.Tools.Single(tool => "fc_" + tool.Id == id).Arguments)
                {
                    await SendAsync("response.function_call_arguments.delta", new JsonObject { ["item_id"] = id, ["output_index"] = i, ["delta"] = piece });
                }

                await SendAsync(
                    "response.function_call_arguments.done",
                    new JsonObject { ["item_id"] = id, ["output_index"] = i, ["name"] = (string?)item["name"], ["arguments"] = (string?)item["arguments"] });
            }

            await SendAsync("response.output_item.done", new JsonObject { ["output_index"] = i, ["item"] = item.DeepClone() });
        }

        await SendAsync("response.completed", new JsonObject { ["response"] = Response("completed", output) });

        Task SendAsync(string type, JsonObject data)
        {
            (data["type"], data["sequence_number"]) = (type, number++);
            return stream.WriteAsync($"event: {type}\ndata: {data.ToJsonString()}\n\n");
        }

        JsonObject Response(string status, JsonArray items) => new()
        {
            ["id"] = "resp_1",
            ["object"] = "response",
            ["created_at"] = 1,
            ["status"] = status,
            ["error"] = null,
            ["incomplete_details"] = null,
            ["model"] = "upstream",
            ["output"] = items.DeepClone(),
            ["parallel_tool_calls"] = true,
            ["tool_choice"] = "auto",
            ["tools"] = new JsonArray(),
            ["usage"] = status != "completed" ? null : new JsonObject
            {
                ["input_tokens"] = InputTokens,
                ["input_tokens_details"] = new JsonObject { ["cached_tokens"] = CachedTokens },
                ["output_tokens"] = OutputTokens,
                ["output_tokens_details"] = new JsonObject { ["reasoning_tokens"] = 0 },
                ["total_tokens"] = InputTokens + OutputTokens,
            },
        };
    }

    /// <summary>Messages.</summary>
    private async Task MessagesAsync(HttpContext context)
    {
        var body = await ReadAsync(context);
        var messages = body["messages"]!.AsArray();
        var answer = For(
            Words(messages, "user"),
            Names(body["tools"], static tool => tool),
            messages[^1]!["content"] is JsonArray parts && parts.Any(part => (string?)part!["type"] == "tool_result") ? parts.ToJsonString() : null);
        if (answer.Status != 200)
        {
            await FailAsync(context, answer, new { type = "error", error = new { type = "invalid_request_error", message = "Told to fail." }, request_id = "req_1" });
            return;
        }

        var (streamed, blocks) = ((bool?)body["stream"] == true, new List<(JsonObject Block, string DeltaType, string Member, string[] Pieces)>());
        if (answer.Reasoning.Length > 0)
        {
            blocks.Add((new JsonObject { ["type"] = "thinking", ["thinking"] = streamed ? "" : answer.Reasoning, ["signature"] = streamed ? "" : "c2ln" }, "thinking_delta", "thinking", [answer.Reasoning]));
        }

        if (answer.Text.Length > 0)
        {
            blocks.Add((new JsonObject { ["type"] = "text", ["text"] = streamed ? "" : answer.Whole }, "text_delta", "text", answer.Text));
        }

        foreach (var (id, name, arguments) in answer.Tools)
        {
            blocks.Add((
                new JsonObject { ["type"] = "tool_use", ["id"] = id, ["name"] = name, ["input"] = streamed ? new JsonObject() : Parse(arguments) },
                "input_json_delta",
                "partial_json",
                ["", .. arguments]));
        }

        var message = new JsonObject
        {
            ["id"] = "msg_1",
            ["type"] = "message",
            ["role"] = "assistant",
            ["model"] = "upstream",
            ["content"] = new JsonArray(),
            ["stop_reason"] = null,
            ["stop_sequence"] = null,
            ["usage"] = new JsonObject
            {
                ["input_tokens"] = InputTokens - CachedTokens,
                ["cache_creation_input_tokens"] = 0,
                ["cache_read_input_tokens"] = CachedTokens,
                ["output_tokens"] = 1,
            },
        };
        var stop = answer.CallsTools ? "tool_use" : "end_turn";
        if (!streamed)
        {
            message["content"] = new JsonArray([.. blocks.Select(block => (JsonNode)block.Block)]);
            message["stop_reason"] = stop;
            message["usage"]!["output_tokens"] = OutputTokens;
            await WholeAsync(context, message);
            return;
        }

        var stream = new Events(context);
        await SendAsync(new JsonObject { ["type"] = "message_start", ["message"] = message });
        for (var i = 0; i < blocks.Count; i++)
        {
            var (block, deltaType, member, pieces) = blocks[i];
            await SendAsync(new JsonObject { ["type"] = "content_block_start", ["index"] = i, ["content_block"] = block });
            await SendAsync(new JsonObject { ["type"] = "ping" });
            foreach (var piece in pieces)
            {
                await SendAsync(new JsonObject
                {
                    ["type"] = "content_block_delta",
                    ["index"] = i,
                    ["delta"] = new JsonObject { ["type"] = deltaType, [member] = piece },
                });
            }

            if (answer.BreaksOff)
            {
                await stream.BreakOffAsync(answer);
                return;
            }

            if (deltaType == "thinking_delta")
            {
                await SendAsync(new JsonObject
                {
                    ["type"] = "content_block_delta",
                    ["index"] = i,
                    ["delta"] = new JsonObject { ["type"] = "signature_delta", ["signature"] = "c2ln" },
                });
            }

            await SendAsync(new JsonObject { ["type"] = "content_block_stop", ["index"] = i });
        }

        await SendAsync(new JsonObject
        {
            ["type"] = "message_delta",
            ["delta"] = new JsonObject { ["stop_reason"] = stop, ["stop_sequence"] = null },
            ["usage"] = new JsonObject { ["output_tokens"] = OutputTokens },
        });
        await SendAsync(new JsonObject { ["type"] = "message_stop" });

        Task SendAsync(JsonObject data) => stream.WriteAsync($"event: {(string)data["type"]!}\ndata: {data.ToJsonString()}\n\n");
    }

    /// <summary>generateContent and streamGenerateContent.</summary>
    private async Task GeminiAsync(HttpContext context, bool streamed)
    {
        var body = await ReadAsync(context);
        var contents = body["contents"]!.AsArray();
        var answer = For(
            string.Concat(contents.Last(turn => ((string?)turn!["role"] ?? "user") == "user")!["parts"]!.AsArray().Select(part => (string?)part!["text"])),
            [.. (body["tools"]?.AsArray() ?? []).SelectMany(tool => Names(tool!["functionDeclarations"], static function => function))],
            contents[^1]!["parts"]!.AsArray().Any(part => part!["functionResponse"] is not null) ? contents[^1]!.ToJsonString() : null);
        if (answer.Status != 200)
        {
            await FailAsync(context, answer, new { error = new { code = answer.Status, message = "Told to fail.", status = "INVALID_ARGUMENT" } });
            return;
        }

        var parts = new List<JsonObject>();
        if (answer.Reasoning.Length > 0)
        {
            parts.Add(new JsonObject { ["text"] = answer.Reasoning, ["thought"] = true });
        }

        parts.AddRange((streamed ? answer.Text : answer.Text.Length == 0 ? [] : [answer.Whole]).Select(piece => new JsonObject { ["text"] = piece }));
        parts.AddRange(answer.Tools.Select((tool, i) =>
        {
            var part = new JsonObject { ["functionCall"] = new JsonObject { ["name"] = tool.Name, ["args"] = Parse(tool.Arguments) } };
            if (i == 0)
            {
                part["thoughtSignature"] = "c2ln";
            }

            return part;
        }));
        if (!streamed)
        {
            await WholeAsync(context, Response([.. parts], isLast: true));
            return;
        }

        var stream = new Events(context);
        for (var i = 0; i < parts.Count; i++)
        {
            await stream.DataAsync(Response([parts[i]], isLast: i == parts.Count - 1 && !answer.BreaksOff));
        }

        await stream.BreakOffAsync(answer);

        static JsonObject Response(JsonNode[] parts, bool isLast)
        {
            var candidate = new JsonObject { ["content"] = new JsonObject { ["role"] = "model", ["parts"] = new JsonArray(parts) }, ["index"] = 0 };
            if (isLast)
            {
                candidate["finishReason"] = "STOP";
            }

            return new JsonObject
            {
                ["candidates"] = new JsonArray(candidate),
                ["usageMetadata"] = new JsonObject
                {
                    ["promptTokenCount"] = InputTokens,
                    ["cachedContentTokenCount"] = CachedTokens,
                    ["candidatesTokenCount"] = isLast ? OutputTokens : 1,
                    ["totalTokenCount"] = InputTokens + (isLast ? OutputTokens : 1),
                },
                ["modelVersion"] = "upstream",
                ["responseId"] = "r1",
            };
        }
    }

    /// <summary>The last text of a role, whether it is a string or in parts.</summary>
    private static string Words(JsonArray messages, string role)
    {
        var content = messages.LastOrDefault(message => (string?)message!["role"] == role && message["content"] is not null)?["content"];
        return content switch
        {
            JsonArray parts => string.Concat(parts.Select(part => (string?)part!["text"])),
            null => "",
            _ => (string)content!,
        };
    }

    private static List<string> Names(JsonNode? tools, Func<JsonNode, JsonNode?> named) =>
        [.. (tools?.AsArray() ?? []).Select(tool => (string?)named(tool!)?["name"]).OfType<string>()];

    private static async Task WholeAsync(HttpContext context, JsonObject body)
    {
        context.Response.ContentType = "application/json";
        await context.Response.WriteAsync(body.ToJsonString());
    }

    private static async Task FailAsync(HttpContext context, ScriptedAnswer answer, object body)
    {
        context.Response.StatusCode = answer.Status;
        await context.Response.WriteAsJsonAsync(body);
    }

    private sealed class Events
    {
        private readonly HttpContext _context;

        public Events(HttpContext context)
        {
            _context = context;
            context.Response.ContentType = "text/event-stream";
        }

        public async Task BreakOffAsync(ScriptedAnswer answer)
        {
            if (answer.FallsSilent)
            {
                await Task.Delay(Timeout.Infinite, _context.RequestAborted).ContinueWith(static _ => { }, TaskScheduler.Default);
            }
        }

        public Task DataAsync(JsonObject data) => WriteAsync($"data: {data.ToJsonString()}\n\n");

        public async Task WriteAsync(string text)
        {
            await _context.Response.WriteAsync(text);
            await _context.Response.Body.FlushAsync();
        }
    }
}
