using System.Buffers;
using System.Text;
using System.Text.Json.Nodes;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.OpenAI;
using Xunit;

namespace OrleansGateway.Tests.Unit.Protocols.OpenAI;

public sealed class UpstreamErrorTests
{
    private static UpstreamError Read(int status, string body, params string[] secrets) =>
        UpstreamErrors.Read(status, Encoding.UTF8.GetBytes(body), secrets);

    private static string Error(string code, string message = "m", string type = "t") =>
        $$$"""{"error":{"message":"{{{message}}}","type":"{{{type}}}","param":null,"code":"{{{code}}}"}}""";

    [Theory]
    [InlineData(400, UpstreamFailure.BadRequest)]
    [InlineData(422, UpstreamFailure.BadRequest)]
    [InlineData(401, UpstreamFailure.Auth)]
    [InlineData(402, UpstreamFailure.OutOfFunds)]
    [InlineData(403, UpstreamFailure.Forbidden)]
    [InlineData(404, UpstreamFailure.ModelMissing)]
    [InlineData(408, UpstreamFailure.ServerError)]
    [InlineData(409, UpstreamFailure.ServerError)]
    [InlineData(413, UpstreamFailure.TooLarge)]
    [InlineData(429, UpstreamFailure.RateLimited)]
    [InlineData(500, UpstreamFailure.ServerError)]
    [InlineData(503, UpstreamFailure.Overloaded)]
    [InlineData(529, UpstreamFailure.Overloaded)]
    [InlineData(302, UpstreamFailure.ServerError)]
    [InlineData(200, UpstreamFailure.ServerError)]
    public void Read_StatusAlone_IsClassified(int status, UpstreamFailure failure)
    {
        foreach (var body in new[] { "", "<html>gone</html>", "{}", "{\"error\":{}}", "[", "\"x\"" })
        {
            Assert.Equal(new UpstreamError(failure, status), Read(status, body));
        }
    }

    /// <summary>OpenRouter's own filter answers as if the key were refused, and quotes the client.</summary>
    [Fact]
    public void Read_FlaggedInput_IsTheClientsAndNotTheKeys()
    {
        var error = Read(403, """{"error":{"code":403,"message":"Your chosen model requires moderation and your input was flagged for \"violence\".","metadata":{"reasons":["violence"],"flagged_input":"kill...","provider_name":"x"}},"user_id":"u"}""");
        Assert.Equal((UpstreamFailure.ContentFiltered, false), (error.Failure, error.IsRetryable));
        Assert.DoesNotContain("kill", error.Message, StringComparison.Ordinal);
        Assert.Equal(UpstreamFailure.Forbidden, Read(403, """{"error":{"code":403,"message":"Only management keys can perform this operation","metadata":null}}""").Failure);
    }

    [Theory]
    [InlineData(429, "insufficient_quota", UpstreamFailure.OutOfFunds)]
    [InlineData(429, "rate_limit_exceeded", UpstreamFailure.RateLimited)]
    [InlineData(429, "1113", UpstreamFailure.OutOfFunds)]
    [InlineData(429, "1302", UpstreamFailure.RateLimited)]
    [InlineData(429, "1303", UpstreamFailure.RateLimited)]
    [InlineData(429, "1305", UpstreamFailure.Overloaded)]
    [InlineData(429, "1310", UpstreamFailure.OutOfFunds)]
    [InlineData(400, "1211", UpstreamFailure.ModelMissing)]
    [InlineData(400, "1261", UpstreamFailure.BadRequest)]
    [InlineData(400, "1301", UpstreamFailure.ContentFiltered)]
    [InlineData(401, "1002", UpstreamFailure.Auth)]
    [InlineData(400, "Arrearage", UpstreamFailure.OutOfFunds)]
    [InlineData(403, "AccessDenied", UpstreamFailure.Forbidden)]
    [InlineData(401, "InvalidApiKey", UpstreamFailure.Auth)]
    [InlineData(429, "Throttling.RateQuota", UpstreamFailure.RateLimited)]
    [InlineData(429, "Throttling.AllocationQuota", UpstreamFailure.RateLimited)]
    [InlineData(400, "data_inspection_failed", UpstreamFailure.ContentFiltered)]
    [InlineData(404, "ModelNotFound", UpstreamFailure.ModelMissing)]
    [InlineData(400, "context_length_exceeded", UpstreamFailure.BadRequest)]
    [InlineData(503, "slow_down", UpstreamFailure.Overloaded)]
    [InlineData(200, "1302", UpstreamFailure.RateLimited)]
    [InlineData(200, "server_error", UpstreamFailure.ServerError)]
    public void Read_Code_DecidesOverTheStatus(int status, string code, UpstreamFailure failure)
    {
        Assert.Equal(failure, Read(status, Error(code)).Failure);
        Assert.Equal(failure, Read(status, $$"""{"code":"{{code}}","message":"m","request_id":"r"}""").Failure);
        Assert.Equal(failure, Read(status, $$"""[{{Error(code)}}]""").Failure);
    }

