using System.ClientModel;
using System.ClientModel.Primitives;
using System.Text.Json;
using Anthropic;
using Anthropic.Exceptions;
using Anthropic.Models.Messages;
using OpenAI;
using OpenAI.Chat;
using OpenAI.Responses;
using Xunit;

namespace OrleansGateway.Tests.Integration.Clients;

/// <summary>The official .NET packages of OpenAI and Anthropic against a provider of each protocol.</summary>
public sealed class DotNetClientTests(ClientsFixture clients) : IClassFixture<ClientsFixture>
{
    private const string Hello = "Hello, wörld \"你好\".";
    private const string Weather = "It is sunny in Paris.";
    private const string Silent = "Once upon a time";
    private const string Schema = """{"type":"object","properties":{"city":{"type":"string"}},"required":["city"],"additionalProperties":false}""";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static TheoryData<string> Models => ["by-chat", "by-responses", "by-anthropic", "by-gemini"];

    [Theory]
    [MemberData(nameof(Models))]
    public async Task Anthropic_BeforeEachProvider_SaysWhatItsProviderSays(string model)
    {
        var client = AnthropicClient();
        var whole = await client.Messages.Create(Ask(model, "hello"), Cancellation);
        Assert.Equal((Hello, ScriptedAnswer.OutputTokens), (TextOf(whole), (int)whole.Usage.OutputTokens));
        Assert.Equal(StopReason.EndTurn, whole.StopReason!.Value());

        var (text, tokens) = ("", 0L);
        await foreach (var streamed in client.Messages.CreateStreaming(Ask(model, "hello"), Cancellation))
        {
            text += streamed.TryPickContentBlockDelta(out var delta) && delta.Delta.TryPickText(out var piece) ? piece.Text : "";
            tokens = streamed.TryPickDelta(out var end) ? end.Usage.OutputTokens : tokens;
        }

        Assert.Equal((Hello, ScriptedAnswer.OutputTokens), (text, (int)tokens));
    }

    [Theory]
    [MemberData(nameof(Models))]
    public async Task Anthropic_ToolBeforeEachProvider_GoesRound(string model)
    {
        var client = AnthropicClient();
        var tool = new Tool
        {
            Name = "get_weather",
            Description = "The weather.",
            InputSchema = new InputSchema
            {
                Properties = new Dictionary<string, JsonElement> { ["city"] = JsonSerializer.SerializeToElement(new { type = "string" }) },
                Required = ["city"],
            },
        };
        var question = Ask(model, "weather?") with { Tools = [tool] };
        var call = (await client.Messages.Create(question, Cancellation)).Content.Select(static block => block.Value).OfType<ToolUseBlock>().Single();
        Assert.Equal(("get_weather", "Paris"), (call.Name, call.Input["city"].GetString()));

        var streamed = "";
        await foreach (var part in client.Messages.CreateStreaming(question, Cancellation))
        {
            streamed += part.TryPickContentBlockDelta(out var delta) && delta.Delta.TryPickInputJson(out var piece) ? piece.PartialJson : "";
        }

        Assert.Equal("Paris", JsonDocument.Parse(streamed).RootElement.GetProperty("city").GetString());
        var answer = await client.Messages.Create(
            question with
            {
                Messages =
                [
                    .. question.Messages,
                    new AssistantMessageParam(new List<ContentBlockParam> { new ToolUseBlockParam { ID = call.ID, Name = call.Name, Input = call.Input } }),
                    new UserMessageParam(new List<ContentBlockParam> { new ToolResultBlockParam(call.ID) { Content = "sunny" } }),
                ],
            },
            Cancellation);
        Assert.Equal(Weather, TextOf(answer));
    }

    [Theory]
    [MemberData(nameof(Models))]
    public async Task Anthropic_Errors_AreItsOwnClasses(string model)
    {
        var client = AnthropicClient();
        var refused = await Assert.ThrowsAsync<AnthropicBadRequestException>(() => client.Messages.Create(Ask(model, "fail with 400"), Cancellation));
        Assert.Contains("Told to fail", refused.Message, StringComparison.Ordinal);
        await Assert.ThrowsAnyAsync<Anthropic5xxException>(() => client.Messages.Create(Ask(model, "fail with 500"), Cancellation));
        await Assert.ThrowsAsync<AnthropicNotFoundException>(() => client.Messages.Create(Ask("none", "hello"), Cancellation));
        await Assert.ThrowsAsync<AnthropicUnauthorizedException>(() => AnthropicClient("sk-og-wrong").Messages.Create(Ask(model, "hello"), Cancellation));
        await Assert.ThrowsAnyAsync<AnthropicException>(async () =>
        {
            await foreach (var streamed in client.Messages.CreateStreaming(Ask(model, "break off"), Cancellation))
            {
                Assert.False(streamed.TryPickStop(out _));
            }
        });
    }

