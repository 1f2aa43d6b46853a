using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Grains.Contracts.Pricing;
using Xunit;

namespace OrleansGateway.Tests.Integration.Edge.Endpoints;

/// <summary>Speech, transcriptions and translations.</summary>
public sealed class AudioTests
{
    private const string Speech = "/v1/audio/speech";
    private const string Transcriptions = "/v1/audio/transcriptions";

    private static readonly JsonObject ByCharacters = new() { ["per_million"] = new JsonObject { ["input"] = 0, ["output"] = 0, ["characters"] = 15 } };
    private static readonly JsonObject BySeconds = new() { ["per_million"] = new JsonObject { ["input"] = 0, ["output"] = 0 }, ["per_second"] = "0.0001" };

    [Fact]
    public async Task Speak_ByCharacters_GivesTheBytesOnceTheyArePaidFor()
    {
        byte[] sound = [(byte)':', 0, 255, (byte)' ', (byte)'\n', 1];
        await using var edge = await EndpointEdge.StartAsync(sound, "audio/pcm", ByCharacters);
        var answer = await edge.PostAsync(Speech, """{"model":"test-model","input":"Grüße 😀","voice":"alloy"}""");
        Assert.Equal((HttpStatusCode.OK, "audio/pcm"), (answer.Status, answer.Type));
        Assert.Equal(sound, answer.Bytes);
        Assert.Equal("""{"model":"up","input":"Grüße 😀","voice":"alloy"}""", edge.SentBody);
        Assert.Equal((7, 105_000), (edge.Settled.Usage[Unit.Characters], edge.Settled.CostNanos));
        Assert.Equal(105_000, Assert.Single(edge.Edge.Account.Admitted).MostNanos);
    }

