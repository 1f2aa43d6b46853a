using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Grains.Contracts.Pricing;
using OrleansGateway.Tests.Programs.Faults;
using Xunit;

namespace OrleansGateway.Tests.Integration.Edge;

public sealed class ClientGoneTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Gone_BeforeTheFirstByteUnderCancel_StopsTheProviderAndIsFree(bool stream)
    {
        await using var edge = await EdgeFixture.StartAsync();
        edge.Provider.Stall();
        using var gone = new CancellationTokenSource();

        var posting = SendAsync(edge, EdgeFixture.Body(stream), gone.Token);
        await edge.Provider.WaitUntilAsync(stats => stats.Waiting == 1, TestContext.Current.CancellationToken);
        await gone.CancelAsync();

        var settled = await SettledAsync(edge);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => posting);
        Assert.Equal(0, settled.CostNanos);
        Assert.Equal(RequestStatus.ClientGone, settled.Status);
        await edge.Provider.WaitUntilAsync(stats => stats.Running == 0, TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task Gone_MidStreamUnderCancel_StopsTheProviderAndIsChargedForWhatCame()
    {
        await using var edge = await EdgeFixture.StartAsync();
        using var gone = new CancellationTokenSource();

        using (var response = await SendAsync(edge, EdgeFixture.Body(stream: true, new { tokens = 100, hang_after = 10 }), gone.Token))
        {
            // The role comes first, with a content that is empty: no output yet.
            await ReadSomeAsync(response, "\"delta\":{\"content\"");
            await gone.CancelAsync();
        }

        var settled = await SettledAsync(edge);
        Assert.Equal(RequestStatus.ClientGone, settled.Status);
        Assert.True(settled.Usage.IsEstimated);
        Assert.InRange(settled.Usage[Unit.Output], 1, 50);
        await edge.Provider.WaitUntilAsync(stats => stats.ClientGone == 1, TestContext.Current.CancellationToken);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Gone_UnderDrain_TheProviderFinishesAndItsReportIsCharged(bool stream)
    {
        await using var edge = await EdgeFixture.StartAsync(channel: (_, channel) => channel["on_client_gone"] =
            new JsonObject { ["drain"] = new JsonObject { ["max_ms"] = 20_000, ["max_tokens"] = 10_000 } });
        edge.Provider.Stall();
        using var gone = new CancellationTokenSource();

        var posting = SendAsync(edge, EdgeFixture.Body(stream, new { tokens = 30 }), gone.Token);
        await edge.Provider.WaitUntilAsync(stats => stats.Waiting == 1, TestContext.Current.CancellationToken);
        await gone.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => posting);
        await edge.ClientGone.Task;
        edge.Provider.Release();

        var settled = await SettledAsync(edge);
        Assert.Equal(stream ? RequestStatus.ClientGone : RequestStatus.Completed, settled.Status);
        Assert.Equal(30, settled.Usage[Unit.Output]);
        Assert.False(settled.Usage.IsEstimated);

        // It notes so for itself, perhaps later.
        await edge.Provider.WaitUntilAsync(stats => stats.Completed == 1, TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task Gone_UnderDrain_AWholeAnswerIsKeptForTheRepeatOfItsIdempotencyKey()
    {
        await using var edge = await EdgeFixture.StartAsync(channel: (_, channel) => channel["on_client_gone"] =
            new JsonObject { ["drain"] = new JsonObject { ["max_ms"] = 20_000, ["max_tokens"] = 10_000 } });
        edge.Provider.Stall();
        using var gone = new CancellationTokenSource();
        var body = EdgeFixture.Body(stream: false, new { tokens = 30 });
        var posting = SendAsync(edge, body, gone.Token, "once");
        await edge.Provider.WaitUntilAsync(stats => stats.Waiting == 1, TestContext.Current.CancellationToken);
        await gone.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => posting);
        await edge.ClientGone.Task;
        edge.Provider.Release();
        var first = await SettledAsync(edge);

        edge.Account.OnAdmit = _ => Task.FromResult(new AdmitAnswer
        {
            Outcome = AdmitOutcome.IdempotencyCompleted, Epoch = 1, EarlierRequestId = first.Ticket.HoldId, EarlierChargeNanos = first.CostNanos,
        });
        await Load.UntilAsync(
            async _ =>
            {
                using var repeat = await edge.PostAsync(body, request => request.Headers.Add("Idempotency-Key", "once"));
                return repeat.StatusCode == HttpStatusCode.OK && (await repeat.TextAsync()).Contains("\"completion_tokens\":30", StringComparison.Ordinal);
            },
            "the repeat to be given the answer");
        Assert.Equal(1, edge.Provider.Stats.Requests);
    }

    [Fact]
    public async Task Gone_DrainTakesTooLong_IsChargedForWhatCame()
    {
        await using var edge = await EdgeFixture.StartAsync(channel: (_, channel) => channel["on_client_gone"] =
            new JsonObject { ["drain"] = new JsonObject { ["max_ms"] = 300, ["max_tokens"] = 10_000 } });
        using var gone = new CancellationTokenSource();

        using (var response = await SendAsync(edge, EdgeFixture.Body(stream: true, new { tokens = 100, hang_after = 10 }), gone.Token))
        {
            // The role comes first, with a content that is empty: no output yet.
            await ReadSomeAsync(response, "\"delta\":{\"content\"");
            await gone.CancelAsync();
        }

        var settled = await SettledAsync(edge);
        Assert.Equal(RequestStatus.ClientGone, settled.Status);
        Assert.True(settled.Usage[Unit.Output] > 0);
        await edge.Provider.WaitUntilAsync(stats => stats.ClientGone == 1, TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task Stalled_ClientThatReadsNothing_IsCutAndChargedForWhatCame()
    {
        await using var edge = await EdgeFixture.StartAsync(settings: [new("Edge:WriteTimeoutMs", "400")], model: model => model["max_output_tokens"] = 10_000_000);
        using var socket = new TcpClient { ReceiveBufferSize = 4096 };
        await socket.ConnectAsync(edge.Client.BaseAddress!.Host, edge.Client.BaseAddress.Port, TestContext.Current.CancellationToken);
        var body = EdgeFixture.Body(stream: true, new { tokens = 4000, big = 12_000_000 }).ToJsonString();
        var head = $"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {edge.Key}\r\nContent-Length: {body.Length}\r\n\r\n";
        await socket.GetStream().WriteAsync(Encoding.ASCII.GetBytes(head + body), TestContext.Current.CancellationToken);

        var settled = await SettledAsync(edge);

        Assert.Equal(RequestStatus.ClientGone, settled.Status);
        Assert.True(settled.CostNanos > 0);
    }

    [Fact]
    public async Task Stalled_ClientThatReadsNothingOfAWholeAnswer_IsCut()
    {
        await using var edge = await EdgeFixture.StartAsync(settings: [new("Edge:WriteTimeoutMs", "400")]);
        using var socket = new TcpClient { ReceiveBufferSize = 4096 };
        await socket.ConnectAsync(edge.Client.BaseAddress!.Host, edge.Client.BaseAddress.Port, TestContext.Current.CancellationToken);
        var body = EdgeFixture.Body(sim: new { tokens = 5, big = 24_000_000 }).ToJsonString();
        var head = $"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {edge.Key}\r\nContent-Length: {body.Length}\r\n\r\n";
        await socket.GetStream().WriteAsync(Encoding.ASCII.GetBytes(head + body), TestContext.Current.CancellationToken);

        // Ends only when the relay gives the connection up: nothing is read here.
        await edge.ClientGone.Task.WaitAsync(TestContext.Current.CancellationToken);

        Assert.Equal(RequestStatus.ClientGone, (await SettledAsync(edge)).Status);
    }

    private static Task<HttpResponseMessage> SendAsync(EdgeFixture edge, JsonObject body, CancellationToken cancellationToken, string? idempotencyKey = null)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, "/v1/chat/completions")
        {
            Content = new StringContent(body.ToJsonString(), Encoding.UTF8, "application/json"),
        };
        if (idempotencyKey is not null)
        {
            request.Headers.Add("Idempotency-Key", idempotencyKey);
        }

        return edge.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
    }

    private static async Task ReadSomeAsync(HttpResponseMessage response, string until)
    {
        var stream = await response.Content.ReadAsStreamAsync(TestContext.Current.CancellationToken);
        var (buffer, seen) = (new byte[4096], "");
        while (!seen.Contains(until, StringComparison.Ordinal))
        {
            seen += Encoding.UTF8.GetString(buffer, 0, await stream.ReadAsync(buffer, TestContext.Current.CancellationToken));
        }
    }

    private static async Task<SettleRequest> SettledAsync(EdgeFixture edge)
    {
        SettleRequest? settled;
        while (!edge.Account.Settled.TryPeek(out settled))
        {
            await Task.Delay(5, TestContext.Current.CancellationToken);
        }

        return settled;
    }
}
