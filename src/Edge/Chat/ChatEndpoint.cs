using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using OrleansGateway.Edge.Accounting;
using OrleansGateway.Edge.Catalog;
using OrleansGateway.Edge.Channels;
using OrleansGateway.Edge.Http;
using OrleansGateway.Edge.Idempotency;
using OrleansGateway.Grains.Contracts;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Grains.Contracts.Keys;
using OrleansGateway.Grains.Contracts.Pricing;
using OrleansGateway.Protocols.OpenAI;

namespace OrleansGateway.Edge.Chat;

/// <summary><c>POST /v1/chat/completions</c>, in the eight steps that the README names.</summary>
internal sealed partial class ChatEndpoint(
    ICatalogSource catalog,
    SigningSecrets secrets,
    AccountClient accounts,
    ChannelChoice choice,
    ChannelFailures failures,
    Forwarder forwarder,
    RequestBodies bodies,
    AnswerCache answers,
    Watchdog watchdog,
    ClientAddress clientAddress,
    EdgeMetrics metrics,
    TimeProvider time,
    IOptions<EdgeOptions> edgeOptions,
    ILogger<ChatEndpoint> logger)
{
    public const string Path = "/v1/chat/completions";

    private readonly EdgeOptions _options = edgeOptions.Value;
    private readonly OutputMeans _means = new();

    public async Task HandleAsync(HttpContext context, string requestId)
    {
        metrics.Started();
        using var call = new ChatCall(context, requestId, watchdog, time);
        var result = new ChatResult(StatusCodes.Status500InternalServerError, "Failed", default, 0);
        try
        {
            result = await RelayAsync(call);
        }
        finally
        {
            if (call.Stream is not null)
            {
                await call.Stream.CloseAsync();
            }

            metrics.Ended(result.Status, result.Outcome, call.FirstByteMs, call.ElapsedMs);
            Log(call, result);
        }

        if (call.Stream is { IsCut: true })
        {
            throw new ResponseCutException();
        }
    }

    private async Task<ChatResult> RelayAsync(ChatCall call)
    {
        // 1 Authenticate: the key's form and MAC. Whether it is in force, only the account's grain knows.
        if (!KeyReader.TryRead(call.Context, secrets, out var key))
        {
            return await RefuseAsync(call, new Refusal(KeyReader.InvalidKey));
        }

        call.Key = key;
        call.ClientAddress = clientAddress.Of(call.Context);

        if (catalog.Current is not { } current)
        {
            return await RefuseAsync(call, AdmitRefusals.NoCatalog);
        }

        // 2 Bound the cost.
        call.Catalog = current;
        if (await ReadAsync(call) is { } invalid)
        {
            return await RefuseAsync(call, invalid);
        }

        // 3 Admit: one call for key, limits and money.
        if (await AdmitAsync(call) is { } refused)
        {
            return refused;
        }

        ChatResult? result = null;
        try
        {
            return (result = await ServeAsync(call)).Value;
        }
        finally
        {
            if (result is null && !call.IsSettled)
            {
                // A bug must not leave a hold behind: nothing is charged for it.
                await SettleAsync(call, default, new Relayed(RelayEnd.Stopped));
            }
        }
    }

    /// <summary>Step 2: reads the request and what it can cost.</summary>
    private async ValueTask<Refusal?> ReadAsync(ChatCall call)
    {
        var idempotency = call.Context.Request.Headers["Idempotency-Key"];
        if (idempotency.Count > 0)
        {
            call.IdempotencyKey = idempotency.ToString();
            if (call.IdempotencyKey.Length is 0 or > AccountProtocol.IdempotencyKeyLengthMax)
            {
                return new Refusal(OpenAIError.BadRequest(
                    $"Idempotency-Key must have 1 to {AccountProtocol.IdempotencyKeyLengthMax} characters.", null, "invalid_idempotency_key"));
            }
        }

        if (await bodies.ReadAsync(call) is { } unread)
        {
            return unread;
        }

        // How many choices are too many, the model says.
        if (!ChatRequest.TryRead(call.Body.Memory, int.MaxValue, out var request, out var error))
        {
            return new Refusal(error);
        }

        call.Request = request;
        var model = call.Catalog.FindModel(request.Model);
        var price = model is null ? null : call.Catalog.PriceFor(model, time.GetUtcNow());
        if (model is null || price is null)
        {
            return new Refusal(ModelErrors.NotFound(request.Model));
        }

        if (ModelErrors.BeyondModel(request, model) is { } beyond)
        {
            return new Refusal(beyond);
        }

        call.Bound = CostBound.Of(request, model, price, _options.FirstSliceTokens);
        return null;
    }

    /// <summary>Step 3: takes a hold.</summary>
    /// <returns>Null when the request is admitted, else how it ended.</returns>
    private async ValueTask<ChatResult?> AdmitAsync(ChatCall call)
    {
        if (await bodies.AdmitAsync(call) is { } full)
        {
            return await RefuseAsync(call, full);
        }

        var account = accounts.Find(call.Key.AccountId);
        var admission = await accounts.AdmitAsync(account, AdmitRequest(call, account), call);
        if (admission.Answer.Outcome == AdmitOutcome.InsufficientFunds && _options.LowerCapToBalance
            && call.Bound.LoweredTo(admission.Answer.AvailableNanos) is { } lowered)
        {
            call.Bound = lowered;
            admission = await accounts.AdmitAsync(account, AdmitRequest(call, account), call);
        }

        call.Admitted = admission.Answer;
        call.Hold = admission.Hold;
        if (admission.Hold is not null)
        {
            return null;
        }

        if (admission.Answer.Outcome == AdmitOutcome.Unavailable && accounts.IsStopping)
        {
            return await RefuseAsync(call, AdmitRefusals.Stopping);
        }

        RateHeaders.Write(call.Context.Response.Headers, admission.Answer.Rates);
        return admission.Answer.Outcome == AdmitOutcome.IdempotencyCompleted
            && answers.Find(admission.Answer.EarlierRequestId ?? "") is { } kept
            ? await RepeatAsync(call, kept)
            : await RefuseAsync(call, AdmitRefusals.Of(admission.Answer, call.Bound));
    }

    private AdmitRequest AdmitRequest(ChatCall call, Account account) => new()
    {
        Epoch = account.Epoch,
        HoldId = call.RequestId,
        KeyId = call.Key.KeyId,
        KeyHash = call.Key.SecretHash,
        Model = call.Bound.Model.Id,
        PriceId = call.Bound.Price.Id,
        MostNanos = call.Bound.MostNanos,
        LeastNanos = call.Bound.LeastNanos,
        EstimatedTokens = call.Request.EstimatedInputTokens
            + (call.Request.Choices * Math.Min(call.Bound.OutputTokensMax, _means.Of(call.Bound.Model.Id))),
        ClientAddress = call.ClientAddress,
        Endpoint = Path,
        IdempotencyKey = call.IdempotencyKey,
        BodyHash = call.IdempotencyKey is null ? default : Sha256Hash.Of(call.Body.Memory.Span),
    };

    /// <summary>Steps 4 to 8, once or, before the first byte, on several channels.</summary>
    private async ValueTask<ChatResult> ServeAsync(ChatCall call)
    {
        call.Stream = call.Request.Stream ? new ClientStream(call, _options.KeepAliveMs, _options.WriteTimeoutMs) : null;
        var routes = call.Catalog.RoutesTo(call.Bound.Model);
        var (tried, last) = (0UL, default(Relayed));
        for (var attempt = 0; attempt < _options.MaxAttempts; attempt++)
        {
            // 4 Choose a channel.
            if (choice.Next(routes, ref tried, out var retryAfterMs) is not { } route)
            {
                last = attempt == 0 ? Relayed.NoChannel(retryAfterMs) : last;
                break;
            }

            var token = call.BeginAttempt(route);
            call.Hold!.ServedBy(route.Channel.Name);

            // 5 Forward.
            (var answer, last) = await forwarder.SendAsync(call, route, token);
            if (answer is not null)
            {
                using (answer)
                using (answer.RequestMessage)
                using (IRelay relay = call.Stream is null ? new WholeRelay(call, _options) : new StreamRelay(call, call.Stream, _options))
                {
                    // 6 Stream and meter.
                    last = await relay.RunAsync(answer, token);
                    if (!MayMoveOn(call, last))
                    {
                        return await FinishAsync(call, relay, last);
                    }
                }
            }

            failures.Note(route.Channel, last);
            if (!MayMoveOn(call, last))
            {
                break;
            }
        }

        // Nothing came of it: settled at zero, which alone closes its hold.
        await SettleAsync(call, default, last);
        return await RefuseAsync(call, Endings.RefusalOf(call, last, _options.RestMs));
    }

    /// <summary>Whether another channel may serve the request: its failure is the channel's, and the client has seen nothing yet.</summary>
    private static bool MayMoveOn(ChatCall call, in Relayed last) =>
        last.End == RelayEnd.ProviderFailed && last.Failure.IsRetryable
        && call.Stopped == StopReason.None && !call.IsClientGone && call.Stream is not { HasStarted: true };

    /// <summary>Steps 7 and 8 of a request that a provider has answered, in full or in part.</summary>
    private async ValueTask<ChatResult> FinishAsync(ChatCall call, IRelay relay, Relayed end)
    {
        // 7 Settle: the end of the response waits for it.
        failures.Note(call.Route!.Channel, end);
        var usage = Endings.ChargedUsage(call, end, relay.Metered);
        CheckUsage(call, usage, relay.Metered.Usage.IsInconsistent);
        var settled = await SettleAsync(call, usage, end);
        if (end.End == RelayEnd.Completed)
        {
            // What was cut off or stopped tells nothing of how much the model says.
            _means.Add(call.Bound.Model.Id, usage.TotalOutput / call.Request.Choices);
        }

        // 8 The last byte.
        var result = new ChatResult(StatusCodes.Status200OK, Endings.StatusOf(call, end).ToString(), usage, settled.ChargedNanos);
        if (call.IsClientGone)
        {
            return result with { Status = StatusCodes.Status499ClientClosedRequest };
        }

        if (settled.IsCommitted && end.End is RelayEnd.Completed or RelayEnd.Exhausted)
        {
            await relay.CompleteAsync(end.End == RelayEnd.Exhausted, settled.ChargedNanos, answers);
            return result;
        }

        var refusal = settled.IsCommitted ? Endings.RefusalOf(call, end, _options.RestMs) : AdmitRefusals.NotSettled(call.ClientGotOutput);
        await relay.CutAsync(refusal);
        return result with { Status = refusal.Error.Status, Outcome = settled.IsCommitted ? result.Outcome : "NotSettled" };
    }

    /// <summary>Step 7.</summary>
    private Task<Settled> SettleAsync(ChatCall call, Usage usage, Relayed end)
    {
        call.Settling();
        return accounts.SettleAsync(call.Hold!, new RequestEnd(
            CostOf(call, usage),
            usage,
            Endings.StatusOf(call, end),
            call.FirstByteMs,
            call.ElapsedMs,
            call.ClientGotOutput));
    }

    private static long CostOf(ChatCall call, Usage usage) => usage == default ? 0 : PriceArithmetic.Charge(call.Bound.Price, usage);

    /// <summary>Tells the operator of usage that the price or the provider has wrong; it is settled as it is.</summary>
    private void CheckUsage(ChatCall call, Usage usage, bool isInconsistent)
    {
        var cost = CostOf(call, usage);
        if (isInconsistent || cost > call.Bound.MostNanos)
        {
            LogSuspect(
                logger, call.RequestId, call.Bound.Model.Id, call.Route!.Channel.Name, cost, call.Bound.MostNanos,
                isInconsistent ? "contradicts itself" : "is above the bound");
        }
    }

    private static async ValueTask<ChatResult> RefuseAsync(ChatCall call, Refusal refusal)
    {
        if (!call.IsClientGone)
        {
            await (call.Stream?.CutAsync(refusal) ?? new ValueTask(ErrorReply.WriteAsync(call.Context, refusal)));
        }

        return new ChatResult(refusal.Error.Status, refusal.Error.Code ?? refusal.Error.Type, default, 0);
    }

    private async ValueTask<ChatResult> RepeatAsync(ChatCall call, KeptAnswer kept)
    {
        await WholeRelay.SendAsync(call, kept.Body, kept.CostNanos, _options.WriteTimeoutMs);
        return new ChatResult(StatusCodes.Status200OK, "Repeated", default, 0);
    }

    private void Log(ChatCall call, in ChatResult result)
    {
        if (logger.IsEnabled(LogLevel.Information))
        {
            LogRequest(
                logger, call.RequestId, call.Key.AccountId, call.Key.KeyId, call.Bound?.Model.Id, call.Route?.Channel.Name, result.Status,
                result.Outcome, result.Usage.TotalInput, result.Usage.TotalOutput, Money.FormatUsd(result.ChargedNanos),
                call.FirstByteMs, call.ElapsedMs);
        }
    }

    [LoggerMessage(
        1101,
        LogLevel.Warning,
        "{RequestId} model={Model} channel={Channel}: the provider's usage {Reason}: it costs {Cost} nanos, the bound is {Bound} nanos")]
    private static partial void LogSuspect(
        ILogger logger, string requestId, string model, string channel, long cost, long bound, string reason);

    [LoggerMessage(
        1100,
        LogLevel.Information,
        "{RequestId} account={Account} key={Key} model={Model} channel={Channel} status={Status} outcome={Outcome} input={Input} "
        + "output={Output} usd={Usd} ttfb_ms={FirstByteMs} ms={DurationMs}")]
    private static partial void LogRequest(
        ILogger logger, string requestId, string? account, string? key, string? model, string? channel, int status, string outcome,
        long input, long output, string usd, long firstByteMs, long durationMs);

    /// <summary>How a request ended, for the log and the metrics.</summary>
    private readonly record struct ChatResult(int Status, string Outcome, Usage Usage, long ChargedNanos);
}
