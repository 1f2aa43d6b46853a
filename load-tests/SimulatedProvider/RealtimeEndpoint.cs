using System.Globalization;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.WebSockets;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace OrleansGateway.SimulatedProvider;

/// <summary>
/// Realtime sessions in OpenAI's shape, by rule: text, and sound that is silence. A second of PCM that is heard is a turn, as a detector of
/// speech would find one, and answered by itself unless <c>turn_detection</c> is null or says otherwise. What a response does is told by a
/// member <c>sim</c> of the session or of the event that asks for it: <c>tokens</c>, <c>hang_after</c> and <c>break_after</c> (parts),
/// <c>usage</c>, <c>missing_usage</c>, <c>fail</c>; of the session alone <c>turns</c> (how many what is heard at once is),
/// <c>transcription_usage</c> (null for none) and <c>silent</c> (does not say that it is set).
/// </summary>
internal sealed class RealtimeEndpoint(SimulatedProviderOptions options, RequestLog log, ChatEndpoint chat)
{
    public const string Path = "/v1/realtime";

    private const int EventBytesMax = 16 * 1024 * 1024;

    /// <summary>A second of PCM of 24 kHz.</summary>
    private const int TurnBytes = 48_000;

    private const int BytesPerMs = 48;

    private readonly WebSocketMiddleware _sockets = new(_ => Task.CompletedTask, Options.Create(new WebSocketOptions()), NullLoggerFactory.Instance);
    private int _sessions;

    public async Task HandleAsync(HttpContext context)
    {
        var isAuthorized = chat.IsAuthorized(context);
        var number = Interlocked.Increment(ref _sessions);
        log.Add(number, context, default);
        if (chat.Defaults.Error is { } status)
        {
            await Faults.SendAsync(context, status, chat.Defaults);
            return;
        }

        await _sockets.Invoke(context);
        if (!context.WebSockets.IsWebSocketRequest)
        {
            await Faults.SendAsync(context, 400, new SimulatedBehaviour { ErrorMessage = "This is a WebSocket." });
            return;
        }

        using var socket = await context.WebSockets.AcceptWebSocketAsync();
        await using var session = new Session(context, socket, number, log, options.Models);
        try
        {
            await (isAuthorized ? session.RunAsync() : session.RefuseAsync());
        }
        catch (Exception exception) when (exception is WebSocketException or OperationCanceledException or IOException)
        {
            // The client has gone.
        }
    }

    private sealed class Session(HttpContext context, WebSocket socket, int number, RequestLog log, IReadOnlyList<string> models) : IAsyncDisposable
    {
        private readonly SemaphoreSlim _writing = new(1, 1);
        private readonly CancellationTokenSource _over = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted);
        private readonly JsonObject _session = new()
        {
            ["type"] = "realtime",
            ["object"] = "realtime.session",
            ["id"] = $"sess_sim{number}",
            ["model"] = (string?)context.Request.Query["model"] ?? models[0],
            ["output_modalities"] = new JsonArray("audio"),
            ["max_output_tokens"] = "inf",
            ["instructions"] = "Be brief.",
            ["tools"] = new JsonArray(),
            ["audio"] = new JsonObject
            {
                ["input"] = new JsonObject
                {
                    ["format"] = new JsonObject { ["type"] = "audio/pcm", ["rate"] = 24000 },
                    ["turn_detection"] = new JsonObject { ["type"] = "server_vad", ["create_response"] = true, ["interrupt_response"] = true },
                    ["transcription"] = null,
                },
            },
            ["client_secret"] = new JsonObject { ["value"] = "ek_of_the_provider", ["expires_at"] = 1 },
        };

        private JsonObject _sim = [];
        private CancellationTokenSource? _cancel;
        private Task _response = Task.CompletedTask;
        private int _events;
        private int _items;
        private int _responses;
        private int _heardBytes;
        private int _committedMs;
        private int _textTokens = 10;
        private int _audioTokens;
        private int _cachedText;
        private int _cachedAudio;

        public async Task RefuseAsync()
        {
            await ErrorAsync("invalid_api_key", "Incorrect API key provided.", null);
            await socket.CloseAsync((WebSocketCloseStatus)3000, "invalid_request_error.invalid_api_key", _over.Token);
        }