    [Fact]
    public async Task Speak_NotSettled_GivesNothing()
    {
        await using var edge = await EndpointEdge.StartAsync([1, 2, 3], "audio/mpeg", ByCharacters);
        edge.Edge.Account.OnSettle = request => Task.FromResult(new SettleAnswer(SettleOutcome.ClosedByLease, 1, 0, 0));
        var answer = await edge.PostAsync(Speech, """{"model":"test-model","input":"x","voice":"alloy"}""");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.Status);
        Assert.NotNull(answer.Json["error"]);
    }

    [Fact]
    public async Task Speak_ThatBreaksOff_GivesNothingAndCostsNothing()
    {
        await using var edge = await EndpointEdge.StartAsync([1, 2, 3], "audio/mpeg", ByCharacters, missing: 5);
        var answer = await edge.PostAsync(Speech, """{"model":"test-model","input":"x","voice":"alloy"}""");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.Status);
        Assert.Equal(0, edge.Settled.CostNanos);
    }

    /// <summary>No field of the request would keep the provider to a lower bound.</summary>
    [Fact]
    public async Task Speak_WithLessMoneyThanItMayCost_IsRefusedThoughCapsAreLowered()
    {
        await using var edge = await EndpointEdge.StartAsync([1], "audio/mpeg", model: Speaks, settings: [new("Edge:LowerCapToBalance", "true")]);
        edge.Edge.Account.OnAdmit = _ => Task.FromResult(new AdmitAnswer { Outcome = AdmitOutcome.InsufficientFunds, Epoch = 1, AvailableNanos = 500_000 });
        var answer = await edge.PostAsync(Speech, """{"model":"test-model","input":"x","voice":"alloy"}""");
        Assert.Equal(HttpStatusCode.PaymentRequired, answer.Status);
        Assert.Empty(edge.Provider.Requests);
    }

    [Fact]
    public async Task Speak_AsEventsOfAProviderThatHasNone_GivesThem()
    {
        await using var edge = await EndpointEdge.StartAsync([1, 2, 3], "audio/mpeg", ByCharacters);
        var answer = await edge.PostAsync(Speech, """{"model":"test-model","input":"Hello.","voice":"alloy","stream_format":"sse"}""");
        Assert.StartsWith("data: {\"type\":\"speech.audio.delta\",\"audio\":\"AQID\"}\n\ndata: {\"type\":\"speech.audio.done\",\"usage\":{", answer.Text, StringComparison.Ordinal);
        Assert.Equal((6, 90_000), (edge.Settled.Usage[Unit.Characters], edge.Settled.CostNanos));
    }

    [Fact]
    public async Task Speak_ByTokensWithoutUsage_CountsTheSound()
    {
        // Two seconds of plain samples.
        await using var edge = await EndpointEdge.StartAsync(new byte[96_000], "audio/pcm", model: Speaks);
        await edge.PostAsync(Speech, """{"model":"test-model","input":"Hello there, you.","voice":"alloy","response_format":"pcm"}""");
        Assert.Equal((40, true), (edge.Settled.Usage[Unit.AudioOutput], edge.Settled.Usage.IsEstimated));
    }

    [Fact]
    public async Task Speak_AsEvents_PassesThemOnAndChargesTheirUsage()
    {
        const string Events = "data: {\"type\":\"speech.audio.delta\",\"audio\":\"AAAA\"}\n\n"
            + "data: {\"type\":\"speech.audio.done\",\"usage\":{\"input_tokens\":4,\"output_tokens\":30,\"total_tokens\":34}}\n\n";
        await using var edge = await EndpointEdge.StartAsync(Events, "text/event-stream", model: Speaks);
        var answer = await edge.PostAsync(Speech, """{"model":"test-model","input":"Hello.","voice":"alloy","stream_format":"sse"}""");
        Assert.Equal((HttpStatusCode.OK, Events), (answer.Status, answer.Text));
        Assert.Equal((4, 30, 304_000), (edge.Settled.Usage[Unit.Input], edge.Settled.Usage[Unit.AudioOutput], edge.Settled.CostNanos));
    }

    [Theory]
    [InlineData("""{"model":"test-model","voice":"alloy"}""", "input")]
    [InlineData("""{"model":"test-model","input":"x"}""", "voice")]
    [InlineData("""{"model":"test-model","input":["x"],"voice":"alloy"}""", "input")]
    [InlineData("""{"model":"test-model","input":"x","voice":{"id":"voice_1"}}""", "voice")]
    [InlineData("""{"model":"test-model","input":"x","voice":"alloy","speed":9}""", "speed")]
    [InlineData("""{"model":"test-model","input":"x","voice":"alloy","stream_format":"mp3"}""", "stream_format")]
    public async Task Speak_OfWhatIsWrong_IsRefusedAndCostsNothing(string body, string param)
    {
        await using var edge = await EndpointEdge.StartAsync([1], "audio/mpeg", ByCharacters);
        edge.AssertRefused(await edge.PostAsync(Speech, body), param);
    }

    [Fact]
    public async Task Speak_WithAModelOfText_IsRefused()
    {
        await using var edge = await EndpointEdge.StartAsync([1], "audio/mpeg");
        edge.AssertRefused(await edge.PostAsync(Speech, """{"model":"test-model","input":"x","voice":"alloy"}"""), "model", "unsupported_model");
    }

    [Theory]
    [InlineData("json", """{"text":"Hello.","usage":{"type":"duration","seconds":11}}""", "application/json")]
    [InlineData("verbose_json", """{"task":"transcribe","duration":10.6,"text":"Hello.","segments":[]}""", "application/json")]
    [InlineData("text", "Hello.\n", "text/plain")]
    [InlineData("srt", "1\n00:00:00,000 --> 00:00:11,000\nHello.\n", "text/plain")]
    [InlineData("vtt", "WEBVTT\n\n00:00.000 --> 00:11.000\nHello.\n", "text/vtt")]
    public async Task Transcribe_InEachFormat_IsChargedTheSame(string format, string said, string type)
    {
        await using var edge = await EndpointEdge.StartAsync(said, type, BySeconds);
        var answer = await edge.PostFormAsync(
            Transcriptions, ("file=speech.wav", Wave(10.7)), ("model", "test-model"u8.ToArray()), ("response_format", Encoding.ASCII.GetBytes(format)));
        Assert.Equal((HttpStatusCode.OK, said), (answer.Status, answer.Text));
        Assert.Equal((11, 1_100_000), (edge.Settled.Usage[Unit.Seconds], edge.Settled.CostNanos));
        Assert.Equal(1_100_000, Assert.Single(edge.Edge.Account.Admitted).MostNanos);
    }

    /// <summary>What a container's header says is not what the provider hears.</summary>
    [Fact]
    public async Task Transcribe_OfAHeaderThatSaysLittle_IsHeldByItsBytesAndChargedAsReported()
    {
        byte[] head = [.. "OggS"u8, 0, 2, .. new byte[20], 1, 19, .. "OpusHead"u8, 1, 1, 0, 0, .. new byte[7]];
        byte[] last = [.. "OggS"u8, 0, 4, 0x80, 0xBB, .. new byte[18], 0];
        await using var edge = await EndpointEdge.StartAsync("""{"text":"Hello.","usage":{"type":"duration","seconds":40}}""", price: BySeconds);
        await edge.PostFormAsync(Transcriptions, ("file=speech.ogg", [.. head, .. last, .. new byte[75_000]]), ("model", "test-model"u8.ToArray()));
        Assert.Equal(4_000_000, edge.Settled.CostNanos);
        Assert.InRange(Assert.Single(edge.Edge.Account.Admitted).MostNanos, 10_000_000, 10_200_000);
    }

    [Fact]
    public async Task Transcribe_PassesTheFormOnButForTheModel()
    {
        await using var edge = await EndpointEdge.StartAsync("""{"text":"x"}""", price: BySeconds);
        await edge.PostFormAsync(
            "/v1/audio/translations", ("language", "de"u8.ToArray()), ("file=a.wav", Wave(1)), ("model", "test-model"u8.ToArray()), ("include[]", "logprobs"u8.ToArray()));
        Assert.StartsWith("POST /v1/audio/translations ", edge.Sent, StringComparison.Ordinal);
        Assert.Contains("Content-Type: multipart/form-data; boundary=\"a-boundary\"", edge.Sent, StringComparison.Ordinal);
        Assert.DoesNotContain("test-model", edge.SentBody, StringComparison.Ordinal);
        Assert.Contains("name=model\r\n\r\nup\r\n--a-boundary", edge.SentBody.Replace("\"", "", StringComparison.Ordinal), StringComparison.Ordinal);
        Assert.Contains("\r\n\r\nde\r\n", edge.SentBody, StringComparison.Ordinal);
        Assert.EndsWith("logprobs\r\n--a-boundary--\r\n", edge.SentBody, StringComparison.Ordinal);
    }

    /// <summary>A price of output of nothing does not hide the price of a second.</summary>
    [Fact]
    public async Task Transcribe_AMinute_CostsSixTenthsOfACent()
    {
        await using var edge = await EndpointEdge.StartAsync("Hello.", "text/plain", BySeconds);
        await edge.PostFormAsync(Transcriptions, ("file=a.wav", Wave(60)), ("model", "test-model"u8.ToArray()), ("response_format", "text"u8.ToArray()));
        Assert.Equal(6_000_000, edge.Settled.CostNanos);
    }

    [Fact]
    public async Task Transcribe_ByTokens_ChargesThoseOfSound()
    {
        const string Said = """{"text":"Hello.","usage":{"type":"tokens","input_tokens":15,"input_token_details":{"text_tokens":3,"audio_tokens":12},"output_tokens":4,"total_tokens":19}}""";
        await using var edge = await EndpointEdge.StartAsync(Said, price: Sounds, model: Hears);
        await edge.PostFormAsync(Transcriptions, ("file=a.wav", Wave(1)), ("model", "test-model"u8.ToArray()));
        Assert.Equal((3, 12, 4), (edge.Settled.Usage[Unit.Input], edge.Settled.Usage[Unit.AudioInput], edge.Settled.Usage[Unit.Output]));
        Assert.Equal((3 * 1000) + (12 * 6000) + (4 * 10_000), edge.Settled.CostNanos);
    }

    [Fact]
    public async Task Transcribe_AsEvents_PassesThemOn()
    {
        const string Events = "data: {\"type\":\"transcript.text.delta\",\"delta\":\"Hel\"}\n\ndata: {\"type\":\"transcript.text.delta\",\"delta\":\"lo.\"}\n\n"
            + "data: {\"type\":\"transcript.text.done\",\"text\":\"Hello.\",\"usage\":{\"type\":\"tokens\",\"input_tokens\":10,\"input_token_details\":{\"audio_tokens\":10},\"output_tokens\":2,\"total_tokens\":12}}\n\n";
        await using var edge = await EndpointEdge.StartAsync(Events, "text/event-stream", Sounds, Hears);
        var answer = await edge.PostFormAsync(Transcriptions, ("file=a.wav", Wave(1)), ("model", "test-model"u8.ToArray()), ("stream", "true"u8.ToArray()));
        Assert.Equal((HttpStatusCode.OK, Events), (answer.Status, answer.Text));
        Assert.Equal((10, 2), (edge.Settled.Usage[Unit.AudioInput], edge.Settled.Usage[Unit.Output]));
    }

    [Fact]
    public async Task Transcribe_AsEventsOfAModelThatHasNone_GivesOne()
    {
        await using var edge = await EndpointEdge.StartAsync("""{"text":"Hello.","usage":{"type":"duration","seconds":1}}""", price: BySeconds);
        var answer = await edge.PostFormAsync(Transcriptions, ("file=a.wav", Wave(1)), ("model", "test-model"u8.ToArray()), ("stream", "true"u8.ToArray()));
        Assert.Equal("data: {\"type\":\"transcript.text.done\",\"text\":\"Hello.\",\"usage\":{\"type\":\"duration\",\"seconds\":1}}\n\n", answer.Text);
        Assert.Equal(100_000, edge.Settled.CostNanos);
    }

    [Theory]
    [InlineData("nofile", "file")]
    [InlineData("textfile", "file")]
    [InlineData("pdf", "file")]
    [InlineData("unknown", "file")]
    [InlineData("empty", "file")]
    [InlineData("nomodel", "model")]
    [InlineData("stream", "stream")]
    public async Task Transcribe_OfWhatIsWrong_IsRefusedAndCostsNothing(string wrong, string param)
    {
        await using var edge = await EndpointEdge.StartAsync("{}", price: BySeconds);
        (string, byte[])[] parts = wrong switch
        {
            "nofile" => [("model", "test-model"u8.ToArray())],
            "textfile" => [("model", "test-model"u8.ToArray()), ("file", "sound"u8.ToArray())],
            "pdf" => [("model", "test-model"u8.ToArray()), ("file=a.mp3", "%PDF-1.7"u8.ToArray())],
            "unknown" => [("model", "test-model"u8.ToArray()), ("file=a.txt", "words"u8.ToArray())],
            "empty" => [("model", "test-model"u8.ToArray()), ("file=a.wav", [])],
            "nomodel" => [("file=a.wav", Wave(1))],
            _ => [("model", "test-model"u8.ToArray()), ("file=a.wav", Wave(1)), ("stream", "maybe"u8.ToArray())],
        };
        edge.AssertRefused(await edge.PostFormAsync(Transcriptions, parts), param);
    }

    [Theory]
    [InlineData("{\"model\":\"test-model\"}", "application/json")]
    [InlineData("rubbish", "multipart/form-data; boundary=b")]
    [InlineData("rubbish", "multipart/form-data")]
    [InlineData("--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\ntest-model", "multipart/form-data; boundary=b")]
    [InlineData("--b\r\nContent-Disposition: form-data; name=\"model\"", "multipart/form-data; boundary=b")]
    [InlineData("--b\r\nX: y\r\n\r\ntest-model\r\n--b--\r\n", "multipart/form-data; boundary=b")]
    public async Task Transcribe_OfABrokenForm_IsRefused(string body, string type)
    {
        await using var edge = await EndpointEdge.StartAsync("{}", price: BySeconds);
        var content = new ByteArrayContent(Encoding.UTF8.GetBytes(body));
        content.Headers.TryAddWithoutValidation("Content-Type", type);
        edge.AssertRefused(await edge.PostAsync(Transcriptions, content), "", "invalid_form");
    }

    private static JsonObject Sounds => new() { ["per_million"] = new JsonObject { ["input"] = 1, ["output"] = 10, ["audio_input"] = 6 } };

    private static void Speaks(JsonObject model) => model["modalities"] = new JsonObject { ["input"] = new JsonArray("text"), ["output"] = new JsonArray("audio") };

    private static void Hears(JsonObject model) => model["modalities"] = new JsonObject { ["input"] = new JsonArray("text", "audio"), ["output"] = new JsonArray("text") };

    /// <summary>A file of silence, 8,000 samples of 8 bits a second.</summary>
    private static byte[] Wave(double seconds)
    {
        var samples = (int)(seconds * 8000);
        var file = new MemoryStream();
        using var writer = new BinaryWriter(file);
        writer.Write("RIFF"u8);
        writer.Write(36 + samples);
        writer.Write("WAVEfmt "u8);
        writer.Write(16);
        writer.Write((short)1);
        writer.Write((short)1);
        writer.Write(8000);
        writer.Write(8000);
        writer.Write((short)1);
        writer.Write((short)8);
        writer.Write("data"u8);
        writer.Write(samples);
        writer.Write(new byte[samples]);
        return file.ToArray();
    }
}
