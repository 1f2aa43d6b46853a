using System.Net;
using System.Net.Http.Json;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json.Nodes;
using OrleansGateway.Edge.Accounting;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Grains.Contracts.Pricing;
using OrleansGateway.Tests.Programs.Faults;
using Xunit;

namespace OrleansGateway.Tests.Integration.Edge.Realtime;

/// <summary>Sessions of Realtime: how they begin and end, and that every response is paid for once, whoever goes away when.</summary>
public sealed class RealtimeTests
{
    private const string BySeconds = """{"per_million":{"input":0,"output":0},"per_second":"0.0001"}""";
    private const string ByTokens = """{"per_million":{"input":2,"cached_input":2,"output":5,"audio_input":6,"cached_audio_input":6}}""";

    private static readonly string[] Text = ["text"];

    [Fact]
    public async Task Response_AskedFor_IsHeldBeforeAndSettledBeforeItsEnd()
    {
        await using var edge = await StartAsync();
        var settling = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var client = await RealtimeClient.BeginAsync(edge);
        await QuietAsync(client);
        Assert.Equal(0, Assert.Single(edge.Account.Settled).CostNanos);
        edge.Account.OnSettle = async request =>
        {
            await settling.Task;
            return new SettleAnswer(SettleOutcome.Committed, 1, request.CostNanos, 0);
        };

        await client.SendAsync(new { type = "conversation.item.create", item = new { type = "message", role = "user", content = new[] { new { type = "input_text", text = "Hi" } } } });
        await client.SendAsync(new { type = "response.create", response = new { output_modalities = Text, sim = new { tokens = 5 } } });
        await client.UntilAsync("response.created");
        Assert.Equal(2, edge.Account.Admitted.Count);
        for (var i = 0; i < 5; i++)
        {
            await client.UntilAsync("response.output_text.delta");
        }

        var rest = client.ReadAsync();
        Assert.False(rest.IsCompleted);
        settling.SetResult();
        var done = (await rest)!;

        Assert.Equal(("response.done", "completed"), ((string?)done["type"], (string?)done["response"]!["status"]));
        var settled = edge.Account.Settled.Last();
        var usage = done["response"]!["usage"]!;
        Assert.Equal((int)usage["input_tokens"]!, settled.Usage[Unit.Input]);
        Assert.Equal((5, 1, false), (settled.Usage[Unit.Output], settled.Usage[Unit.Calls], settled.Usage.IsEstimated));
        Assert.Equal((settled.Usage[Unit.Input] * 4_000) + (5 * 24_000), settled.CostNanos);
        Assert.Equal(("/v1/realtime", "channel-0", "test-model", RequestStatus.Completed), (settled.Ticket.Endpoint, settled.Ticket.Channel, settled.Ticket.Model, settled.Status));
        await AssertAllSettledAsync(edge, responses: 1, client);
    }

    [Fact]
    public async Task Response_BegunBySpeech_IsHeldAheadAndChargedByKind()
    {
        await using var edge = await StartAsync();
        using var client = await RealtimeClient.BeginAsync(edge);
        Assert.Single(edge.Account.Admitted);
        Assert.Empty(edge.Account.Settled);

        for (var turn = 0; turn < 2; turn++)
        {
            await client.SpeakAsync();
            await client.UntilAsync("response.done");
        }

        // A second heard is 10 tokens; 8 of sound and 8 of transcript are said, all of which the second turn finds in the cache.
        var second = edge.Account.Settled.ToArray()[1].Usage;
        Assert.Equal((10, 10, 8, 18 - 8), (second[Unit.CachedAudioInput], second[Unit.CachedInput], second[Unit.Input], second[Unit.AudioInput] - 8));
        Assert.Equal((8, 8), (second[Unit.Output], second[Unit.AudioOutput]));
        Assert.Equal(3, edge.Account.Admitted.Count);
        await AssertAllSettledAsync(edge, responses: 2, client);
    }

    [Fact]
    public async Task Session_Told_ShowsNothingOfTheProvidersAccount()
    {
        await using var edge = await StartAsync(channel: (_, channel) => channel["models"] = new JsonObject { ["test-model"] = "gpt-upstream" });
        using var client = await RealtimeClient.ConnectAsync(edge, "?model=test-alias");
        var created = await client.UntilAsync("session.created");
        await client.SendAsync(new { type = "session.update", session = new { type = "realtime", model = "test-alias", instructions = "Short." } });
        var updated = await client.UntilAsync("session.updated");

        Assert.All([created, updated], told => Assert.Equal(("test-alias", (string?)null), ((string?)told["session"]!["model"], (string?)told["session"]!["client_secret"])));
        Assert.Equal("Short.", (string?)updated["session"]!["instructions"]);
        Assert.Contains("\"model\":\"gpt-upstream\"", Assert.Single(edge.Provider.RealtimeEvents), StringComparison.Ordinal);
        var headers = Assert.Single(edge.Provider.Requests).Headers;
        Assert.Equal("Bearer " + EdgeFixture.ProviderKey, headers["Authorization"]);
        Assert.DoesNotContain(headers, header => header.Value.Contains(edge.Key, StringComparison.Ordinal));

        // What is told of the gateway's own limits there stays here.
        await client.SendAsync(new { type = "response.create" });
        await client.UntilAsync("response.done");
        await client.SendAsync(new { type = "input_audio_buffer.clear" });
        Assert.Equal("input_audio_buffer.cleared", (string?)(await client.ReadAsync())!["type"]);
    }

