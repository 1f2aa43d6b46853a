using System.Net;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging;
using OrleansGateway.Edge.Accounting;
using OrleansGateway.Grains.Contracts;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Grains.Contracts.Pricing;
using Xunit;

namespace OrleansGateway.Tests.Integration.Edge;

/// <summary>What the client sees of admission, growth and settlement.</summary>
public sealed class MoneyTests
{
    [Theory]
    [InlineData(false, null, 1)]
    [InlineData(false, 100, 1)]
    [InlineData(false, 100, 3)]
    [InlineData(true, 100, 3)]
    public async Task Admit_AnyRequest_HoldsItsBound(bool stream, int? cap, int choices)
    {
        await using var edge = await EdgeFixture.StartAsync();

        using var response = await edge.PostAsync(EdgeFixture.Body(stream, change: body =>
        {
            body["n"] = choices;
            if (cap is not null)
            {
                body["max_completion_tokens"] = cap;
            }
        }));

        await response.TextAsync();
        var admitted = Assert.Single(edge.Account.Admitted);
        var settled = Assert.Single(edge.Account.Settled);
        var outputs = (cap ?? 4096) * choices * 10_000L;
        Assert.InRange(admitted.MostNanos, outputs + 1, outputs + 1_000_000);
        Assert.Equal(stream ? Math.Min(256, cap ?? 4096) * choices * 10_000L < outputs : false, admitted.LeastNanos < admitted.MostNanos);
        Assert.Equal(5 * choices, settled.Usage[Unit.Output]);
        Assert.InRange(settled.CostNanos, 1, admitted.MostNanos);
        Assert.Equal("test-model@1", admitted.PriceId);
        Assert.Equal("127.0.0.1", admitted.ClientAddress);
    }

