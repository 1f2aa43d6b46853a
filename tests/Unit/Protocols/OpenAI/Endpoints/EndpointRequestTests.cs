using System.Text;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Metering;
using OrleansGateway.Protocols.OpenAI;
using OrleansGateway.Protocols.OpenAI.Endpoints;
using OrleansGateway.Protocols.Sse;
using Xunit;

namespace OrleansGateway.Tests.Unit.Protocols.OpenAI.Endpoints;

public sealed class EndpointRequestTests
{
    private static readonly Func<byte[], (EndpointRequest Request, OpenAIError? Error)>[] Readers =
    [
        body => Json(new EmbeddingsRequest(body)),
        body => Json(new ModerationsRequest(body)),
        body => Json(new RerankRequest(body)),
        body => Json(new CompletionRequest(body)),
        body => Json(new SpeechRequest(body)),
        body => Json(new ImagesRequest(body, isEdit: false)),
        body => Json(new ImagesRequest(body, isEdit: true)),
        body => Form(new TranscriptionRequest(body, "multipart/form-data; boundary=b", isTranslation: false)),
        body => Form(new ImageEditForm(body, "multipart/form-data; boundary=b")),
    ];

    private static readonly string[] Seeds =
    [
        """{"model":"m","input":["a",[1,2],3],"dimensions":2,"voice":"v","query":"q","documents":["a",{"text":"b"}],"prompt":"p"}""",
        """{"model":"m","prompt":[[1,2],[3]],"n":2,"best_of":3,"stream":true,"stream_options":{"include_usage":true},"max_tokens":3}""",
        """{"model":"m","prompt":"p","images":[{"image_url":"data:image/png;base64,AAAA"}],"mask":{"image_url":"https://x"},"size":"1x1"}""",
        "--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nm\r\n--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\r\nRIFF\r\n--b--\r\n",
    ];

    /// <summary>OpenAI's calculation of a picture, at the sizes that its documentation names, and the tables of the first models.</summary>
    [Theory]
    [InlineData("1024x1024", "high", 7024)]
    [InlineData("3840x2160", "high", 13_342)]
    [InlineData("2880x2880", "max", 23_719)]
    [InlineData("1024x1024", "low", 272)]
    [InlineData("1024x1536", "low", 408)]
    [InlineData("1024x1536", "high", 6240)]
    [InlineData("auto", "auto", 23_719)]
    [InlineData("999999999x999999999", "low", 659)]
    [InlineData("-1x0", "low", 659)]
    public void Images_OfASize_HaveThatManyTokensAtTheMost(string size, string quality, long tokens)
    {
        var request = new ImagesRequest(Encoding.UTF8.GetBytes($$"""{"model":"m","prompt":"p","size":"{{size}}","quality":"{{quality}}"}"""), isEdit: false);
        Assert.Null(request.Read());
        Assert.Equal(tokens, request.OutputTokensMost);
    }

    [Fact]
    public void ForUpstream_WithoutFields_LeavesTheRestByteForByte()
    {
        var tokens = new EmbeddingsRequest("""{"model":"m", "user":"u","input" : [1 ,2]}"""u8.ToArray());
        Assert.Null(tokens.Read());
        Assert.Equal("""{"model":"up","input" : [1 ,2]}""", Text(tokens.ForUpstream(new EndpointChanges("up", null, true, ["user"]))));
    }

    [Fact]
    public void ForUpstream_OfAForm_ChangesTheModelAndLeavesFieldsOut()
    {
        var form = "--b\r\nContent-Disposition: form-data; name=\"language\"\r\n\r\nde\r\n--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nm\r\n"
            + "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a; b.wav\"\r\nContent-Type: audio/wav\r\n\r\n\0\u0001\r\n--c\r\n\r\n--b--\r\n";
        var request = new TranscriptionRequest(Encoding.UTF8.GetBytes(form), "multipart/form-data; charset=utf-8; boundary=\"b\"", isTranslation: false);
        Assert.Null(request.Read());
        Assert.Equal(
            "\r\n" + form[(form.IndexOf("\r\n--b\r\n", StringComparison.Ordinal) + 2)..].Replace("\r\n\r\nm\r\n", "\r\n\r\nup\r\n", StringComparison.Ordinal),
            Text(request.ForUpstream(new EndpointChanges("up", null, true, ["language"]))));
    }