        public async Task RunAsync()
        {
            await SendAsync(new() { ["type"] = "session.created", ["session"] = _session.DeepClone() });
            var buffer = new MemoryStream();
            var part = new byte[64 * 1024];
            while (true)
            {
                buffer.SetLength(0);
                WebSocketReceiveResult read;
                do
                {
                    read = await socket.ReceiveAsync(part, _over.Token);
                    buffer.Write(part, 0, read.Count);
                }
                while (!read.EndOfMessage && buffer.Length < EventBytesMax);
                if (read.MessageType == WebSocketMessageType.Close)
                {
                    await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, "", _over.Token);
                    return;
                }

                var text = Encoding.UTF8.GetString(buffer.GetBuffer(), 0, (int)buffer.Length);
                log.AddEvent(text);
                await TakeAsync(JsonNode.Parse(text)!.AsObject());
            }
        }

        public async ValueTask DisposeAsync()
        {
            await _over.CancelAsync();
            await _response;
            _cancel?.Dispose();
            _over.Dispose();
            _writing.Dispose();
        }

        private async Task TakeAsync(JsonObject sent)
        {
            var id = (string?)sent["event_id"];
            switch ((string?)sent["type"])
            {
                case "session.update":
                    Merge(_session, sent["session"]!.AsObject());
                    _sim = sent["session"]!["sim"] as JsonObject ?? _sim;
                    if (!((bool?)_sim["silent"] ?? false))
                    {
                        await SendAsync(new() { ["type"] = "session.updated", ["session"] = _session.DeepClone() });
                    }

                    break;
                case "input_audio_buffer.append":
                    _heardBytes += Convert.FromBase64String((string)sent["audio"]!).Length;
                    if (Detection() is { } detection && _heardBytes >= TurnBytes)
                    {
                        var (turns, bytes) = ((int?)_sim["turns"] ?? 1, _heardBytes);
                        for (var turn = 0; turn < turns; turn++)
                        {
                            _heardBytes = bytes / turns;
                            await SendAsync(new() { ["type"] = "input_audio_buffer.speech_started", ["audio_start_ms"] = _committedMs });
                            await SendAsync(new() { ["type"] = "input_audio_buffer.speech_stopped", ["audio_end_ms"] = _committedMs + (_heardBytes / BytesPerMs) });
                            await CommitAsync();
                            if ((bool?)detection["create_response"] ?? true)
                            {
                                await RespondAsync(null, null);
                            }
                        }
                    }

                    break;
                case "input_audio_buffer.commit":
                    await CommitAsync();
                    break;
                case "input_audio_buffer.clear":
                    _committedMs += _heardBytes / BytesPerMs;
                    _heardBytes = 0;
                    await SendAsync(new() { ["type"] = "input_audio_buffer.cleared" });
                    break;
                case "conversation.item.create":
                    var item = sent["item"]!.DeepClone().AsObject();
                    item["id"] ??= NewItem();
                    _textTokens += Math.Max(1, item.ToJsonString().Length / 4);
                    await SendAsync(new() { ["type"] = "conversation.item.added", ["item"] = item });
                    break;
                case "response.create":
                    await RespondAsync(sent["response"] as JsonObject, id);
                    break;
                case "response.cancel":
                    await (_cancel?.CancelAsync() ?? Task.CompletedTask);
                    break;
                case var other:
                    await ErrorAsync("invalid_value", $"Unknown event '{other}'.", id);
                    break;
            }
        }

        private JsonObject? Detection() => _session["audio"]?["input"]?["turn_detection"] as JsonObject;

        private async Task CommitAsync()
        {
            var tokens = Math.Max(1, _heardBytes / 4800);
            _audioTokens += tokens;
            _committedMs += _heardBytes / BytesPerMs;
            _heardBytes = 0;
            var item = NewItem();
            await SendAsync(new() { ["type"] = "input_audio_buffer.committed", ["item_id"] = item });
            if (_session["audio"]?["input"]?["transcription"] is JsonObject)
            {
                await SendAsync(new()
                {
                    ["type"] = "conversation.item.input_audio_transcription.completed",
                    ["item_id"] = item,
                    ["content_index"] = 0,
                    ["transcript"] = "Hello.",
                    ["usage"] = _sim.TryGetPropertyValue("transcription_usage", out var usage)
                        ? usage?.DeepClone()
                        : new JsonObject { ["type"] = "duration", ["seconds"] = tokens / 10.0 },
                });
            }
        }

        private async Task RespondAsync(JsonObject? asked, string? eventId)
        {
            if (!_response.IsCompleted)
            {
                await ErrorAsync("conversation_already_has_active_response", "Conversation already has an active response.", eventId);
                return;
            }

            _cancel?.Dispose();
            _cancel = CancellationTokenSource.CreateLinkedTokenSource(_over.Token);
            _response = SpeakAsync(asked?["sim"] as JsonObject ?? _sim, asked, _cancel.Token);
        }

        private async Task SpeakAsync(JsonObject sim, JsonObject? asked, CancellationToken cancelled)
        {
            try
            {
                await SayAsync(sim, asked, cancelled);
            }
            catch (Exception exception) when (exception is WebSocketException or OperationCanceledException or IOException)
            {
                // The client has gone.
            }
        }

        private async Task SayAsync(JsonObject sim, JsonObject? asked, CancellationToken cancelled)
        {
            var (response, item) = ($"resp_sim{number}_{++_responses}", NewItem());
            var isText = (asked?["output_modalities"] ?? _session["output_modalities"])!.AsArray().All(static modality => (string?)modality == "text");
            var limit = asked?["max_output_tokens"] ?? _session["max_output_tokens"];
            var tokens = Math.Min((int?)sim["tokens"] ?? 8, limit?.GetValueKind() == JsonValueKind.Number ? (int)limit : int.MaxValue);
            var (saidText, saidAudio) = (0, 0);
            await SendAsync(Response("response.created", response, "in_progress", null));
            if ((bool?)sim["fail"] ?? false)
            {
                await SendAsync(Response("response.done", response, "failed", null));
                return;
            }

            await SendAsync(Of("response.output_item.added", new() { ["item"] = new JsonObject { ["id"] = item, ["type"] = "message", ["role"] = "assistant" } }));
            var (hang, broken) = ((int?)sim["hang_after"], (int?)sim["break_after"]);
            for (var position = 0; position < tokens && !cancelled.IsCancellationRequested; position++)
            {
                if (position == broken)
                {
                    socket.Abort();
                    return;
                }

                if (position == hang)
                {
                    await Task.Delay(Timeout.Infinite, cancelled).ContinueWith(static _ => { }, TaskScheduler.Default);
                    break;
                }

                var word = Encoding.UTF8.GetString(Words.At((uint)number, 0, position));
                if (isText)
                {
                    saidText++;
                    await SendAsync(Of("response.output_text.delta", new() { ["item_id"] = item, ["output_index"] = 0, ["content_index"] = 0, ["delta"] = word }));
                }
                else
                {
                    // A token of sound is 50 ms.
                    (saidAudio, saidText) = (saidAudio + 1, saidText + 1);
                    await SendAsync(Of("response.output_audio.delta", new() { ["item_id"] = item, ["output_index"] = 0, ["content_index"] = 0, ["delta"] = Convert.ToBase64String(new byte[2400]) }));
                    await SendAsync(Of("response.output_audio_transcript.delta", new() { ["item_id"] = item, ["output_index"] = 0, ["content_index"] = 0, ["delta"] = word }));
                }
            }

            var usage = (bool?)sim["missing_usage"] ?? false ? null : sim["usage"]?.DeepClone() ?? Usage(saidText, saidAudio);
            (_cachedText, _cachedAudio) = (_textTokens, _audioTokens);
            (_textTokens, _audioTokens) = (_textTokens + saidText, _audioTokens + saidAudio);
            await SendAsync(Response("response.done", response, cancelled.IsCancellationRequested ? "cancelled" : "completed", usage));
            await SendAsync(new() { ["type"] = "rate_limits.updated", ["rate_limits"] = new JsonArray() });

            JsonObject Of(string type, JsonObject members)
            {
                (members["type"], members["response_id"]) = (type, response);
                return members;
            }
        }

        private JsonObject Usage(int text, int audio) => new()
        {
            ["total_tokens"] = _textTokens + _audioTokens + text + audio,
            ["input_tokens"] = _textTokens + _audioTokens,
            ["output_tokens"] = text + audio,
            ["input_token_details"] = new JsonObject
            {
                ["text_tokens"] = _textTokens,
                ["audio_tokens"] = _audioTokens,
                ["image_tokens"] = 0,
                ["cached_tokens"] = _cachedText + _cachedAudio,
                ["cached_tokens_details"] = new JsonObject { ["text_tokens"] = _cachedText, ["audio_tokens"] = _cachedAudio, ["image_tokens"] = 0 },
            },
            ["output_token_details"] = new JsonObject { ["text_tokens"] = text, ["audio_tokens"] = audio },
        };

        private static JsonObject Response(string type, string id, string status, JsonNode? usage) => new()
        {
            ["type"] = type,
            ["response"] = new JsonObject
            {
                ["object"] = "realtime.response",
                ["id"] = id,
                ["status"] = status,
                ["status_details"] = null,
                ["output"] = new JsonArray(),
                ["usage"] = usage,
            },
        };

        private static void Merge(JsonObject target, JsonObject changes)
        {
            foreach (var (name, value) in changes)
            {
                if (value is JsonObject inner && target[name] is JsonObject own && name is "audio" or "input" or "output")
                {
                    Merge((JsonObject)target[name]!, (JsonObject)value!);
                }
                else if (name != "sim")
                {
                    target[name] = value?.DeepClone();
                }
            }
        }

        private string NewItem() => string.Create(CultureInfo.InvariantCulture, $"item_sim{number}_{++_items}");

        private Task ErrorAsync(string code, string message, string? about) => SendAsync(new()
        {
            ["type"] = "error",
            ["error"] = new JsonObject { ["type"] = "invalid_request_error", ["code"] = code, ["message"] = message, ["param"] = null, ["event_id"] = about },
        });

        private async Task SendAsync(JsonObject told)
        {
            await _writing.WaitAsync(_over.Token);
            try
            {
                told["event_id"] = $"event_sim{number}_{++_events}";
                await socket.SendAsync(Encoding.UTF8.GetBytes(told.ToJsonString()), WebSocketMessageType.Text, endOfMessage: true, _over.Token);
            }
            finally
            {
                _writing.Release();
            }
        }
    }
}
