using System.Globalization;
using System.Net.Http.Headers;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.WebUtilities;

namespace OrleansGateway.SimulatedProvider;

/// <summary>
/// The endpoints beside chat: each answers by rule, the same for the same request. Embeddings, moderations, rerank, completions, speech,
/// transcriptions and pictures.
/// </summary>
internal static class OtherEndpoints
{
    private const int Dimensions = 8;

    /// <summary>A picture of one pixel.</summary>
    private const string Png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

    /// <summary>What answers requests to a path; null for a path that is none of them.</summary>
    public static Func<HttpContext, Task>? Find(string path) => path switch
    {
        "/v1/embeddings" => static context => JsonAsync(context, Embed),
        "/v1/moderations" => static context => JsonAsync(context, Moderate),
        "/v1/rerank" => static context => JsonAsync(context, Rank),
        "/v1/completions" => CompleteAsync,
        "/v1/audio/speech" => SpeakAsync,
        "/v1/audio/transcriptions" or "/v1/audio/translations" => TranscribeAsync,
        "/v1/images/generations" or "/v1/images/edits" => PaintAsync,
        _ => null,
    };

    private static JsonObject Embed(JsonObject request)
    {
        var inputs = request["input"] is JsonArray { Count: > 0 } list && list[0]!.GetValueKind() != JsonValueKind.Number ? [.. list] : new[] { request["input"] };
        var (data, tokens) = (new JsonArray(), 0);
        foreach (var input in inputs)
        {
            var text = input?.ToJsonString() ?? "";
            var vector = Vector(text, (int?)request["dimensions"] ?? Dimensions);
            tokens += TokensOf(text);
            data.Add(new JsonObject
            {
                ["object"] = "embedding",
                ["index"] = data.Count,
                ["embedding"] = (string?)request["encoding_format"] == "base64"
                    ? Convert.ToBase64String(MemoryMarshal.AsBytes(vector.AsSpan()))
                    : new JsonArray([.. vector.Select(number => JsonValue.Create(number))]),
            });
        }

        return new() { ["object"] = "list", ["data"] = data, ["model"] = (string?)request["model"], ["usage"] = Usage(tokens, 0) };
    }

    private static JsonObject Moderate(JsonObject request) => new()
    {
        ["id"] = "modr-simulated",
        ["model"] = (string?)request["model"],
        ["results"] = new JsonArray([.. Enumerable.Range(0, request["input"] is JsonArray { Count: > 0 } inputs ? inputs.Count : 1).Select(_ => new JsonObject
        {
            ["flagged"] = false,
            ["categories"] = new JsonObject { ["violence"] = false },
            ["category_scores"] = new JsonObject { ["violence"] = 0.001 },
        })]),
    };

    private static JsonObject Rank(JsonObject request)
    {
        var documents = request["documents"]!.AsArray();
        var ranked = documents
            .Select((document, index) => (Index: index, Score: (Seed(document!.ToJsonString() + request["query"]) % 1000) / 1000.0))
            .OrderByDescending(document => document.Score)
            .Take((int?)request["top_n"] ?? (int?)request["top_k"] ?? documents.Count);
        return new()
        {
            ["id"] = "rerank-simulated",
            ["model"] = (string?)request["model"],
            ["results"] = new JsonArray([.. ranked.Select(document => new JsonObject { ["index"] = document.Index, ["relevance_score"] = document.Score })]),
            ["usage"] = new JsonObject { ["total_tokens"] = TokensOf(documents.ToJsonString()) + TokensOf(request["query"]!.ToJsonString()) },
            ["meta"] = new JsonObject { ["billed_units"] = new JsonObject { ["search_units"] = (documents.Count + 99) / 100 } },
        };
    }