    [Theory]
    [MemberData(nameof(Models))]
    public async Task Anthropic_AbortedInTheMiddle_StopsItsProvider(string model)
    {
        using var abort = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        var text = "";
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (var streamed in AnthropicClient().Messages.CreateStreaming(Ask(model, "fall silent"), abort.Token))
            {
                text += streamed.TryPickContentBlockDelta(out var delta) && delta.Delta.TryPickText(out var piece) ? piece.Text : "";
                if (text == Silent)
                {
                    await abort.CancelAsync();
                }
            }
        });
        Assert.Equal(Silent, text);
    }

    [Theory]
    [MemberData(nameof(Models))]
    public async Task OpenAI_ChatBeforeEachProvider_SaysWhatItsProviderSays(string model)
    {
        var client = ChatClient(model);
        var whole = (await client.CompleteChatAsync([new UserChatMessage("hello")], cancellationToken: Cancellation)).Value;
        Assert.Equal((Hello, ScriptedAnswer.OutputTokens, ChatFinishReason.Stop), (whole.Content[0].Text, whole.Usage.OutputTokenCount, whole.FinishReason));

        var (text, tokens) = ("", 0);
        await foreach (var update in client.CompleteChatStreamingAsync([new UserChatMessage("hello")], cancellationToken: Cancellation))
        {
            text += string.Concat(update.ContentUpdate.Select(static part => part.Text));
            tokens = update.Usage?.OutputTokenCount ?? tokens;
        }

        Assert.Equal((Hello, ScriptedAnswer.OutputTokens), (text, tokens));
    }

    [Theory]
    [MemberData(nameof(Models))]
    public async Task OpenAI_ChatToolBeforeEachProvider_GoesRound(string model)
    {
        var client = ChatClient(model);
        var options = new ChatCompletionOptions { Tools = { ChatTool.CreateFunctionTool("get_weather", "The weather.", BinaryData.FromString(Schema)) } };
        List<ChatMessage> messages = [new UserChatMessage("weather?")];
        var asked = (await client.CompleteChatAsync(messages, options, Cancellation)).Value;
        var call = Assert.Single(asked.ToolCalls);
        Assert.Equal(("get_weather", "Paris"), (call.FunctionName, CityOf(call.FunctionArguments.ToString())));

        var streamed = "";
        await foreach (var update in client.CompleteChatStreamingAsync(messages, options, Cancellation))
        {
            streamed += string.Concat(update.ToolCallUpdates.Select(static part => part.FunctionArgumentsUpdate?.ToString()));
        }

        Assert.Equal("Paris", CityOf(streamed));
        messages.Add(new AssistantChatMessage(asked));
        messages.Add(new ToolChatMessage(call.Id, "sunny"));
        Assert.Equal(Weather, (await client.CompleteChatAsync(messages, options, Cancellation)).Value.Content[0].Text);
    }

    [Theory]
    [MemberData(nameof(Models))]
    public async Task OpenAI_ChatErrorsAndAborts_AreItsOwnClasses(string model)
    {
        var client = ChatClient(model);
        var refused = await Assert.ThrowsAsync<ClientResultException>(() => client.CompleteChatAsync([new UserChatMessage("fail with 400")], cancellationToken: Cancellation));
        Assert.Equal(400, refused.Status);
        Assert.Contains("Told to fail", refused.Message, StringComparison.Ordinal);
        var unknown = await Assert.ThrowsAsync<ClientResultException>(() => ChatClient("none").CompleteChatAsync([new UserChatMessage("hello")], cancellationToken: Cancellation));
        Assert.Equal(404, unknown.Status);

        using var abort = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        var text = "";
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (var update in client.CompleteChatStreamingAsync([new UserChatMessage("fall silent")], cancellationToken: abort.Token))
            {
                text += string.Concat(update.ContentUpdate.Select(static part => part.Text));
                if (text == Silent)
                {
                    await abort.CancelAsync();
                }
            }
        });
        Assert.Equal(Silent, text);
    }

