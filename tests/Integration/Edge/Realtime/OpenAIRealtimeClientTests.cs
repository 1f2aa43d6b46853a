#pragma warning disable OPENAI002 // The client is marked as one that may change.
using System.ClientModel;
using OpenAI.Realtime;
using OrleansGateway.Grains.Contracts.Pricing;
using Xunit;

namespace OrleansGateway.Tests.Integration.Edge.Realtime;

/// <summary>The official .NET client, set up as a customer would.</summary>
public sealed class OpenAIRealtimeClientTests
{
    [Fact]
    public async Task Speak_ASecond_IsAnsweredAndCharged()
    {
        await using var edge = await RealtimeTests.StartAsync();
        var client = new OpenAI.Realtime.RealtimeClient(new ApiKeyCredential(edge.Key), new RealtimeClientOptions { Endpoint = new Uri(edge.Client.BaseAddress!, "/v1") });
        using var session = await client.StartConversationSessionAsync("test-model", cancellationToken: TestContext.Current.CancellationToken);
        await session.SendInputAudioAsync(BinaryData.FromBytes(new byte[48_000]), TestContext.Current.CancellationToken);
        RealtimeServerUpdateResponseDone? done = null;
        await foreach (var update in session.ReceiveUpdatesAsync(TestContext.Current.CancellationToken))
        {
            Assert.IsNotType<RealtimeServerUpdateError>(update);
            done = update as RealtimeServerUpdateResponseDone;
            if (done is not null)
            {
                break;
            }
        }

        Assert.Equal(8, Assert.Single(edge.Account.Settled).Usage[Unit.AudioOutput]);
        Assert.NotNull(done);
    }
}
