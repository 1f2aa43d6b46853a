using System.Net;
using System.Text.Json.Nodes;
using OrleansGateway.Tests.Integration.Edge.Cases;
using Xunit;

namespace OrleansGateway.Tests.Integration.Edge;

/// <summary>Ids of what providers keep: to them all customers of a channel are one account.</summary>
public sealed class HeldIdTests
{
    /// <summary>A path, a body that names what a provider keeps, and the status of the refusal.</summary>
    public static TheoryData<string, string, int> Foreign => new()
    {
        { "/v1/chat/completions", """{"messages":[{"role":"user","content":[{"type":"file","file":{"file_id":"file-1"}}]}]}""", 404 },
        { "/v1/chat/completions", """{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"ms://file-1"}}]}]}""", 404 },
        { "/v1/chat/completions", """{"messages":[{"role":"assistant","audio":{"id":"audio_1"}},{"role":"user","content":"x"}]}""", 404 },
        { "/v1/chat/completions", """{"messages":[{"role":"assistant","audio":{"id":7}},{"role":"user","content":"x"}]}""", 404 },
        { "/v1/chat/completions", """{"modalities":["audio"],"audio":{"format":"wav","voice":{"id":"voice_1"}},"messages":[{"role":"user","content":"x"}]}""", 404 },
        { "/v1/responses", """{"input":"x","previous_response_id":"resp_1"}""", 404 },
        { "/v1/responses", """{"input":"x","conversation":"conv_1"}""", 404 },
        { "/v1/responses", """{"input":"x","conversation":{"id":"conv_1"}}""", 404 },
        { "/v1/responses", """{"input":"x","prompt":{"id":"pmpt_1"}}""", 404 },
        { "/v1/responses", """{"input":[{"type":"item_reference","id":"msg_1"}]}""", 404 },
        { "/v1/responses", """{"input":[{"role":"user","content":[{"type":"input_file","file_id":"file-1"}]}]}""", 404 },
        { "/v1/responses", """{"input":[{"role":"user","content":[{"type":"input_image","file_id":"file-1"}]}]}""", 404 },
        { "/v1/responses", """{"input":[{"type":"computer_call_output","call_id":"c","output":{"type":"computer_screenshot","file_id":"file-1"}}]}""", 404 },
        { "/v1/responses", """{"input":"x","tools":[{"type":"file_search","vector_store_ids":["vs_1"]}]}""", 404 },
        { "/v1/responses", """{"input":"x","tools":[{"type":"code_interpreter","container":"cntr_1"}]}""", 404 },
        { "/v1/responses", """{"input":"x","tools":[{"type":"code_interpreter","container":{"type":"auto","file_ids":["file-1"]}}]}""", 404 },
        { "/v1/responses", """{"input":"x","tools":[{"type":"image_generation","input_image_mask":{"file_id":"file-1"}}]}""", 404 },
        { "/v1/responses/input_tokens", """{"input":"x","previous_response_id":"resp_1"}""", 404 },
        { "/v1/images/edits", """{"prompt":"x","images":[{"file_id":"file-1"}]}""", 404 },
        { "/v1/audio/speech", """{"input":"x","voice":{"id":"voice_1"}}""", 404 },
        { "/v1/messages", """{"max_tokens":5,"messages":[{"role":"user","content":[{"type":"document","source":{"type":"file","file_id":"file_1"}}]}]}""", 404 },
        { "/v1/messages", """{"max_tokens":5,"messages":[{"role":"user","content":[{"type":"container_upload","file_id":"file_1"}]}]}""", 404 },
        { "/v1/messages", """{"max_tokens":5,"container":"container_1","messages":[{"role":"user","content":"x"}]}""", 404 },
        { "/v1/messages", """{"max_tokens":5,"container":{"id":"container_1","skills":[{"type":"custom","skill_id":"skill_1"}]},"messages":[{"role":"user","content":"x"}]}""", 404 },
        { "/v1/messages", """{"max_tokens":5,"thread":{"type":"continue","id":"thread_1"},"messages":[{"role":"user","content":"x"}]}""", 400 },
        { "/v1/messages", """{"max_tokens":5,"previous_message_id":"msg_1","messages":[{"role":"user","content":"x"}]}""", 400 },
        { "/v1beta/models/test-model:generateContent", """{"cachedContent":"cachedContents/1","contents":[{"parts":[{"text":"x"}]}]}""", 404 },
        { "/v1beta/models/test-model:generateContent", """{"contents":[{"parts":[{"fileData":{"fileUri":"files/1"}}]}]}""", 404 },
        { "/v1beta/models/test-model:generateContent", """{"contents":[{"parts":[{"fileData":{"fileUri":"https://generativelanguage.googleapis.com/v1beta/files/1"}}]}]}""", 404 },
        { "/v1beta/models/test-model:generateContent", """{"contents":[{"parts":[{"text":"x"}]}],"tools":[{"fileSearch":{"fileSearchStoreNames":["fileSearchStores/1"]}}]}""", 404 },
    };