    private static async Task CompleteAsync(HttpContext context)
    {
        var request = await ReadJsonAsync(context);
        var prompt = request["prompt"]?.ToJsonString() ?? "";
        var tokens = Math.Min(8, (int?)request["max_tokens"] ?? 16);
        var words = Enumerable.Range(0, tokens).Select(position => Encoding.UTF8.GetString(Words.At(Seed(prompt), 0, position))).ToArray();
        var usage = Usage(TokensOf(prompt), tokens);
        if (!((bool?)request["stream"] ?? false))
        {
            var whole = Piece(string.Concat(words), "stop");
            whole["usage"] = usage;
            await SendAsync(context, whole);
            return;
        }

        context.Response.ContentType = "text/event-stream";
        foreach (var word in words)
        {
            await context.Response.WriteAsync($"data: {Piece(word, null).ToJsonString()}\n\n");
        }

        await context.Response.WriteAsync($"data: {Piece("", "stop").ToJsonString()}\n\n");
        if ((bool?)request["stream_options"]?["include_usage"] ?? false)
        {
            var last = Piece("", null);
            (last["choices"], last["usage"]) = (new JsonArray(), usage);
            await context.Response.WriteAsync($"data: {last.ToJsonString()}\n\n");
        }

        await context.Response.WriteAsync("data: [DONE]\n\n");

        JsonObject Piece(string text, string? finish) => new()
        {
            ["id"] = "cmpl-simulated",
            ["object"] = "text_completion",
            ["created"] = 1_700_000_000,
            ["model"] = (string?)request["model"],
            ["choices"] = new JsonArray(new JsonObject { ["text"] = text, ["index"] = 0, ["logprobs"] = null, ["finish_reason"] = finish }),
        };
    }

    private static async Task SpeakAsync(HttpContext context)
    {
        var request = await ReadJsonAsync(context);
        var input = (string?)request["input"] ?? "";

        // A second of silence for fifteen characters, as WAV of 8,000 samples of 8 bits.
        var sound = Wave(Math.Max(1, input.Length / 15) * 8000);
        if ((string?)request["stream_format"] != "sse")
        {
            context.Response.ContentType = "audio/wav";
            context.Response.ContentLength = sound.Length;
            await context.Response.Body.WriteAsync(sound);
            return;
        }

        var usage = new JsonObject { ["input_tokens"] = TokensOf(input), ["output_tokens"] = sound.Length / 400, ["total_tokens"] = TokensOf(input) + (sound.Length / 400) };
        context.Response.ContentType = "text/event-stream";
        await context.Response.WriteAsync($"data: {new JsonObject { ["type"] = "speech.audio.delta", ["audio"] = Convert.ToBase64String(sound) }.ToJsonString()}\n\n");
        await context.Response.WriteAsync($"data: {new JsonObject { ["type"] = "speech.audio.done", ["usage"] = usage }.ToJsonString()}\n\n");
    }

    private static async Task TranscribeAsync(HttpContext context)
    {
        var fields = await ReadFormAsync(context);
        var text = $"A file of {fields.GetValueOrDefault("file", "").Length.ToString(CultureInfo.InvariantCulture)} bytes.";
        switch (fields.GetValueOrDefault("response_format"))
        {
            case "text":
                await TextAsync(text + "\n", "text/plain");
                return;
            case "srt":
                await TextAsync($"1\n00:00:00,000 --> 00:00:01,000\n{text}\n", "text/plain");
                return;
            case "vtt":
                await TextAsync($"WEBVTT\n\n00:00.000 --> 00:01.000\n{text}\n", "text/vtt");
                return;
            default:
                break;
        }

        var seconds = Math.Max(1, (fields.GetValueOrDefault("file", "").Length - 44 + 7999) / 8000);
        var usage = new JsonObject { ["type"] = "duration", ["seconds"] = seconds };
        if (fields.GetValueOrDefault("stream") == "true")
        {
            context.Response.ContentType = "text/event-stream";
            await context.Response.WriteAsync($"data: {new JsonObject { ["type"] = "transcript.text.delta", ["delta"] = text }.ToJsonString()}\n\n");
            await context.Response.WriteAsync($"data: {new JsonObject { ["type"] = "transcript.text.done", ["text"] = text, ["usage"] = usage }.ToJsonString()}\n\n");
            return;
        }

        await SendAsync(context, new() { ["text"] = text, ["usage"] = usage });

        Task TextAsync(string said, string type)
        {
            context.Response.ContentType = type;
            return context.Response.WriteAsync(said);
        }
    }