    [Theory]
    [InlineData("Your credit balance is too low to access the API.", UpstreamFailure.OutOfFunds)]
    [InlineData("API key not valid. Please pass a valid API key.", UpstreamFailure.Auth)]
    [InlineData("Invalid value: 'API key not valid, your credit balance is too low'.", UpstreamFailure.BadRequest)]
    public void Read_BadRequestInWords_IsTheChannelsFaultOnlyWhereTheProviderSpeaks(string message, UpstreamFailure failure)
    {
        Assert.Equal(failure, Read(400, Error("invalid_request", message)).Failure);
    }

    [Theory]
    [InlineData(UpstreamFailure.BadRequest, false)]
    [InlineData(UpstreamFailure.ContentFiltered, false)]
    [InlineData(UpstreamFailure.TooLarge, false)]
    [InlineData(UpstreamFailure.ModelMissing, true)]
    [InlineData(UpstreamFailure.Forbidden, true)]
    [InlineData(UpstreamFailure.Auth, true)]
    [InlineData(UpstreamFailure.OutOfFunds, true)]
    [InlineData(UpstreamFailure.RateLimited, true)]
    [InlineData(UpstreamFailure.Overloaded, true)]
    [InlineData(UpstreamFailure.ServerError, true)]
    public void IsRetryable_IsForWhatAnotherChannelMayDo(UpstreamFailure failure, bool expected)
    {
        Assert.Equal(expected, new UpstreamError(failure, 400).IsRetryable);
    }

    [Fact]
    public void Read_BadRequest_PassesTheProvidersWordsOn()
    {
        var error = Read(400, """{"error":{"message":"Unsupported value: 'temperature'.","type":"invalid_request_error","param":"temperature","code":"unsupported_value"}}""");

        Assert.Equal(
            new UpstreamError(UpstreamFailure.BadRequest, 400, "Unsupported value: 'temperature'.", "temperature", "unsupported_value"), error);
    }

    [Theory]
    [InlineData("""{"detail":"bad field"}""", "bad field")]
    [InlineData("""{"error":"bad field"}""", "bad field")]
    [InlineData("""{"error":{"message":"bad field","code":1210}}""", "bad field")]
    public void Read_OtherShapes_AreUnderstood(string body, string message)
    {
        Assert.Equal(message, Read(400, body).Message);
    }