    /// <summary>Bodies that are cut, joined and changed at random are read or refused.</summary>
    [Fact]
    public void Read_OfRubbish_NeverThrows()
    {
        var random = new Random(4711);
        for (var i = 0; i < 20_000; i++)
        {
            var body = Encoding.UTF8.GetBytes(Seeds[random.Next(Seeds.Length)]);
            for (var change = random.Next(4); change > 0; change--)
            {
                body[random.Next(body.Length)] = random.Next(2) == 0 ? (byte)random.Next(256) : body[random.Next(body.Length)];
            }

            body = random.Next(3) == 0 ? body[..random.Next(body.Length)] : body;
            var (request, error) = Readers[random.Next(Readers.Length)](body);
            Assert.True(error is not null || Text(request.ForUpstream(new EndpointChanges("up", null, true, []))).Length > 0);
            Assert.True(error is not null || (request.MaxInputTokens(new InputTokenRules(1000)) >= 0 && request.Seconds >= 0 && request.Choices > 0));
        }
    }

    [Theory]
    [InlineData("""{"usage":{"input_tokens":-5,"output_tokens":"x"},"data":[]}""")]
    [InlineData("""{"usage":{"prompt_tokens":1e30},"data":[]}""")]
    [InlineData("""{"usage":[],"meta":{"billed_units":null},"data":[]}""")]
    public void Read_OfUsageThatIsNone_IsNeverNegative(string answer)
    {
        var counts = EndpointAnswer.Read(Encoding.UTF8.GetBytes(answer), OutputKind.Text).Counts;
        Assert.True(counts.Reported is null or { TotalInput: 0, TotalOutput: 0 });
    }

    /// <summary>Cached, audio and picture tokens are parts of the input, never added to it.</summary>
    [Fact]
    public void Read_OfUsageWithDetails_CountsEachTokenOnce()
    {
        var answer = EndpointAnswer.Read(
            """{"data":[{}],"usage":{"total_tokens":350,"input_tokens":150,"output_tokens":200,"input_tokens_details":{"text_tokens":50,"image_tokens":100,"cached_tokens":20},"output_tokens_details":{"image_tokens":196,"text_tokens":4}}}"""u8,
            OutputKind.Image);
        Assert.Equal(
            new TokenUsage { UncachedInput = 30, CacheRead = 20, ImageInput = 100, ImageOutput = 196, Output = 4 },
            answer.Counts.Reported);
    }

    /// <summary>However its bytes are split, a stream gives the same.</summary>
    [Fact]
    public void ReadStream_SplitAnywhere_CountsTheSame()
    {
        var stream = Encoding.UTF8.GetBytes(
            "data: {\"id\":\"c\",\"model\":\"up\",\"choices\":[{\"text\":\"Gr\u00FC\u00DFe \u4F60\u597D\",\"index\":0}]}\r\n\r\n"
            + "data: {\"id\":\"c\",\"choices\":[{\"text\":\"\",\"index\":0,\"finish_reason\":\"stop\"}]}\n\ndata: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":5}}\n\ndata: [DONE]\n\n");
        for (var split = 0; split <= stream.Length; split++)
        {
            var request = new CompletionRequest("""{"model":"m","prompt":"p","stream":true}"""u8.ToArray());
            Assert.Null(request.Read());
            var reader = new EndpointStreamReader(request, OutputKind.Text);
            var meter = new AnswerMeter();
            var last = AnswerRead.Part;
            using var splitter = new SseSplitter();
            foreach (var part in (byte[][])[stream[..split], stream[split..]])
            {
                part.CopyTo(splitter.GetMemory(Math.Max(1, part.Length)));
                splitter.Advance(part.Length);
                while (splitter.TryRead(out var sseEvent) == SseRead.Event)
                {
                    last = reader.Read(sseEvent, meter);
                }
            }

            Assert.Equal((AnswerRead.End, true, 4), (last, meter.AllChoicesEnded, meter.EstimatedOutputTokens));
            Assert.Equal(new TokenUsage { UncachedInput = 3, Output = 5 }, reader.Reported);
        }
    }

    private static string Text(UpstreamBody body) => string.Concat(body.Segments.Select(segment => Encoding.UTF8.GetString(segment.Span)));

    private static (EndpointRequest Request, OpenAIError? Error) Json(JsonRequest request) => (request, request.Read());

    private static (EndpointRequest Request, OpenAIError? Error) Form(FormRequest request) => (request, request.Read());
}
