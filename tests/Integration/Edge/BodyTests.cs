using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using OrleansGateway.Grains.Contracts.Accounts;
using Xunit;

namespace OrleansGateway.Tests.Integration.Edge;

/// <summary>The memory and the time that requests' bodies get, before and after their admission.</summary>
public sealed class BodyTests
{
    /// <summary>One key has room for four bodies of 200 KiB, of those that are admitted and of those that are not.</summary>
    private static readonly Dictionary<string, string?> RoomForFour = new()
    {
        ["Edge:MaxBodyBytes"] = "262144",
        ["Edge:UnadmittedBodyBytes"] = "2097152",
        ["Edge:AdmittedBodyBytes"] = "2097152",
    };

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("Content-Length: 2000000", "")]
    [InlineData("Transfer-Encoding: chunked", "100001")]
    public async Task Post_LargeBodyWithAKeyNotInForce_IsRefusedBeforeItIsRead(string header, string chunk)
    {
        await using var edge = await EdgeFixture.StartAsync();
        edge.Account.OnFindKey = _ => new KeyAnswer { Outcome = AdmitOutcome.KeyDisabled, Epoch = 1 };

        // What it takes to tell that the body is large, and no more.
        var body = chunk.Length > 0 ? $"{chunk}\r\n{new string(' ', Convert.ToInt32(chunk, 16))}\r\n" : "";
        var answer = await AnswerAsync(edge, header, body);

        Assert.StartsWith("HTTP/1.1 403 ", answer, StringComparison.Ordinal);
        Assert.Contains("key_disabled", answer, StringComparison.Ordinal);
        Assert.Empty(edge.Account.Admitted);
    }

    [Theory]
    [InlineData("Content-Length: 500", "{\"model\":")]
    [InlineData("Transfer-Encoding: chunked", "1\r\n{\r\n")]
    public async Task Post_BodyThatTakesTooLong_Is408(string header, string body)
    {
        await using var edge = await EdgeFixture.StartAsync(settings: [new("Edge:UploadTimeoutMs", "200")]);

        var answer = await AnswerAsync(edge, header, body);

        Assert.StartsWith("HTTP/1.1 408 ", answer, StringComparison.Ordinal);
        Assert.Contains("request_timeout", answer, StringComparison.Ordinal);
        Assert.Empty(edge.Account.Admitted);
    }

    [Fact]
    public async Task Post_RunningRequestsTakeAllRoom_Is503UntilOneEnds()
    {
        await using var edge = await EdgeFixture.StartAsync(settings: RoomForFour);
        edge.Provider.Stall();
        var running = Enumerable.Range(0, 4).Select(_ => edge.PostAsync(Large())).ToList();
        await edge.Provider.WaitUntilAsync(stats => stats.Requests == 4, Cancellation);

        using (var refused = await edge.PostAsync(Large()))
        {
            var error = await refused.ErrorAsync();
            Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
            Assert.Equal("service_unavailable", (string?)error["code"]);
            Assert.Equal("1", refused.Header("retry-after"));
        }

        Assert.Equal(4, edge.Account.Admitted.Count);
        edge.Provider.Release();
        foreach (var response in await Task.WhenAll(running))
        {
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
            await response.TextAsync();
            response.Dispose();
        }

        using var served = await edge.PostAsync(Large());
        Assert.Equal(HttpStatusCode.OK, served.StatusCode);
    }

    [Fact]
    public async Task Post_StreamsThatHaveBegun_LeaveTheirRoomToOthers()
    {
        await using var edge = await EdgeFixture.StartAsync(settings: RoomForFour);
        var streams = new List<HttpResponseMessage>();
        for (var i = 0; i < 4; i++)
        {
            streams.Add(await edge.PostAsync(Large(stream: true)));
        }

        using var other = await edge.PostAsync(Large());

        Assert.Equal(HttpStatusCode.OK, other.StatusCode);
        streams.ForEach(stream => stream.Dispose());
    }

    [Fact]
    public async Task Post_HeadersOfUploadsThatAreNotThere_TakeRoomToo()
    {
        await using var edge = await EdgeFixture.StartAsync(settings: RoomForFour);

        // Of a share of 1 MiB each takes 30 KiB.
        var header = $"X-Padding: {new string('x', 15 * 1024)}\r\nContent-Length: 500";
        var answers = Enumerable.Range(0, 40).Select(_ => AnswerAsync(edge, header, "{")).ToList();
        var first = await await Task.WhenAny(answers);

        Assert.StartsWith("HTTP/1.1 503 ", first, StringComparison.Ordinal);
    }

    private static JsonObject Large(bool stream = false) => EdgeFixture.Body(
        stream,
        stream ? new { tokens = 50, hang_after = 2 } : new { tokens = 5 },
        body => body["user"] = new string('x', 200 * 1024));

    /// <summary>What a client gets that sends a body's beginning and then waits.</summary>
    private static async Task<string> AnswerAsync(EdgeFixture edge, string header, string body)
    {
        using var socket = new TcpClient();
        await socket.ConnectAsync(edge.Client.BaseAddress!.Host, edge.Client.BaseAddress.Port, Cancellation);
        var head = $"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {edge.Key}\r\n{header}\r\n\r\n";
        var stream = socket.GetStream();
        await stream.WriteAsync(Encoding.ASCII.GetBytes(head + body), Cancellation);
        using var reader = new StreamReader(stream);
        var answer = new StringBuilder();
        var part = new char[1024];
        while (!answer.ToString().EndsWith("}}", StringComparison.Ordinal))
        {
            var read = await reader.ReadAsync(part, Cancellation);
            Assert.True(read > 0, $"The connection ended after: {answer}");
            answer.Append(part, 0, read);
        }

        return answer.ToString();
    }
}