    private static async Task PaintAsync(HttpContext context)
    {
        var isForm = context.Request.ContentType?.StartsWith("multipart/", StringComparison.OrdinalIgnoreCase) == true;
        var (count, stream, partial) = (1, false, 0);
        if (isForm)
        {
            var fields = await ReadFormAsync(context);
            count = int.Parse(fields.GetValueOrDefault("n", "1"), CultureInfo.InvariantCulture);
            stream = fields.GetValueOrDefault("stream") == "true";
        }
        else
        {
            var request = await ReadJsonAsync(context);
            (count, stream, partial) = ((int?)request["n"] ?? 1, (bool?)request["stream"] ?? false, (int?)request["partial_images"] ?? 0);
        }

        var output = (196 * count) + (100 * partial);
        var usage = new JsonObject
        {
            ["input_tokens"] = 10,
            ["input_tokens_details"] = new JsonObject { ["text_tokens"] = 10, ["image_tokens"] = 0 },
            ["output_tokens"] = output,
            ["total_tokens"] = 10 + output,
        };
        if (!stream)
        {
            var data = new JsonArray([.. Enumerable.Range(0, count).Select(_ => new JsonObject { ["b64_json"] = Png })]);
            await SendAsync(context, new() { ["created"] = 1_700_000_000, ["data"] = data, ["usage"] = usage });
            return;
        }

        context.Response.ContentType = "text/event-stream";
        for (var i = 0; i < partial; i++)
        {
            await EventAsync("image_generation.partial_image", new() { ["b64_json"] = Png, ["partial_image_index"] = i });
        }

        await EventAsync("image_generation.completed", new() { ["b64_json"] = Png, ["usage"] = usage });

        Task EventAsync(string type, JsonObject content)
        {
            content.Insert(0, "type", type);
            return context.Response.WriteAsync($"event: {type}\ndata: {content.ToJsonString()}\n\n");
        }
    }

    private static async Task JsonAsync(HttpContext context, Func<JsonObject, JsonObject> answer) => await SendAsync(context, answer(await ReadJsonAsync(context)));

    private static async Task<JsonObject> ReadJsonAsync(HttpContext context) => (await JsonNode.ParseAsync(context.Request.Body))!.AsObject();

    /// <summary>The fields of a form; a file's bytes as a text of as many characters.</summary>
    private static async Task<Dictionary<string, string>> ReadFormAsync(HttpContext context)
    {
        var boundary = MediaTypeHeaderValue.Parse(context.Request.ContentType!).Parameters.First(parameter => parameter.Name == "boundary").Value!.Trim('"');
        var reader = new MultipartReader(boundary, context.Request.Body);
        var fields = new Dictionary<string, string>(StringComparer.Ordinal);
        while (await reader.ReadNextSectionAsync() is { } section)
        {
            var bytes = new MemoryStream();
            await section.Body.CopyToAsync(bytes);
            fields[section.GetContentDispositionHeader()!.Name.ToString().Trim('"')] = Encoding.Latin1.GetString(bytes.ToArray());
        }

        return fields;
    }

    private static async Task SendAsync(HttpContext context, JsonObject answer)
    {
        var body = JsonSerializer.SerializeToUtf8Bytes(answer);
        context.Response.ContentType = "application/json";
        context.Response.ContentLength = body.Length;
        await context.Response.Body.WriteAsync(body);
    }

    private static JsonObject Usage(int prompt, int completion)
    {
        var usage = new JsonObject { ["prompt_tokens"] = prompt, ["total_tokens"] = prompt + completion };
        if (completion > 0)
        {
            usage["completion_tokens"] = completion;
        }

        return usage;
    }

    private static int TokensOf(string text) => (text.Length + 3) / 4;

    /// <summary>FNV-1a: the same in every process.</summary>
    private static uint Seed(string text) => text.Aggregate(2166136261, (hash, letter) => (hash ^ letter) * 16777619);

    private static float[] Vector(string text, int length)
    {
        var seed = Seed(text);
        var vector = new float[length];
        for (var i = 0; i < length; i++)
        {
            seed = (seed * 1664525) + 1013904223;
            vector[i] = ((seed >> 8) / (float)(1 << 23)) - 1;
        }

        return vector;
    }

    private static byte[] Wave(int samples)
    {
        var file = new byte[44 + samples];
        "RIFF"u8.CopyTo(file);
        BitConverter.TryWriteBytes(file.AsSpan(4), 36 + samples);
        "WAVEfmt "u8.CopyTo(file.AsSpan(8));
        BitConverter.TryWriteBytes(file.AsSpan(16), 16);
        BitConverter.TryWriteBytes(file.AsSpan(20), (short)1);
        BitConverter.TryWriteBytes(file.AsSpan(22), (short)1);
        BitConverter.TryWriteBytes(file.AsSpan(24), 8000);
        BitConverter.TryWriteBytes(file.AsSpan(28), 8000);
        BitConverter.TryWriteBytes(file.AsSpan(32), (short)1);
        BitConverter.TryWriteBytes(file.AsSpan(34), (short)8);
        "data"u8.CopyTo(file.AsSpan(36));
        BitConverter.TryWriteBytes(file.AsSpan(40), samples);
        file.AsSpan(44).Fill(128);
        return file;
    }
}
