using System.ClientModel;
using System.ClientModel.Primitives;
using OpenAI;
using OpenAI.Chat;
using OpenAI.Responses;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Grains.Contracts.Pricing;
using Xunit;

namespace OrleansGateway.Tests.Integration.Edge;

/// <summary>The official .NET client, set up as a customer would.</summary>
public sealed class OpenAIClientTests
{
    [Fact]
    public async Task Complete_NotStreamed_GivesTextAndUsage()
    {
        await using var edge = await EdgeFixture.StartAsync();

        var completion = (await Client(edge).CompleteChatAsync([new UserChatMessage("Say something.")], cancellationToken: TestContext.Current.CancellationToken)).Value;

        Assert.NotEmpty(completion.Content[0].Text);
        Assert.Equal(ChatFinishReason.Stop, completion.FinishReason);
        Assert.Equal(completion.Usage.OutputTokenCount, Assert.Single(edge.Account.Settled).Usage[Unit.Output]);
    }

    [Fact]
    public async Task Complete_Streamed_GivesTextFinishAndUsage()
    {
        await using var edge = await EdgeFixture.StartAsync();
        var (text, finish, tokens) = ("", default(ChatFinishReason?), 0);

        await foreach (var update in Client(edge).CompleteChatStreamingAsync([new UserChatMessage("Say something.")], cancellationToken: TestContext.Current.CancellationToken))
        {
            text += string.Concat(update.ContentUpdate.Select(part => part.Text));
            finish = update.FinishReason ?? finish;
            tokens = update.Usage?.OutputTokenCount ?? tokens;
        }

        Assert.NotEmpty(text);
        Assert.Equal(ChatFinishReason.Stop, finish);
        Assert.Equal(tokens, Assert.Single(edge.Account.Settled).Usage[Unit.Output]);
    }

    [Fact]
    public async Task Respond_StreamedAndNot_GivesTextAndUsage()
    {
#pragma warning disable OPENAI001 // The client calls its Responses experimental.
        await using var edge = await EdgeFixture.StartAsync();
        var client = new ResponsesClient(new ApiKeyCredential(edge.Key), new ResponsesClientOptions { Endpoint = new Uri(edge.Client.BaseAddress!, "/v1") });
        var cancellation = TestContext.Current.CancellationToken;
        var whole = (await client.CreateResponseAsync("test-model", "Say something.", cancellationToken: cancellation)).Value;
        Assert.NotEmpty(whole.GetOutputText());

        ResponseResult? streamed = null;
        await using var updates = await client.CreateResponseStreamingAsync("test-model", "Say something.", cancellationToken: cancellation);
        await foreach (var update in updates.WithCancellation(cancellation))
        {
            streamed = (update as StreamingResponseCompletedUpdate)?.Response ?? streamed;
        }

        Assert.Equal(whole.GetOutputText(), streamed!.GetOutputText());
        Assert.Equal(
            [whole.Usage.OutputTokenCount, streamed.Usage.OutputTokenCount],
            edge.Account.Settled.Select(settled => settled.Usage[Unit.Output]));
#pragma warning restore OPENAI001
    }

    [Fact]
    public async Task Complete_RateLimited_IsRetriedByTheClientItself()
    {
        await using var edge = await EdgeFixture.StartAsync();
        var attempts = 0;
        edge.Account.OnAdmit = request => Task.FromResult(Interlocked.Increment(ref attempts) == 1
            ? new AdmitAnswer { Outcome = AdmitOutcome.RequestRateLimited, Epoch = 1, RetryAfterMs = 10 }
            : FakeAccount.Admit(request));

        await Client(edge).CompleteChatAsync([new UserChatMessage("Say something.")], cancellationToken: TestContext.Current.CancellationToken);

        Assert.Equal(2, attempts);
    }

    [Fact]
    public async Task Complete_NoMoney_IsAnErrorTheClientUnderstands()
    {
        await using var edge = await EdgeFixture.StartAsync();
        edge.Account.OnAdmit = _ => Task.FromResult(new AdmitAnswer { Outcome = AdmitOutcome.InsufficientFunds, Epoch = 1 });

        var exception = await Assert.ThrowsAsync<ClientResultException>(() => Client(edge, retries: 0).CompleteChatAsync(
            [new UserChatMessage("Say something.")], cancellationToken: TestContext.Current.CancellationToken));

        Assert.Equal(402, exception.Status);
        Assert.Contains("insufficient_quota", exception.Message, StringComparison.Ordinal);
    }

    private static ChatClient Client(EdgeFixture edge, int retries = 2) => new(
        "test-model",
        new ApiKeyCredential(edge.Key),
        new OpenAIClientOptions { Endpoint = new Uri(edge.Client.BaseAddress!, "/v1"), RetryPolicy = new ClientRetryPolicy(retries) });
}
