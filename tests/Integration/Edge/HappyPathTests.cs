using System.Net;
using System.Text.Json.Nodes;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Grains.Contracts.Pricing;
using Xunit;

namespace OrleansGateway.Tests.Integration.Edge;

public sealed class HappyPathTests
{
    [Fact]
    public async Task Post_NotStreamed_AnswersWholeAndSettlesWhatTheProviderReported()
    {
        await using var edge = await EdgeFixture.StartAsync();

        using var response = await edge.PostAsync(EdgeFixture.Body());

        var text = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.True(response.StatusCode == HttpStatusCode.OK, text);
        var answer = JsonNode.Parse(text)!;
        var settled = Assert.Single(edge.Account.Settled);
        Assert.Equal((long)answer["usage"]!["prompt_tokens"]!, settled.Usage[Unit.Input]);
        Assert.Equal((long)answer["usage"]!["completion_tokens"]!, settled.Usage[Unit.Output]);
        Assert.Equal((settled.Usage[Unit.Input] * 1000) + (settled.Usage[Unit.Output] * 10_000), settled.CostNanos);
        Assert.Equal(RequestStatus.Completed, settled.Status);
        Assert.Equal("channel-0", settled.Ticket.Channel);
        Assert.Equal(response.Headers.GetValues("x-request-id").Single(), settled.Ticket.HoldId);
        Assert.Equal(OrleansGateway.Grains.Contracts.Money.FormatUsd(settled.CostNanos), response.Headers.GetValues("x-og-cost").Single());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Post_Streamed_PassesOnEventsAndSettlesBeforeTheEnd(bool includeUsage)
    {
        await using var edge = await EdgeFixture.StartAsync();

        using var response = await edge.PostAsync(EdgeFixture.Body(stream: true, change: body =>
        {
            if (includeUsage)
            {
                body["stream_options"] = new JsonObject { ["include_usage"] = true };
            }
        }));

        var text = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.True(response.StatusCode == HttpStatusCode.OK, text);
        Assert.Equal("text/event-stream", response.Content.Headers.ContentType!.MediaType);
        Assert.Equal("no-transform, no-cache", response.Headers.CacheControl!.ToString());
        Assert.EndsWith("data: [DONE]\n\n", text, StringComparison.Ordinal);
        Assert.Contains("\"finish_reason\":\"stop\"", text, StringComparison.Ordinal);
        Assert.Equal(includeUsage, text.Contains("\"usage\":{", StringComparison.Ordinal));
        var settled = Assert.Single(edge.Account.Settled);
        Assert.Equal(5, settled.Usage[Unit.Output]);
        Assert.False(settled.Usage.IsEstimated);
    }
}