#pragma warning disable OPENAI001 // The client calls its Responses experimental.
    [Theory]
    [MemberData(nameof(Models))]
    public async Task OpenAI_ResponsesBeforeEachProvider_AreKeptAndForgotten(string model)
    {
        var client = ResponsesClient();
        var whole = (await client.CreateResponseAsync(Respond(model, "hello"), Cancellation)).Value;
        Assert.Equal((Hello, ScriptedAnswer.OutputTokens), (whole.GetOutputText(), whole.Usage.OutputTokenCount));
        Assert.Equal(Hello, (await client.GetResponseAsync(whole.Id, Cancellation)).Value.GetOutputText());
        Assert.True((await client.DeleteResponseAsync(whole.Id, Cancellation)).Value.Deleted);
        var gone = await Assert.ThrowsAsync<ClientResultException>(() => client.GetResponseAsync(whole.Id, Cancellation));
        Assert.Equal(404, gone.Status);

        var streamed = "";
        await using var updates = await client.CreateResponseStreamingAsync(Respond(model, "hello", stream: true), Cancellation);
        await foreach (var update in updates.WithCancellation(Cancellation))
        {
            streamed += (update as StreamingResponseOutputTextDeltaUpdate)?.Delta;
        }

        Assert.Equal(Hello, streamed);
        var refused = await Assert.ThrowsAsync<ClientResultException>(() => client.CreateResponseAsync(Respond(model, "fail with 400"), Cancellation));
        Assert.Equal(400, refused.Status);
    }

    [Theory]
    [MemberData(nameof(Models))]
    public async Task OpenAI_ResponsesToolBeforeEachProvider_GoesRound(string model)
    {
        var client = ResponsesClient();
        var tool = ResponseTool.CreateFunctionTool("get_weather", BinaryData.FromString(Schema), strictModeEnabled: true, "The weather.");
        var question = Respond(model, "weather?");
        question.Tools.Add(tool);
        var asked = (await client.CreateResponseAsync(question, Cancellation)).Value;
        var call = asked.OutputItems.OfType<FunctionCallResponseItem>().Single();
        Assert.Equal(("get_weather", "Paris"), (call.FunctionName, CityOf(call.FunctionArguments.ToString())));

        var next = Respond(model, "weather?");
        next.Tools.Add(tool);
        foreach (var item in asked.OutputItems.Append(ResponseItem.CreateFunctionCallOutputItem(call.CallId, "sunny")))
        {
            next.InputItems.Add(item);
        }

        Assert.Equal(Weather, (await client.CreateResponseAsync(next, Cancellation)).Value.GetOutputText());
    }

    private static CreateResponseOptions Respond(string model, string words, bool stream = false) => new()
    {
        Model = model,
        InputItems = { ResponseItem.CreateUserMessageItem(words) },
        StreamingEnabled = stream ? true : null,
    };

    private ResponsesClient ResponsesClient() => new(
        new ApiKeyCredential(clients.Key), new ResponsesClientOptions { Endpoint = new Uri(clients.Gateway.Url, "/v1"), RetryPolicy = new ClientRetryPolicy(0) });
#pragma warning restore OPENAI001

    private static MessageCreateParams Ask(string model, string words) =>
        new() { Model = model, MaxTokens = 1000, Messages = [new UserMessageParam(words)] };

    private static string TextOf(Message message) => string.Concat(message.Content.Select(static block => block.Value).OfType<TextBlock>().Select(static text => text.Text));

    private static string? CityOf(string arguments) => JsonDocument.Parse(arguments).RootElement.GetProperty("city").GetString();

    private AnthropicClient AnthropicClient(string? key = null) =>
        new() { BaseUrl = clients.Gateway.Url.GetLeftPart(UriPartial.Authority), ApiKey = key ?? clients.Key, MaxRetries = 0 };

    private ChatClient ChatClient(string model) => new(
        model,
        new ApiKeyCredential(clients.Key),
        new OpenAIClientOptions { Endpoint = new Uri(clients.Gateway.Url, "/v1"), RetryPolicy = new ClientRetryPolicy(0) });
}