    /// <summary>Each field that takes such an id, with one that nobody here was given.</summary>
    [Theory]
    [MemberData(nameof(Foreign), DisableDiscoveryEnumeration = true)]
    public async Task Post_IdThatNobodyWasGiven_IsRefusedByItsFrontAndAsksNobody(string path, string body, int status)
    {
        foreach (var kind in (string[])["openai", "anthropic", "gemini"])
        {
            await using var backend = new Backend(static _ => [Step.Send(Wire.Http("{}"))]);
            await using var edge = await EdgeFixture.StartAsync(
                model: Sounds,
                provider: (_, provider) => (provider["kind"], provider["base_url"]) = (kind, backend.Url),
                channel: (_, channel) => channel["responses"] = kind == "openai");
            var request = JsonNode.Parse(body)!.AsObject();
            if (!path.Contains(':', StringComparison.Ordinal))
            {
                request["model"] = "test-model";
            }

            using var answer = await edge.Client.PostAsync(path, new StringContent(request.ToJsonString(), System.Text.Encoding.UTF8, "application/json"), TestContext.Current.CancellationToken);

            var text = await answer.TextAsync();
            Assert.True(status == (int)answer.StatusCode, $"{kind}: {answer.StatusCode} {text}");
            var error = JsonNode.Parse(text)!["error"]!;
            Assert.True(status == 400 || (path.Contains("messages", StringComparison.Ordinal) ? (string?)error["type"] == "not_found_error"
                : path.Contains(':', StringComparison.Ordinal) ? ((int)error["code"]!, (string?)error["status"]) == (404, "NOT_FOUND")
                : (string?)error["type"] == "invalid_request_error" && error["param"] is not null && ((string)error["code"]!).EndsWith("not_found", StringComparison.Ordinal)), text);
            Assert.Empty(backend.Requests);
            Assert.Empty(edge.Account.Admitted);
        }
    }