    [Fact]
    public async Task Admit_LongStream_BeginsWithAFirstSliceAndGrows()
    {
        await using var edge = await EdgeFixture.StartAsync();
        edge.Account.OnAdmit = request => Task.FromResult(FakeAccount.Admit(request, most: false));

        using var response = await edge.PostAsync(EdgeFixture.Body(stream: true, new { tokens = 2000 }));

        Assert.EndsWith("[DONE]\n\n", await response.TextAsync(), StringComparison.Ordinal);
        var (admitted, settled) = (Assert.Single(edge.Account.Admitted), Assert.Single(edge.Account.Settled));
        Assert.True(admitted.LeastNanos < admitted.MostNanos);
        Assert.NotEmpty(edge.Account.Extended);
        Assert.True(edge.Account.Extended.Count <= 6, $"{edge.Account.Extended.Count} extensions");
        Assert.True(settled.CostNanos <= settled.Ticket.TotalNanos, "What was held did not cover the cost.");
        Assert.Equal(RequestStatus.Completed, settled.Status);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Extend_Refused_EndsAsAtTheLengthLimit(bool includeUsage)
    {
        await using var edge = await EdgeFixture.StartAsync();
        edge.Account.OnAdmit = request => Task.FromResult(FakeAccount.Admit(request, most: false));
        edge.Account.OnExtend = request => Task.FromResult(new ExtendAnswer(ExtendOutcome.Refused, 1, request.Ticket.TotalNanos));

        using var response = await edge.PostAsync(EdgeFixture.Body(stream: true, new { tokens = 4000, hang_after = 3000 }, body =>
            body["stream_options"] = new JsonObject { ["include_usage"] = includeUsage }));

        var text = await response.TextAsync();
        Assert.EndsWith("data: [DONE]\n\n", text, StringComparison.Ordinal);
        Assert.Contains("\"finish_reason\":\"length\"", text, StringComparison.Ordinal);
        Assert.Contains(": og_notice: ", text, StringComparison.Ordinal);
        Assert.Equal(includeUsage, text.Contains("\"usage\":{", StringComparison.Ordinal));
        var settled = Assert.Single(edge.Account.Settled);
        Assert.Equal(RequestStatus.FundsExhausted, settled.Status);
        Assert.True(settled.CostNanos > 0);
        await edge.Provider.WaitUntilAsync(stats => stats.Running == 0, TestContext.Current.CancellationToken);
        Assert.Equal(1, edge.Provider.Stats.ClientGone);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Settle_NotYetCommitted_TheEndIsHeldBack(bool stream)
    {
        await using var edge = await EdgeFixture.StartAsync();
        var asked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var commit = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        edge.Account.OnSettle = async request =>
        {
            asked.TrySetResult();
            await commit.Task;
            return new SettleAnswer(SettleOutcome.Committed, 1, request.CostNanos, 0);
        };

        var posting = edge.PostAsync(EdgeFixture.Body(stream));
        await asked.Task;
        if (stream)
        {
            using var response = await posting;
            await using var body = await response.Content.ReadAsStreamAsync(TestContext.Current.CancellationToken);
            var (buffer, seen) = (new byte[65536], "");
            while (seen.Split("\n\n").Length <= 6)
            {
                seen += System.Text.Encoding.UTF8.GetString(buffer, 0, await body.ReadAsync(buffer, TestContext.Current.CancellationToken));
            }

            Assert.DoesNotContain("\"finish_reason\":\"stop\"", seen, StringComparison.Ordinal);
            Assert.DoesNotContain("[DONE]", seen, StringComparison.Ordinal);
            Assert.Empty(edge.Account.Settled);
            commit.SetResult();
            using var rest = new StreamReader(body);
            var end = await rest.ReadToEndAsync(TestContext.Current.CancellationToken);
            Assert.Contains("\"finish_reason\":\"stop\"", end, StringComparison.Ordinal);
            Assert.EndsWith("data: [DONE]\n\n", end, StringComparison.Ordinal);
        }
        else
        {
            Assert.False(posting.IsCompleted);
            commit.SetResult();
            using var response = await posting;
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        }
    }

    [Fact]
    public async Task Settle_ClosedByLease_NothingGoesOutAndItIsPaidBack()
    {
        await using var edge = await EdgeFixture.StartAsync();
        edge.Account.OnSettle = _ => Task.FromResult(new SettleAnswer(SettleOutcome.ClosedByLease, 1, 777, 0));

        using var response = await edge.PostAsync(EdgeFixture.Body());

        Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
        Assert.Equal("settlement_failed", (string?)(await response.ErrorAsync())["code"]);
        Assert.NotNull(response.Header("retry-after"));
        var moved = Assert.Single(edge.Account.Moved);
        Assert.Equal((EntryKind.Compensation, 777L), (moved.Kind, moved.AmountNanos));
        Assert.Equal(response.Header("x-request-id"), moved.Ref);
    }

    [Fact]
    public async Task Settle_StreamClosedByLease_IsCutWithAnErrorAndNotPaidBack()
    {
        await using var edge = await EdgeFixture.StartAsync();
        edge.Account.OnSettle = _ => Task.FromResult(new SettleAnswer(SettleOutcome.ClosedByLease, 1, 777, 0));

        using var response = await edge.PostAsync(EdgeFixture.Body(stream: true));

        var text = await response.CutTextAsync();
        Assert.Equal("settlement_failed", (string?)JsonNode.Parse(StreamReading.Payloads(text).Last())!["error"]!["code"]);
        Assert.DoesNotContain("\"finish_reason\":\"stop\"", text, StringComparison.Ordinal);
        Assert.DoesNotContain("[DONE]", text, StringComparison.Ordinal);
        Assert.Empty(edge.Account.Moved);
    }

    [Fact]
    public async Task Settle_AsksToRetry_IsRepeatedUntilCommitted()
    {
        await using var edge = await EdgeFixture.StartAsync();
        var attempts = 0;
        edge.Account.OnSettle = request => Task.FromResult(Interlocked.Increment(ref attempts) < 3
            ? new SettleAnswer(SettleOutcome.Retry, 2, 0, 0)
            : new SettleAnswer(SettleOutcome.Committed, 2, request.CostNanos, 0));

        using var response = await edge.PostAsync(EdgeFixture.Body());

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(2, Assert.Single(edge.Account.Settled).Epoch);
    }

    [Fact]
    public async Task Admit_AsksToRetry_IsRepeatedWithTheNewEpoch()
    {
        await using var edge = await EdgeFixture.StartAsync();
        edge.Account.OnAdmit = request => Task.FromResult(request.Epoch < 7
            ? new AdmitAnswer { Outcome = AdmitOutcome.Retry, Epoch = 7 }
            : FakeAccount.Admit(request));

        using var response = await edge.PostAsync(EdgeFixture.Body());

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(7, Assert.Single(edge.Account.Admitted).Epoch);
    }

    [Fact]
    public async Task Admit_KeyShowsCost_AnswersTellIt()
    {
        await using var edge = await EdgeFixture.StartAsync();
        edge.Account.OnAdmit = request => Task.FromResult(FakeAccount.Admit(request) with { ShowCost = true });

        using var whole = await edge.PostAsync(EdgeFixture.Body());
        using var streamed = await edge.PostAsync(EdgeFixture.Body(stream: true, change: body =>
            body["stream_options"] = new JsonObject { ["include_usage"] = true }));

        var cost = JsonNode.Parse(await whole.TextAsync())!["usage"]!["cost"]!.ToJsonString();
        var usage = StreamReading.Payloads(await streamed.TextAsync()).SkipLast(1).Last();
        var settled = edge.Account.Settled.ToArray();
        Assert.Equal(settled[0].CostNanos, (long)(decimal.Parse(cost, System.Globalization.CultureInfo.InvariantCulture) * Money.NanosPerUsd));
        Assert.Equal(settled[1].CostNanos, (long)((decimal)JsonNode.Parse(usage)!["usage"]!["cost"]! * Money.NanosPerUsd));
    }

    [Fact]
    public async Task Admit_WithRateStanding_HeadersTellIt()
    {
        await using var edge = await EdgeFixture.StartAsync();
        edge.Account.OnAdmit = request => Task.FromResult(FakeAccount.Admit(request) with
        {
            Rates = new RateStanding
            {
                RequestsLimit = 60, RequestsRemaining = 59, RequestsResetMs = 1000, TokensLimit = 1000, TokensRemaining = 900, TokensResetMs = 360_000,
            },
        });

        foreach (var stream in new[] { false, true })
        {
            using var response = await edge.PostAsync(EdgeFixture.Body(stream));

            Assert.Equal("60", response.Header("x-ratelimit-limit-requests"));
            Assert.Equal("59", response.Header("x-ratelimit-remaining-requests"));
            Assert.Equal("1s", response.Header("x-ratelimit-reset-requests"));
            Assert.Equal("1000", response.Header("x-ratelimit-limit-tokens"));
            Assert.Equal("900", response.Header("x-ratelimit-remaining-tokens"));
            Assert.Equal("6m0s", response.Header("x-ratelimit-reset-tokens"));
        }
    }

    [Fact]
    public async Task Admit_BalanceBelowTheCap_IsLoweredWhereConfigured()
    {
        await using var edge = await EdgeFixture.StartAsync(settings: [new("Edge:LowerCapToBalance", "true")]);
        edge.Account.OnAdmit = request => Task.FromResult(request.MostNanos <= 2_000_000
            ? FakeAccount.Admit(request)
            : new AdmitAnswer { Outcome = AdmitOutcome.InsufficientFunds, Epoch = 1, AvailableNanos = 2_000_000 });

        using var response = await edge.PostAsync(EdgeFixture.Body());

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        var sent = JsonNode.Parse(Assert.Single(edge.Provider.Requests).Body)!;
        Assert.InRange((int)sent["max_completion_tokens"]!, 100, 200);
        Assert.InRange(Assert.Single(edge.Account.Admitted).MostNanos, 1_900_000, 2_000_000);
    }

    [Fact]
    public async Task Settle_UsageAboveTheBound_IsSettledAsItIs()
    {
        await using var edge = await EdgeFixture.StartAsync();

        using var response = await edge.PostAsync(EdgeFixture.Body(
            sim: new { usage = new { prompt_tokens = 1_000_000, completion_tokens = 1_000_000, total_tokens = 2_000_000 } }));

        await response.TextAsync();
        var settled = Assert.Single(edge.Account.Settled);
        Assert.Equal(11_000_000_000, settled.CostNanos);
        Assert.True(settled.CostNanos > settled.Ticket.TotalNanos);
        var warning = Assert.Single(edge.Log.Lines, line => line.Level == LogLevel.Warning).Text;
        Assert.StartsWith($"{settled.Ticket.HoldId} model=test-model channel=channel-0: ", warning, StringComparison.Ordinal);
        Assert.Contains($"11000000000 nanos, the bound is {edge.Account.Admitted.Single().MostNanos} nanos", warning, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Admit_AfterAnAnswer_EstimatesByItsOutputOfOneChoice()
    {
        await using var edge = await EdgeFixture.StartAsync();
        var usage = new { prompt_tokens = 10, completion_tokens = 200, total_tokens = 210 };
        for (var i = 0; i < 3; i++)
        {
            // A stream that breaks tells nothing of the mean.
            using var response = await edge.PostAsync(EdgeFixture.Body(
                stream: i == 1, i == 1 ? new { tokens = 20, break_after = 4 } : new { usage }, body => body["n"] = 2));
            await (i == 1 ? response.CutTextAsync() : response.TextAsync());
        }

        // The mean begins with 256; an answer of 100 tokens a choice moves it by a twentieth of the difference.
        var estimates = edge.Account.Admitted.Select(request => request.EstimatedTokens).ToArray();
        Assert.Equal(estimates[0] - (2 * (256 - 248)), estimates[2]);
    }

    [Fact]
    public async Task Renew_ClosedByLease_CutsTheRunningStream()
    {
        await using var edge = await EdgeFixture.StartAsync(accounting: new AccountingOptions { RenewalInterval = TimeSpan.FromMilliseconds(200) });
        edge.Account.OnRenew = item => new RenewedHold(item.Ticket.HoldId, RenewOutcome.Closed, 0);
        edge.Account.OnSettle = _ => Task.FromResult(new SettleAnswer(SettleOutcome.ClosedByLease, 1, 50, 0));

        using var response = await edge.PostAsync(EdgeFixture.Body(stream: true, new { tokens = 100, hang_after = 10 }));

        var text = await response.CutTextAsync();
        Assert.NotNull(JsonNode.Parse(StreamReading.Payloads(text).Last())!["error"]);
        Assert.DoesNotContain("[DONE]", text, StringComparison.Ordinal);
        await edge.Provider.WaitUntilAsync(stats => stats.ClientGone == 1, TestContext.Current.CancellationToken);
        Assert.Empty(edge.Account.Moved);
    }
}