    [Theory]
    [InlineData("Wrong key sk-proj-abcDEF123_-x*** given", "sk-proj")]
    [InlineData("Header Authorization: Bearer abc.def-ghi", "abc.def")]
    [InlineData("Key AIzaSyA1234567890abcdef", "AIza")]
    [InlineData("Key 0123456789abcdef0123456789abcdef.AbCdEfGh1234", "0123456789abcdef")]
    [InlineData("in organization org-AbCdEf123456 on tokens", "AbCdEf")]
    [InlineData("project proj_9x8y7z6w5v", "9x8y7z")]
    [InlineData("see https://platform.example.com/account/limits?x=1.", "example")]
    [InlineData("see https://10.1.2.3:8080/x", "10.1.2.3")]
    [InlineData("connect 10.1.2.3:8080 failed", "10.1.2.3")]
    [InlineData("host api.deepseek.com:443 is down", "deepseek")]
    [InlineData("ask admin@corp.example", "corp")]
    [InlineData("token eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9abc", "eyJ")]
    [InlineData("workspace ws-4kq9a8b7c6", "4kq9")]
    [InlineData("the secret is my-own-host-name here", "my-own")]
    public void Read_PrivateThings_AreScrubbed(string message, string secret)
    {
        var shown = Read(400, Error("x", message), "my-own-host-name").Message!;

        Assert.DoesNotContain(secret, shown, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("[redacted]", shown, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("see http://gone.internal/v1?x=1, twice", "see [redacted] twice")]
    [InlineData("see https://my-own-host-name/v1/models now", "see [redacted] now")]
    [InlineData("ask ops@corp.example.com, twice", "ask [redacted], twice")]
    [InlineData("organization id: 'acme-77' project \\t 1234", "organization id: '[redacted]' project   [redacted]")]
    [InlineData("account account 12345678", "account account [redacted]")]
    [InlineData("org-aaaaaa-user-bbbbbb org-cc4444", "[redacted]-user-bbbbbb [redacted]")]
    [InlineData("a.b.example.com:443/v1/x and api.example.dev/sk-12345678/y", "[redacted] and [redacted]")]
    public void Read_SeveralPrivateThings_LeaveTheirSurroundings(string message, string shown) =>
        Assert.Equal(shown, Read(400, Error("x", message), "my-own-host-name").Message);

    [Theory]
    [InlineData("Invalid value for 'messages[3].content': expected a string, but got an object instead.")]
    [InlineData("This model's maximum context length is 128000 tokens. However, your messages resulted in 130012 tokens.")]
    [InlineData("Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead, e.g. key-value pairs.")]
    [InlineData("模型不支持该参数 messages.0.content")]
    public void Read_HarmlessWords_StayAsTheyAre(string message)
    {
        Assert.Equal(message, Read(400, Error("x", message)).Message);
    }

    [Fact]
    public void Read_LongMessageWithControls_IsBoundedToOneLine()
    {
        var shown = Read(400, Error("x", "a\\r\\n\\u0000b " + string.Concat(Enumerable.Repeat("word ", 5000)))).Message!;

        Assert.InRange(shown.Length, 100, 1100);
        Assert.StartsWith("a b ", shown, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_PrivateCodeOrParam_IsLeftOut()
    {
        var error = Read(400, """{"error":{"message":"m","param":"see sk-12345678","code":"org-abc12345"}}""");

        Assert.Equal((null, null), (error.Param, error.Code));
    }

    [Theory]
    [InlineData("{\"message\":\"x\",\"code\":503}", UpstreamFailure.Overloaded)]
    [InlineData("{\"message\":\"x\",\"code\":\"400\"}", UpstreamFailure.BadRequest)]
    [InlineData("{\"message\":\"x\",\"type\":\"invalid_request_error\"}", UpstreamFailure.BadRequest)]
    [InlineData("{\"message\":\"x\"}", UpstreamFailure.ServerError)]
    public void Read_ErrorThatCameAsAnAnswer_IsJudgedByWhatItTells(string error, UpstreamFailure failure) =>
        Assert.Equal(failure, Read(200, $$"""{"error":{{error}}}""").Failure);

    [Fact]
    public void Read_GooglesRetryInfo_IsHowLongToWait()
    {
        var error = Read(429, """[{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED","details":[{"@type":"x.Help"},{"@type":"x.RetryInfo","retryDelay":"12.5s"}]}}]""");

        Assert.Equal((UpstreamFailure.RateLimited, "m", 12_500), (error.Failure, error.Message, error.RetryAfterMs));
    }

    [Fact]
    public void Write_Error_HasAllFourFields()
    {
        var writer = new ArrayBufferWriter<byte>();

        OpenAIErrors.Write(writer, new OpenAIError(404, "No \"model\" <ü>", "invalid_request_error", "model"));

        Assert.Equal(
            """{"error":{"message":"No \"model\" <ü>","type":"invalid_request_error","param":"model","code":null}}""",
            Encoding.UTF8.GetString(writer.WrittenSpan));
    }

    [Fact]
    public void WriteEvent_Error_IsOneEvent()
    {
        var writer = new ArrayBufferWriter<byte>();

        OpenAIErrors.WriteEvent(writer, new OpenAIError(502, "a\nb", "server_error"));

        var text = Encoding.UTF8.GetString(writer.WrittenSpan);
        Assert.Equal("data: ", text[..6]);
        Assert.Equal(text.Length - 2, text.IndexOf('\n', StringComparison.Ordinal));
        Assert.Equal("a\nb", (string?)JsonNode.Parse(text[6..])!["error"]!["message"]);
    }
}