    [Theory]
    [InlineData("GET", "/v1/responses/resp_1")]
    [InlineData("GET", "/v1/chat/completions/chatcmpl_1")]
    [InlineData("GET", "/v1/conversations/conv_1")]
    [InlineData("GET", "/v1/files/file-1")]
    [InlineData("GET", "/v1/files/file-1/content")]
    [InlineData("POST", "/v1/files")]
    [InlineData("GET", "/v1/vector_stores/vs_1")]
    [InlineData("GET", "/v1/containers/cntr_1/files")]
    [InlineData("GET", "/v1/batches/batch_1")]
    [InlineData("GET", "/v1/threads/thread_1")]
    [InlineData("GET", "/v1/messages/batches/msgbatch_1")]
    [InlineData("GET", "/v1beta/files/1")]
    [InlineData("GET", "/v1beta/cachedContents/1")]
    [InlineData("POST", "/v1beta/cachedContents")]
    [InlineData("GET", "/v1beta/interactions/1")]
    public async Task Request_ToAPathOfWhatProvidersKeep_IsNotFound(string method, string path)
    {
        await using var edge = await EdgeFixture.StartAsync();
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        using var answer = await edge.Client.SendAsync(request, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Post_SoundOfAnEarlierAnswer_GoesToItsChannelForItsAccountAlone(bool stream)
    {
        const string Audio = """{"role":"assistant","content":null,"audio":{"id":"audio_1","data":"AAAA","transcript":"hi"}}""";
        var answer = stream ? Wire.Stream(Wire.Delta(Audio), Wire.Fin(), Wire.Use(5, 2), Wire.Done) : Wire.Http(Wire.Whole(Wire.Usage(5, 2), Audio));
        await using var first = new Backend(_ => [Step.Send(answer)]);
        await using var second = new Backend(_ => [Step.Send(answer)]);
        await using var edge = await EdgeFixture.StartAsync(
            providers: 2,
            model: Sounds,
            provider: (index, provider) => provider["base_url"] = index == 0 ? first.Url : second.Url);
        var (_, text) = await AskAsync("""{"role":"user","content":"x"}""");
        var json = stream ? StreamReading.Payloads(text).Select(payload => JsonNode.Parse(payload)!["choices"]![0]!["delta"]!["audio"]).First() : JsonNode.Parse(text)!["choices"]![0]!["message"]!["audio"];
        var id = (string)json!["id"]!;
        Assert.StartsWith("audio_1.", id, StringComparison.Ordinal);

        // The second channel would come first now: it does not have what the first one keeps.
        edge.Publish((index, channel) => channel["priority"] = 1 - index);
        var named = $$$"""{"role":"assistant","audio":{"id":"{{{id}}}"}},{"role":"user","content":"y"}""";
        Assert.Equal(HttpStatusCode.OK, (await AskAsync(named)).Status);
        Assert.Equal((2, 0), (first.Requests.Count, second.Requests.Count));
        Assert.Contains("""{"id":"audio_1"}""", first.Requests.Last(), StringComparison.Ordinal);

        Assert.Equal(HttpStatusCode.NotFound, (await AskAsync(named.Replace(id, id[..^1] + (id[^1] == 'a' ? 'b' : 'a'), StringComparison.Ordinal))).Status);
        edge.Client.DefaultRequestHeaders.Authorization = new("Bearer", edge.KeyOf("acct00000002"));
        var (status, refused) = await AskAsync(named);
        Assert.Equal((HttpStatusCode.NotFound, "messages[0].audio.id"), (status, (string?)JsonNode.Parse(refused)!["error"]!["param"]));
        Assert.Equal(2, edge.Account.Settled.Count);

        async Task<(HttpStatusCode Status, string Text)> AskAsync(string messages)
        {
            using var response = await edge.PostAsync(
                $$$"""{"model":"test-model","modalities":["text","audio"],"audio":{"voice":"alloy","format":"pcm16"},"stream":{{{(stream ? "true" : "false")}}},"messages":[{{{messages}}}]}""");
            return (response.StatusCode, await response.TextAsync());
        }
    }

    /// <summary>Each choice's sound is kept, in whichever form the provider answers and the client asks.</summary>
    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public async Task Post_SoundOfEachChoice_IsTheAccountsAlone(bool isStreamed, bool isAsked)
    {
        static string Audio(int number) => $$$"""{"role":"assistant","content":null,"audio":{"id":"audio_{{{number}}}","data":"AAAA","transcript":"hi"}}""";
        var answer = isStreamed
            ? Wire.Stream(Wire.Delta(Audio(0)), Wire.Delta(Audio(1)).Replace("\"index\":0", "\"index\":1", StringComparison.Ordinal), Wire.Fin(), Wire.Fin().Replace("\"index\":0", "\"index\":1", StringComparison.Ordinal), Wire.Use(5, 2), Wire.Done)
            : Wire.Http(Wire.Whole(Wire.Usage(5, 2), Audio(0)).Replace("}],\"usage", $$$""""},{"index":1,"message":{{{Audio(1)}}},"finish_reason":"stop"}],"usage"""", StringComparison.Ordinal));
        await using var backend = new Backend(_ => [Step.Send(answer)]);
        await using var edge = await EdgeFixture.StartAsync(
            model: model =>
            {
                Sounds(model);
                model["max_n"] = 2;
            },
            provider: (_, provider) => provider["base_url"] = backend.Url);
        using var response = await edge.PostAsync(
            $$$"""{"model":"test-model","n":2,"modalities":["text","audio"],"audio":{"voice":"alloy","format":"pcm16"},"stream":{{{(isAsked ? "true" : "false")}}},"messages":[{"role":"user","content":"x"}]}""");
        var text = await response.TextAsync();
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        foreach (var id in (string[])["audio_0", "audio_1"])
        {
            Assert.Contains($"\"{id}.", text, StringComparison.Ordinal);
            Assert.DoesNotContain($"\"{id}\"", text, StringComparison.Ordinal);
        }
    }

    private static void Sounds(JsonObject model)
    {
        model["modalities"] = JsonNode.Parse("""{"input":["text","image","audio"],"output":["text","audio","image"]}""");
        model["prices"]![0]!["per_million"]!["audio_output"] = "30";
        model["prices"]![0]!["per_million"]!["image_output"] = "30";
    }
}