    [Fact]
    public async Task Key_AsABrowserSendsIt_IsReadAndNotPassedOn()
    {
        await using var edge = await StartAsync();
        using var client = await RealtimeClient.ConnectAsync(edge, options: options =>
        {
            options.AddSubProtocol("realtime");
            options.AddSubProtocol("openai-insecure-api-key." + edge.Key);
        });

        Assert.Equal("realtime", client.Socket.SubProtocol);
        await client.UntilAsync("session.created");
        Assert.DoesNotContain("Sec-WebSocket-Protocol", Assert.Single(edge.Provider.Requests).Headers.Keys);
        Assert.DoesNotContain(edge.Log.Lines, line => line.Text.Contains(edge.Key, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("?model=test-model", "sk-og-forged", 3000, "invalid_api_key")]
    [InlineData("?model=test-model", "ek_forged", 3000, "invalid_api_key")]
    [InlineData("?model=none", null, 4004, "model_not_found")]
    [InlineData("", null, 4004, "model_not_found")]
    [InlineData("?intent=transcription", null, 1008, "unsupported_value")]
    [InlineData("?call_id=rtc_1", null, 1008, "unsupported_value")]
    public async Task Session_Refused_IsToldAfterTheHandshake(string query, string? key, int close, string code)
    {
        await using var edge = await StartAsync();
        using var client = await RealtimeClient.ConnectAsync(edge, query, key);

        var error = Assert.Single(await client.ToEndAsync());

        Assert.Equal(("error", code), ((string?)error["type"], (string?)error["error"]!["code"]));
        Assert.Equal((close, true), ((int)client.Socket.CloseStatus!, client.Socket.CloseStatusDescription!.EndsWith("." + code, StringComparison.Ordinal)));
        Assert.Empty(edge.Account.Admitted);
        Assert.Empty(edge.Provider.Requests);
    }

    [Theory]
    [InlineData(AdmitOutcome.InsufficientFunds, 1008, "insufficient_quota")]
    [InlineData(AdmitOutcome.KeyDisabled, 1008, "key_disabled")]
    [InlineData(AdmitOutcome.UnknownKey, 3000, "invalid_api_key")]
    [InlineData(AdmitOutcome.Unavailable, 1013, "service_unavailable")]
    public async Task Session_NotAdmitted_ReachesNoProvider(AdmitOutcome outcome, int close, string code)
    {
        await using var edge = await StartAsync(accounting: new AccountingOptions { AdmitLimit = TimeSpan.FromMilliseconds(100) });
        edge.Account.OnAdmit = _ => Task.FromResult(new AdmitAnswer { Outcome = outcome, Epoch = 1 });
        using var client = await RealtimeClient.ConnectAsync(edge);

        Assert.Equal(code, (string?)Assert.Single(await client.ToEndAsync())["error"]!["code"]);
        Assert.Equal(close, (int)client.Socket.CloseStatus!);
        Assert.Empty(edge.Provider.Requests);
    }

    [Fact]
    public async Task Money_RefusedForTheNextTurn_EndsTheSessionAfterThePaidOne()
    {
        await using var edge = await StartAsync();
        using var client = await RealtimeClient.BeginAsync(edge);
        edge.Account.OnAdmit = _ => Task.FromResult(new AdmitAnswer { Outcome = AdmitOutcome.InsufficientFunds, Epoch = 1 });

        await client.SpeakAsync();
        await client.UntilAsync("response.done");
        var error = Assert.Single(await client.ToEndAsync());

        Assert.Equal("insufficient_quota", (string?)error["error"]!["code"]);
        Assert.Equal(1008, (int)client.Socket.CloseStatus!);
        await AssertAllSettledAsync(edge, responses: 1);
    }

    [Fact]
    public async Task Money_RefusedForAWish_LeavesASessionThatBeginsNothingByItself()
    {
        await using var edge = await StartAsync();
        using var client = await RealtimeClient.BeginAsync(edge);
        await QuietAsync(client);
        var admit = edge.Account.OnAdmit;
        edge.Account.OnAdmit = _ => Task.FromResult(new AdmitAnswer { Outcome = AdmitOutcome.InsufficientFunds, Epoch = 1 });
        await client.SendAsync(new { type = "response.create", event_id = "mine" });
        var error = (await client.ReadAsync())!;

        Assert.Equal(("insufficient_quota", "mine"), ((string?)error["error"]!["code"], (string?)error["error"]!["event_id"]));
        Assert.DoesNotContain(edge.Provider.RealtimeEvents, told => told.Contains("response.create", StringComparison.Ordinal));
        edge.Account.OnAdmit = admit;
        await client.SendAsync(new { type = "response.create" });
        await client.UntilAsync("response.done");
        await AssertAllSettledAsync(edge, responses: 1, client);
    }

    [Fact]
    public async Task Money_RunsOutWhileItRuns_CancelsAndChargesWhatTheProviderReports()
    {
        await using var edge = await StartAsync();
        using var client = await RealtimeClient.BeginAsync(edge);
        await QuietAsync(client);
        edge.Account.OnAdmit = request => Task.FromResult(FakeAccount.Admit(request, most: false));
        edge.Account.OnExtend = _ => Task.FromResult(new ExtendAnswer(ExtendOutcome.Refused, 1, 0));

        await client.SendAsync(new { type = "response.create", response = new { sim = new { tokens = 600, hang_after = 500 } } });
        var all = await client.ToEndAsync();

        Assert.Equal(["response.done", "error"], all.Select(told => (string?)told["type"]).TakeLast(2));
        Assert.Equal("cancelled", (string?)all[^2]["response"]!["status"]);
        Assert.Equal(1008, (int)client.Socket.CloseStatus!);
        var settled = edge.Account.Settled.Last();
        Assert.Equal((RequestStatus.FundsExhausted, false), (settled.Status, settled.Usage.IsEstimated));
        Assert.Contains(edge.Provider.RealtimeEvents, told => told.Contains("\"response.cancel\"", StringComparison.Ordinal));
        await AssertAllSettledAsync(edge, responses: 1);
    }

    [Fact]
    public async Task Client_HangsUpWhileItRuns_TheProviderIsStoppedAndItsReportCharged()
    {
        await using var edge = await StartAsync();
        using (var client = await RealtimeClient.BeginAsync(edge))
        {
            await client.SendAsync(new { type = "response.create", response = new { sim = new { tokens = 50, hang_after = 10 } } });
            for (var i = 0; i < 10; i++)
            {
                await client.UntilAsync("response.output_audio_transcript.delta");
            }

            client.Socket.Abort();
        }

        await AssertAllSettledAsync(edge, responses: 1);
        var settled = Assert.Single(edge.Account.Settled, request => request.CostNanos > 0);
        Assert.Equal((RequestStatus.ClientGone, false, 10), (settled.Status, settled.Usage.IsEstimated, settled.Usage[Unit.AudioOutput]));
    }

    [Fact]
    public async Task Client_HangsUpBetweenResponses_CostsNothingMore()
    {
        await using var edge = await StartAsync();
        using var client = await RealtimeClient.BeginAsync(edge);
        await client.Socket.CloseAsync(WebSocketCloseStatus.NormalClosure, "", TestContext.Current.CancellationToken);

        Assert.Equal(1000, (int)client.Socket.CloseStatus!);
        await AssertAllSettledAsync(edge, responses: 0);
    }

    [Fact]
    public async Task Provider_DiesWhileItRuns_WhatTheClientGotIsCharged()
    {
        await using var edge = await StartAsync();
        using var client = await RealtimeClient.BeginAsync(edge);
        await client.SendAsync(new { type = "response.create", response = new { output_modalities = Text, sim = new { tokens = 50, break_after = 10 } } });
        var all = await client.ToEndAsync();

        Assert.Equal(10, all.Count(told => (string?)told["type"] == "response.output_text.delta"));
        Assert.Equal(("error", "provider_error"), ((string?)all[^1]["type"], (string?)all[^1]["error"]!["code"]));
        Assert.Equal(1011, (int)client.Socket.CloseStatus!);
        await AssertAllSettledAsync(edge, responses: 1);
        var settled = Assert.Single(edge.Account.Settled, request => request.CostNanos > 0);
        Assert.Equal((RequestStatus.ProviderError, true), (settled.Status, settled.Usage.IsEstimated));
        Assert.InRange(settled.Usage[Unit.Output], 1, 40);
        Assert.True(settled.CostNanos <= settled.Ticket.TotalNanos);
    }

    [Fact]
    public async Task Provider_FailsAResponse_IsFree()
    {
        await using var edge = await StartAsync();
        using var client = await RealtimeClient.BeginAsync(edge);
        await client.SendAsync(new { type = "response.create", response = new { sim = new { fail = true } } });

        Assert.Equal("failed", (string?)(await client.UntilAsync("response.done"))["response"]!["status"]);
        await AssertAllSettledAsync(edge, responses: 0, client);
        Assert.Contains(edge.Account.Settled, settled => settled.Status == RequestStatus.ProviderError);
    }

    [Fact]
    public async Task Provider_TellsNoUsage_IsEstimatedFromWhatCame()
    {
        await using var edge = await StartAsync();
        using var client = await RealtimeClient.BeginAsync(edge);
        await client.SendAsync(new { type = "response.create", response = new { sim = new { tokens = 20, missing_usage = true } } });
        await client.UntilAsync("response.done");

        var settled = edge.Account.Settled.Last(request => request.CostNanos > 0);
        Assert.True(settled.Usage.IsEstimated);
        Assert.InRange(settled.Usage[Unit.AudioOutput], 20, 40);
    }

    [Fact]
    public async Task Provider_RefusesAWish_GivesItsHoldBack()
    {
        await using var edge = await StartAsync();
        using var client = await RealtimeClient.BeginAsync(edge);
        await QuietAsync(client);
        await client.SendAsync(new { type = "response.create", response = new { sim = new { tokens = 50, hang_after = 5 } } });
        await client.UntilAsync("response.created");
        await client.SendAsync(new { type = "response.create", event_id = "second" });
        JsonObject told;
        do
        {
            told = (await client.ReadAsync())!;
        }
        while ((string?)told["type"] != "error");

        Assert.Equal(("conversation_already_has_active_response", "second"), ((string?)told["error"]!["code"], (string?)told["error"]!["event_id"]));
        Assert.Equal(1, edge.Accounts.OpenHolds);
        await client.SendAsync(new { type = "response.cancel" });
        Assert.Equal("cancelled", (string?)(await client.UntilAsync("response.done"))["response"]!["status"]);
        await AssertAllSettledAsync(edge, responses: 1, client);
    }

    [Theory]
    [InlineData(0, 401, 1011, "provider_refused")]
    [InlineData(0, 503, 1011, "provider_overloaded")]
    [InlineData(1, 503, 0, "")]
    public async Task Provider_DoesNotBeginTheSession_TheNextChannelIsTried(int others, int status, int close, string code)
    {
        await using var edge = await StartAsync(providers: 1 + others);
        edge.Provider.Defaults = edge.Provider.Defaults with { Error = status };
        using var client = await RealtimeClient.ConnectAsync(edge);

        if (others > 0)
        {
            await client.UntilAsync("session.created");
            await client.SendAsync(new { type = "response.create" });
            await client.UntilAsync("response.done");
            Assert.Equal("channel-1", edge.Account.Settled.Last(request => request.CostNanos > 0).Ticket.Channel);
            return;
        }

        Assert.Equal(code, (string?)Assert.Single(await client.ToEndAsync())["error"]!["code"]);
        Assert.Equal(close, (int)client.Socket.CloseStatus!);
        await AssertAllSettledAsync(edge, responses: 0);
    }

    [Fact]
    public async Task Provider_RefusesTheGatewaysKeyAfterItsHandshake_IsNotToldTheClientAsItsOwn()
    {
        await using var edge = await StartAsync(channel: (_, channel) => channel["key_env"] = null);
        using var client = await RealtimeClient.ConnectAsync(edge);

        Assert.Equal("provider_refused", (string?)Assert.Single(await client.ToEndAsync())["error"]!["code"]);
        Assert.Equal(1011, (int)client.Socket.CloseStatus!);
    }

    [Theory]
    [InlineData("""{"type":"session.update","event_id":"e","session":{"type":"realtime","tools":[{"type":"mcp","server_label":"x"}]}}""", "unsupported_value")]
    [InlineData("""{"type":"response.create","event_id":"e","response":{"tools":[{"type":"function","name":"f"},{"type":"mcp"}]}}""", "unsupported_value")]
    [InlineData("""{"type":"session.update","event_id":"e","session":{"type":"realtime","model":"other"}}""", "cannot_update_model")]
    [InlineData("""{"type":"session.update","event_id":"e","session":{"type":"transcription"}}""", "unsupported_value")]
    [InlineData("""{"type":"session.update","event_id":"e","session":{"prompt":{"id":"pmpt_1"}}}""", "not_found")]
    [InlineData("""{"type":"session.update","event_id":"e","session":{"audio":{"input":{"transcription":{"model":"none"}}}}}""", "model_not_found")]
    [InlineData("""{"type":"transcription_session.update","event_id":"e","session":{}}""", "unsupported_value")]
    [InlineData("""{"type":"response.create","type":"input_audio_buffer.clear"}""", "invalid_event")]
    [InlineData("""["response.create"]""", "invalid_event")]
    [InlineData("""{"no":"type"}""", "invalid_event")]
    [InlineData("rubbish", "invalid_event")]
    [InlineData("", "invalid_event")]
    public async Task Event_ThatCannotBeSold_IsRefusedAndTheSessionGoesOn(string sent, string code)
    {
        await using var edge = await StartAsync();
        using var client = await RealtimeClient.BeginAsync(edge);
        await client.SendTextAsync(sent);
        var error = (await client.ReadAsync())!;

        Assert.Equal(("error", code), ((string?)error["type"], (string?)error["error"]!["code"]));
        Assert.Equal(sent.Contains("\"e\"", StringComparison.Ordinal) ? "e" : null, (string?)error["error"]!["event_id"]);
        Assert.Empty(edge.Provider.RealtimeEvents);
        await client.SendTextAsync("""{"\u0074ype":"response.cr\u0065ate"}""");
        await client.UntilAsync("response.done");
        await AssertAllSettledAsync(edge, responses: 1, client);
    }

    [Fact]
    public async Task Rubbish_WithoutEnd_ClosesTheSession()
    {
        await using var edge = await StartAsync();
        using var client = await RealtimeClient.BeginAsync(edge);
        for (var i = 0; i <= 100; i++)
        {
            await client.Socket.SendAsync(new byte[8], WebSocketMessageType.Binary, endOfMessage: true, TestContext.Current.CancellationToken);
        }

        Assert.Equal(101, (await client.ToEndAsync()).Count);
        Assert.Equal(1008, (int)client.Socket.CloseStatus!);
    }

    [Fact]
    public async Task Event_TooLarge_ClosesTheSession()
    {
        await using var edge = await StartAsync();
        using var client = await RealtimeClient.BeginAsync(edge);
        var sending = client.SendTextAsync(new string(' ', (15 * 1024 * 1024) + 1));
        var error = Assert.Single(await client.ToEndAsync());

        Assert.Equal("request_too_large", (string?)error["error"]!["code"]);
        Assert.Equal(1009, (int)client.Socket.CloseStatus!);
        await Record.ExceptionAsync(() => sending);
        await AssertAllSettledAsync(edge, responses: 0);
    }

    [Theory]
    [InlineData("Edge:RealtimeIdleMs", 4408, "session_idle")]
    [InlineData("Edge:RealtimeSessionMs", 1001, "session_expired")]
    public async Task Session_ThatLastsTooLong_EndsAndSettles(string setting, int close, string code)
    {
        await using var edge = await StartAsync(settings: [new(setting, "400")]);
        using var client = await RealtimeClient.BeginAsync(edge);

        Assert.Equal(code, (string?)Assert.Single(await client.ToEndAsync())["error"]!["code"]);
        Assert.Equal(close, (int)client.Socket.CloseStatus!);
        await AssertAllSettledAsync(edge, responses: 0);
    }

    [Fact]
    public async Task Gateway_Stops_TellsIdleSessionsAtOnceAndLetsAResponseEnd()
    {
        await using var edge = await StartAsync();
        using var idle = await RealtimeClient.BeginAsync(edge);
        using var busy = await RealtimeClient.BeginAsync(edge);
        await busy.SendAsync(new { type = "response.create", response = new { sim = new { tokens = 20, hang_after = 10 } } });
        await busy.UntilAsync("response.created");

        var stopping = edge.StopAsync();
        Assert.Equal("request_stopped", (string?)Assert.Single(await idle.ToEndAsync())["error"]!["code"]);
        Assert.Equal(1012, (int)idle.Socket.CloseStatus!);
        await busy.SendAsync(new { type = "response.cancel" });
        var all = await busy.ToEndAsync();
        Assert.Equal(["response.done", "error"], all.Select(told => (string?)told["type"]).TakeLast(2));
        Assert.Equal(1012, (int)busy.Socket.CloseStatus!);
        await stopping;
        Assert.Equal(edge.Account.Admitted.Count, edge.Account.Settled.Count);
    }

    [Fact]
    public async Task Hold_LostUnderARunningResponse_EndsTheSession()
    {
        await using var edge = await StartAsync(accounting: new AccountingOptions { RenewalInterval = TimeSpan.FromMilliseconds(200) });
        using var client = await RealtimeClient.BeginAsync(edge);
        await QuietAsync(client);
        await client.SendAsync(new { type = "response.create", response = new { sim = new { tokens = 50, hang_after = 10 } } });
        await client.UntilAsync("response.output_audio.delta");
        edge.Account.OnRenew = item => new RenewedHold(item.Ticket.HoldId, RenewOutcome.Closed, 0);
        edge.Account.OnSettle = _ => Task.FromResult(new SettleAnswer(SettleOutcome.ClosedByLease, 1, 50, 0));
        var all = await client.ToEndAsync();

        Assert.DoesNotContain(all, told => (string?)told["type"] == "response.done");
        Assert.Equal("error", (string?)all[^1]["type"]);
        Assert.Equal(1011, (int)client.Socket.CloseStatus!);
        Assert.Empty(edge.Account.Moved);
    }

    [Fact]
    public async Task Transcription_OfWhatIsHeard_IsSettledByItsOwnModel()
    {
        await using var edge = await StartHearingAsync(BySeconds);
        using var client = await RealtimeClient.BeginAsync(edge);
        await client.SendAsync(new { type = "session.update", session = new { type = "realtime", audio = new { input = new { transcription = new { model = "test-hear" } } } } });
        var updated = await client.UntilAsync("session.updated");
        Assert.Equal("test-hear", (string?)updated["session"]!["audio"]!["input"]!["transcription"]!["model"]);
        await client.SpeakAsync();
        await client.UntilAsync("conversation.item.input_audio_transcription.completed");
        await client.UntilAsync("response.done");

        var heard = Assert.Single(edge.Account.Settled, settled => settled.Ticket.Model == "test-hear");
        Assert.Equal((1, 100_000), (heard.Usage[Unit.Seconds], heard.CostNanos));
        Assert.Contains("whisper-upstream", edge.Provider.RealtimeEvents[0], StringComparison.Ordinal);
        await AssertAllSettledAsync(edge, responses: 2, client);
    }

    [Theory]
    [InlineData(BySeconds, """{"type":"tokens","input_tokens":12,"input_token_details":{"audio_tokens":12},"output_tokens":3}""", Unit.Seconds, 1, 100_000)]
    [InlineData(ByTokens, """{"type":"duration","seconds":1}""", Unit.AudioInput, 10, 60_000)]
    public async Task Transcription_ReportedInAnotherUnitThanItIsSoldBy_IsChargedByWhatWasHeard(string price, string usage, Unit unit, long count, long cost)
    {
        await using var edge = await StartHearingAsync(price);
        using var client = await HearAsync(edge, $$"""{"transcription_usage":{{usage}}}""");
        await client.SpeakAsync();
        await client.UntilAsync("conversation.item.input_audio_transcription.completed");

        var heard = Assert.Single(edge.Account.Settled, settled => settled.Ticket.Model == "test-hear");
        Assert.Equal((count, cost, true), (heard.Usage[unit], heard.CostNanos, heard.Usage.IsEstimated));
        await AssertAllSettledAsync(edge, responses: 1, client);
    }

    [Fact]
    public async Task Transcription_OfATurnBehindWhichMoreIsHeard_CountsItsOwnSound()
    {
        await using var edge = await StartHearingAsync(BySeconds);
        using var client = await HearAsync(edge, """{"turns":2,"transcription_usage":null}""");
        await client.SendAsync(new { type = "input_audio_buffer.append", audio = Convert.ToBase64String(new byte[96_000]) });
        await client.UntilAsync("conversation.item.input_audio_transcription.completed");
        await client.UntilAsync("conversation.item.input_audio_transcription.completed");

        var heard = edge.Account.Settled.Where(settled => settled.Ticket.Model == "test-hear").ToList();
        Assert.Equal(2, heard.Count);
        Assert.All(heard, turn => Assert.Equal((1, 100_000, true), (turn.Usage[Unit.Seconds], turn.CostNanos, turn.Usage.IsEstimated)));
        await AssertAllSettledAsync(edge, responses: 2, client);
    }

    [Fact]
    public async Task Transcription_OfWhatAClientCommits_CountsItsOwnSound()
    {
        await using var edge = await StartHearingAsync(BySeconds);
        using var client = await HearAsync(edge, """{"transcription_usage":null}""", detection: "null");
        for (var turn = 0; turn < 2; turn++)
        {
            await client.SpeakAsync();
            await client.SendAsync(new { type = "input_audio_buffer.commit" });
        }

        await client.UntilAsync("conversation.item.input_audio_transcription.completed");
        await client.UntilAsync("conversation.item.input_audio_transcription.completed");
        Assert.All(
            edge.Account.Settled.Where(settled => settled.Ticket.Model == "test-hear"), turn => Assert.Equal((1, 100_000), (turn.Usage[Unit.Seconds], turn.CostNanos)));
        await AssertAllSettledAsync(edge, responses: 2, client);
    }

    [Fact]
    public async Task Response_AskedForWithALargerLimitThanTheSessions_IsHeldForAllThatItSays()
    {
        await using var edge = await StartAsync();
        using var client = await RealtimeClient.BeginAsync(edge);
        await client.SendTextAsync("""{"type":"session.update","session":{"type":"realtime","max_output_tokens":1,"audio":{"input":{"turn_detection":null}}}}""");
        await client.UntilAsync("session.updated");
        edge.Account.OnAdmit = request => Task.FromResult(FakeAccount.Admit(request, most: false));
        await client.SendAsync(new { type = "response.create", response = new { max_output_tokens = "inf", sim = new { tokens = 600 } } });
        await client.UntilAsync("response.done");

        var settled = edge.Account.Settled.Last();
        Assert.Equal((600, false), (settled.Usage[Unit.AudioOutput], settled.Usage.IsEstimated));
        Assert.InRange(settled.CostNanos, 600 * 64_000, settled.Ticket.TotalNanos);
        await AssertAllSettledAsync(edge, responses: 1, client);
    }

    [Fact]
    public async Task Response_AskedForBesideDetection_TakesTheHoldThatIsThere()
    {
        await using var edge = await StartAsync();
        using var client = await RealtimeClient.BeginAsync(edge);
        await client.SendAsync(new { type = "response.create", response = new { sim = new { tokens = 20, hang_after = 10 } } });
        await client.UntilAsync("response.output_audio.delta");

        Assert.Single(edge.Account.Admitted);
        await client.SendAsync(new { type = "response.cancel" });
        await client.UntilAsync("response.done");
        await AssertAllSettledAsync(edge, responses: 1, client);
    }

    [Fact]
    public async Task Response_ThatRefersToItems_IsHeldForAWholeWindow()
    {
        await using var edge = await StartAsync();
        using var client = await RealtimeClient.BeginAsync(edge);
        await QuietAsync(client);
        Assert.InRange(edge.Account.Admitted.Last().LeastNanos, 1, 128_000 * 32_000L);
        await client.SendTextAsync("""{"type":"response.create","response":{"input":[{"type":"item_reference","id":"item_1"}]}}""");
        await client.UntilAsync("response.done");

        Assert.InRange(edge.Account.Admitted.Last().LeastNanos, 128_000 * 32_000L, long.MaxValue);
        await AssertAllSettledAsync(edge, responses: 1, client);
    }

    [Fact]
    public async Task Sound_InANarrowFormatThatTheProviderHasNotToldYet_CountsByItsTime()
    {
        await using var edge = await StartAsync();
        using var client = await RealtimeClient.BeginAsync(edge);
        await QuietAsync(client);
        await client.SendTextAsync("""{"type":"session.update","session":{"type":"realtime","audio":{"input":{"format":{"type":"audio/pcmu"}}},"sim":{"silent":true}}}""");

        // Ten seconds.
        await client.SendAsync(new { type = "input_audio_buffer.append", audio = Convert.ToBase64String(new byte[80_000]) });
        await client.SendAsync(new { type = "response.create", response = new { sim = new { tokens = 2, missing_usage = true } } });
        await client.UntilAsync("response.done");

        Assert.Equal(100, edge.Account.Settled.Last(request => request.CostNanos > 0).Usage[Unit.AudioInput]);
        await AssertAllSettledAsync(edge, responses: 1, client);
    }

    [Fact]
    public async Task ClientSecret_BeginsASessionAsItSays()
    {
        await using var edge = await StartAsync();
        using var minted = await edge.Client.PostAsJsonAsync(
            "/v1/realtime/client_secrets",
            new { expires_after = new { anchor = "created_at", seconds = 60 }, session = new { type = "realtime", model = "test-model", instructions = "Speak like a pirate." } },
            TestContext.Current.CancellationToken);
        var answer = JsonNode.Parse(await minted.TextAsync())!;
        var secret = (string)answer["value"]!;
        Assert.StartsWith("ek_", secret, StringComparison.Ordinal);
        Assert.Equal("Speak like a pirate.", (string?)answer["session"]!["instructions"]);
        Assert.InRange((long)answer["expires_at"]!, DateTimeOffset.UtcNow.ToUnixTimeSeconds() + 30, DateTimeOffset.UtcNow.ToUnixTimeSeconds() + 61);

        // Any number of sessions, with or without the model's name.
        foreach (var query in new[] { "", "?model=test-model" })
        {
            using var client = await RealtimeClient.ConnectAsync(edge, query, secret);
            var first = (await client.ReadAsync())!;
            Assert.Equal(("session.created", "Speak like a pirate."), ((string?)first["type"], (string?)first["session"]!["instructions"]));
            await client.SendAsync(new { type = "response.create" });
            await client.UntilAsync("response.done");
        }

        Assert.All(edge.Account.Admitted, admitted => Assert.Equal(EdgeFixture.KeyId, admitted.KeyId));
        using var other = await RealtimeClient.ConnectAsync(edge, "?model=none", secret);
        Assert.Equal("model_not_found", (string?)Assert.Single(await other.ToEndAsync())["error"]!["code"]);
    }

    [Theory]
    [InlineData("""{"session":{"type":"realtime","model":"none"}}""", HttpStatusCode.NotFound, "model_not_found")]
    [InlineData("""{"session":{"type":"transcription","model":"test-model"}}""", HttpStatusCode.BadRequest, "unsupported_value")]
    [InlineData("""{"session":{"type":"realtime"}}""", HttpStatusCode.BadRequest, "missing_required_parameter")]
    [InlineData("""{"expires_after":{"seconds":9},"session":{"type":"realtime","model":"test-model"}}""", HttpStatusCode.BadRequest, "invalid_value")]
    [InlineData("""{"expires_after":{"seconds":7201},"session":{"type":"realtime","model":"test-model"}}""", HttpStatusCode.BadRequest, "invalid_value")]
    [InlineData("rubbish", HttpStatusCode.BadRequest, null)]
    public async Task ClientSecret_OfWhatThereIsNot_IsRefused(string body, HttpStatusCode status, string? code)
    {
        await using var edge = await StartAsync();
        using var refused = await edge.Client.PostAsync("/v1/realtime/client_secrets", new StringContent(body, Encoding.UTF8, "application/json"), TestContext.Current.CancellationToken);

        Assert.Equal(status, refused.StatusCode);
        Assert.Equal(code, (string?)JsonNode.Parse(await refused.TextAsync())!["error"]!["code"]);
    }

    [Fact]
    public async Task Paths_BesideTheSession_SayWhatThereIs()
    {
        await using var edge = await StartAsync();
        foreach (var path in new[] { "calls", "sessions", "transcription_sessions", "translations/client_secrets" })
        {
            using var refused = await edge.Client.PostAsync("/v1/realtime/" + path, new StringContent("{}"), TestContext.Current.CancellationToken);
            Assert.Equal(HttpStatusCode.NotFound, refused.StatusCode);
        }

        using var plain = await edge.Client.GetAsync("/v1/realtime?model=test-model", TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.BadRequest, plain.StatusCode);
        using var chat = await edge.PostAsync(EdgeFixture.Body());
        Assert.Equal("unsupported_model", (string?)JsonNode.Parse(await chat.TextAsync())!["error"]!["code"]);
    }

    internal static Task<EdgeFixture> StartAsync(
        int providers = 1,
        Action<int, JsonObject>? channel = null,
        IEnumerable<KeyValuePair<string, string?>>? settings = null,
        AccountingOptions? accounting = null,
        Action<JsonArray>? models = null) => EdgeFixture.StartAsync(
        providers,
        channel,
        model =>
        {
            model["realtime"] = true;
            model["modalities"] = new JsonObject { ["input"] = new JsonArray("text", "audio"), ["output"] = new JsonArray("text", "audio") };
            model["prices"]![0]!["per_million"] = new JsonObject
            {
                ["input"] = 4, ["cached_input"] = 0.4, ["audio_input"] = 32, ["cached_audio_input"] = 0.4, ["output"] = 24, ["audio_output"] = 64,
            };
        },
        settings,
        accounting,
        models: models);

    /// <param name="price">The fields of the price of the model that transcribes.</param>
    private static Task<EdgeFixture> StartHearingAsync(string price) => StartAsync(
        channel: (_, channel) => channel["models"] = new JsonObject { ["test-model"] = "test-model", ["test-hear"] = "whisper-upstream" },
        models: models =>
        {
            var version = JsonNode.Parse(price)!.AsObject();
            version["from"] = "2026-01-01T00:00:00Z";
            models.Add(new JsonObject
            {
                ["id"] = "test-hear",
                ["owned_by"] = "tests",
                ["modalities"] = new JsonObject { ["input"] = price == ByTokens ? new JsonArray("text", "audio") : new JsonArray("text") },
                ["context_window"] = 16_000,
                ["max_output_tokens"] = 2000,
                ["prices"] = new JsonArray(version),
            });
        });

    /// <summary>Begins a session that transcribes what it hears, and answers nothing by itself.</summary>
    private static async Task<RealtimeClient> HearAsync(EdgeFixture edge, string sim, string detection = """{"type":"server_vad","create_response":false}""")
    {
        var client = await RealtimeClient.BeginAsync(edge);
        await client.SendTextAsync(
            $$$"""{"type":"session.update","session":{"type":"realtime","audio":{"input":{"turn_detection":{{{detection}}},"transcription":{"model":"test-hear"}} },"sim":{{{sim}}} }}""");
        await client.UntilAsync("session.updated");
        return client;
    }

    /// <summary>Has responses begin only when they are asked for.</summary>
    private static async Task QuietAsync(RealtimeClient client)
    {
        await client.SendTextAsync("""{"type":"session.update","session":{"type":"realtime","audio":{"input":{"turn_detection":null}}}}""");
        await client.UntilAsync("session.updated");
    }

    /// <summary>Every hold was settled, once, and so many of them cost something; none is left once the sessions have ended.</summary>
    private static async Task AssertAllSettledAsync(EdgeFixture edge, int responses, RealtimeClient? client = null)
    {
        await Load.UntilAsync(
            _ => Task.FromResult(edge.Account.Settled.Count(settled => settled.CostNanos > 0) == responses), "every response to be settled");
        var stopping = edge.StopAsync();
        await (client?.ToEndAsync() ?? Task.CompletedTask);
        await stopping;
        Assert.Equal(0, edge.Accounts.OpenHolds);
        Assert.Equal(responses, edge.Account.Settled.Count(settled => settled.CostNanos > 0));
        Assert.Equal(
            edge.Account.Admitted.Select(admitted => admitted.HoldId).Order(StringComparer.Ordinal),
            edge.Account.Settled.Select(settled => settled.Ticket.HoldId).Order(StringComparer.Ordinal));
    }
}
