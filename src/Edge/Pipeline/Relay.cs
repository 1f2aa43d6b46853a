using System.Collections.Immutable;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using OrleansGateway.Edge.Accounting;
using OrleansGateway.Edge.Bodies;
using OrleansGateway.Edge.Catalog;
using OrleansGateway.Edge.Channels;
using OrleansGateway.Edge.Dialects;
using OrleansGateway.Edge.Fronts;
using OrleansGateway.Edge.Http;
using OrleansGateway.Edge.Idempotency;
using OrleansGateway.Grains.Contracts;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Grains.Contracts.Catalog;
using OrleansGateway.Grains.Contracts.Keys;
using OrleansGateway.Grains.Contracts.Pricing;
using OrleansGateway.Protocols.Exchange;

namespace OrleansGateway.Edge.Pipeline;

/// <summary>Relays a request, whatever its protocol, in the eight steps that the README names.</summary>
internal sealed partial class Relay(
    ICatalogSource catalog,
    SigningSecrets secrets,
    AccountClient accounts,
    ChannelChoice choice,
    ChannelHealth health,
    ChannelFailures failures,
    DialectSet dialects,
    Forwarder forwarder,
    RequestBodies bodies,
    AnswerBodies largeAnswers,
    AnswerCache answers,
    Watchdog watchdog,
    EdgeMetrics metrics,
    TimeProvider time,
    IOptions<EdgeOptions> edgeOptions,
    ILogger<Relay> logger)
{
    private readonly EdgeOptions _options = edgeOptions.Value;
    private readonly OutputAverages _averages = new();

    public async Task RunAsync(HttpContext context, string requestId, IRelayedEndpoint endpoint)
    {
        metrics.Started();
        using var running = new RunningRequest(context, requestId, endpoint.Front, _options, watchdog, time);
        var result = new Result(StatusCodes.Status500InternalServerError, "Failed");
        try
        {
            result = await RelayAsync(running, endpoint);
        }
        finally
        {
            await running.Client.CloseAsync();
            metrics.Ended(result.Status, result.Outcome, result.Call?.FirstByteMs ?? -1, running.ElapsedMs);
            Log(running, result);
        }
    }

    private async Task<Result> RelayAsync(RunningRequest running, IRelayedEndpoint endpoint)
    {
        // 1 Authenticate: the key's form and MAC. Whether it is in force, only the account's grain knows.
        var request = running.Client.Request;
        if (!KeyReader.TryRead(request, secrets, out var key))
        {
            return await RefuseAsync(running, Refusals.InvalidKey);
        }

        // 2 Bound the cost.
        var caller = new Caller(key, ClientAddress.Of(request.HttpContext));
        var (order, invalid) = await ReadAsync(running, endpoint, caller);
        if (order is null)
        {
            return (await RefuseAsync(running, invalid)) with { Caller = caller };
        }

        // 3 Admit: one call for key, limits and money.
        var (call, refused) = await AdmitAsync(running, order);
        if (call is null)
        {
            return refused with { Caller = caller, Order = order };
        }

        Result? result = null;
        try
        {
            result = (await ServeAsync(call)) with { Caller = caller, Order = call.Order, Call = call };
            return result.Value;
        }
        finally
        {
            if (result is null && !running.IsSettled)
            {
                // A bug must not leave a hold behind: nothing is charged for it.
                await SettleAsync(call, 0, default, AttemptEnd.Stopped);
            }
        }
    }

    /// <summary>Step 2: reads the request and what it can cost.</summary>
    /// <returns>What is asked of the account, or what is wrong with the request.</returns>
    private async ValueTask<(Order? Order, ApiError Error)> ReadAsync(RunningRequest running, IRelayedEndpoint endpoint, Caller caller)
    {
        if (catalog.Current is not { } current)
        {
            return (null, Refusals.NoCatalog);
        }

        var client = running.Client;
        string? idempotencyKey = null;
        if (client.Request.Headers["Idempotency-Key"] is { Count: > 0 } idempotency)
        {
            idempotencyKey = idempotency.ToString();
            if (idempotencyKey.Length is 0 or > AccountProtocol.IdempotencyKeyLengthMax)
            {
                return (null, new ApiError(
                    ErrorKind.IdempotencyKeyInvalid, $"Idempotency-Key must have 1 to {AccountProtocol.IdempotencyKeyLengthMax} characters."));
            }
        }

        if (await bodies.ReadAsync(running, caller) is { } unread)
        {
            return (null, unread);
        }

        if (endpoint.Read(client.Request, client.Body.Memory, out var error) is not { } exchange)
        {
            return (null, error);
        }

        var facts = exchange.Facts;
        var model = current.FindModel(facts.Model);
        var price = model is null ? null : current.PriceFor(model, time.GetUtcNow());
        if (model is null || price is null)
        {
            return (null, Refusals.ModelNotFound(facts.Model));
        }

        if ((Refusals.NotSold(facts, model, price) ?? Refusals.BeyondModel(facts, model)) is { } beyond)
        {
            return (null, beyond);
        }

        var bound = CostBound.Of(facts, model, price, _options.FirstSliceTokens);
        if (Refusals.BeyondRoutes(facts, bound, current.RoutesTo(model), out var routes) is { } unsold)
        {
            return (null, unsold);
        }

        if (facts.Held.Count > 0)
        {
            routes = Keeping(facts, caller.Key.AccountId, routes);
            if (routes.IsEmpty)
            {
                return (null, Refusals.NotHeld(facts.Held[0].Path));
            }
        }

        var translations = new Translations(exchange, dialects);
        routes = translations.Reachable(routes, out var untold);
        return untold is { } refused
            ? (null, refused)
            : (new Order(caller, idempotencyKey, endpoint.Path, exchange, translations, current, routes, bound, secrets), default);
    }

    /// <summary>Leaves the ways to the channel that keeps what the request names, for the account that got it.</summary>
    private ImmutableArray<Route> Keeping(RequestFacts facts, string accountId, ImmutableArray<Route> routes) =>
        [.. routes.Where(route => facts.Held.All(held => HeldId.IsSealed(held.Id, accountId, route.Channel.Name, secrets)))];

    /// <summary>Step 3: takes a hold.</summary>
    /// <returns>The admitted request, or how it ended.</returns>
    private async ValueTask<(Call? Call, Result Refused)> AdmitAsync(RunningRequest running, Order order)
    {
        if (await bodies.AdmitAsync(running, order) is { } full)
        {
            return (null, await RefuseAsync(running, full));
        }

        var account = accounts.Find(order.Caller.Key.AccountId);
        var admission = await accounts.AdmitAsync(account, AdmitRequest(running, order, account), running);
        if (admission.Answer.Outcome == AdmitOutcome.InsufficientFunds && _options.LowerCapToBalance
            && order.Bound.LoweredTo(admission.Answer.AvailableNanos) is { } lowered)
        {
            order = order with { Bound = lowered };
            admission = await accounts.AdmitAsync(account, AdmitRequest(running, order, account), running);
        }

        if (admission.Hold is { } hold)
        {
            return (new Call(running, order, admission.Answer, hold), default);
        }

        if (admission.Answer.Outcome == AdmitOutcome.Unavailable && accounts.IsStopping)
        {
            return (null, await RefuseAsync(running, Refusals.Stopping));
        }

        running.Client.ShowRates(admission.Answer.Rates);
        return (null, admission.Answer.Outcome == AdmitOutcome.IdempotencyCompleted && answers.Find(admission.Answer.EarlierRequestId ?? "") is { } kept
            ? await RepeatAsync(running, kept)
            : await RefuseAsync(running, Refusals.Of(admission.Answer, order.Bound)));
    }

    private AdmitRequest AdmitRequest(RunningRequest running, Order order, Account account) => new()
    {
        Epoch = account.Epoch,
        HoldId = running.RequestId,
        KeyId = order.Caller.Key.KeyId,
        KeyHash = order.Caller.Key.SecretHash,
        Model = order.Bound.Model.Id,
        PriceId = order.Bound.Price.Id,
        MostNanos = order.Bound.MostNanos,
        LeastNanos = order.Bound.LeastNanos,
        EstimatedTokens = order.Facts.EstimatedInputTokens
            + (order.Facts.Choices * Math.Min(order.Bound.OutputTokensMax, _averages.Of(order.Bound.Model.Id))),
        ClientAddress = order.Caller.Address,
        Endpoint = order.Endpoint,
        IdempotencyKey = order.IdempotencyKey,
        BodyHash = order.IdempotencyKey is null ? default : Sha256Hash.Of(running.Client.Body.Memory.Span),
    };

    /// <summary>Steps 4 to 8, once or, before the first byte, on several channels.</summary>
    private async ValueTask<Result> ServeAsync(Call call)
    {
        call.Client.ShowRates(call.Admitted.Rates);
        metrics.PassedOn(call.Facts.UnknownFields);
        if (call.Facts.Stream)
        {
            call.Client.ExpectEvents(call.Exchange.StreamForm);
        }

        var routes = call.Order.Routes;
        var affinity = routes.Length > 1
            ? Affinity.Of(call.Order.Caller.Key.AccountId, call.Client.Request.Headers, call.Client.Body.Memory.Span)
            : 0;
        var (tried, last) = (0UL, AttemptEnd.Completed);
        for (var number = 0; number < _options.MaxAttempts; number++)
        {
            // 4 Choose a channel.
            tried |= Gone(call.Order, routes);
            if (choice.Next(routes, ref tried, out var retryAfterMs, affinity, call.Exchange.BegunBy) is not { } route)
            {
                last = number == 0 ? AttemptEnd.NoChannel(retryAfterMs) : last;
                break;
            }

            try
            {
                var beganMs = health.NowMs;
                var token = call.BeginAttempt(route, dialects.Of(route.Channel), isExtra: last.MayHaveRun);

                // 5 Forward.
                (var answer, last) = await forwarder.SendAsync(call, route, token);
                if (answer is not null)
                {
                    call.AnswerType = answer.MediaType;
                    await using (answer)
                    using (var attempt = Open(call, answer))
                    {
                        // 6 Stream and meter.
                        last = await attempt.RunAsync(answer, token);
                        if (!MayMoveOn(call, last))
                        {
                            failures.Note(call.Running.RequestId, route, last, beganMs);
                            return await FinishAsync(call, route, attempt, last);
                        }

                        last = last with { MayHaveRun = true };
                    }
                }

                failures.Note(call.Running.RequestId, route, last, beganMs);
                if (!MayMoveOn(call, last))
                {
                    break;
                }
            }
            finally
            {
                health.Ended(route);
            }
        }

        // Nothing came of it: settled at zero, which alone closes its hold.
        var own = call.Facts.IsFree && last.IsRetryable && call.Running.Stopped == StopReason.None ? call.Exchange.OwnAnswer(call.Bound) : null;
        await SettleAsync(call, 0, default, own is null ? last : AttemptEnd.Completed);
        if (own is { } given)
        {
            await call.Client.SendWholeAsync(given, 0, "application/json");
            return new Result(StatusCodes.Status200OK, nameof(RequestStatus.Completed));
        }

        return await RefuseAsync(call.Running, last.ErrorFor(call.Running, _options.RestMs));
    }

    private IAttempt Open(Call call, AnswerBody answer)
    {
        if (!call.Exchange.MayBeEvents(call) || !answer.IsEvents)
        {
            // One that may be asked for again is kept whole.
            return call.Order.IdempotencyKey is null && call.Exchange.PassesBytes(call) ? new BytesLoop(call) : new WholeLoop(call, largeAnswers, answers.LargestBytes);
        }

        call.Client.Use(call.Exchange.StreamForm);
        return new StreamLoop(call, _options, largeAnswers);
    }

    /// <summary>
    /// Whether another channel may serve the request: its failure is the channel's, it is not lost or the operator pays for it twice, and the
    /// client has seen nothing yet.
    /// </summary>
    private static bool MayMoveOn(Call call, AttemptEnd last) =>
        last.IsRetryable && (!last.IsLost || call.Route!.Channel.RepeatLost)
        && call.Running.Stopped == StopReason.None && !call.Running.IsClientGone && !call.Client.HasEvents;

    /// <summary>A bit for each route that the catalog in force does not have any more: a channel that was disabled gets no attempt of an older request.</summary>
    private ulong Gone(Order order, ImmutableArray<Route> routes)
    {
        if (catalog.Current is not { } current || ReferenceEquals(current, order.Catalog))
        {
            return 0;
        }

        var gone = 0UL;
        var left = current.FindModel(order.Bound.Model.Id) is { } model ? current.RoutesTo(model) : [];
        for (var i = 0; i < Math.Min(routes.Length, ChannelChoice.RoutesMax); i++)
        {
            gone |= left.Any(route => route.Channel.Name == routes[i].Channel.Name) ? 0 : 1UL << i;
        }

        return gone;
    }

    /// <summary>Steps 7 and 8 of a request that a provider has answered, in full or in part.</summary>
    private async ValueTask<Result> FinishAsync(Call call, Route route, IAttempt attempt, AttemptEnd end)
    {
        // 7 Settle: the end of the response waits for it.
        var metered = attempt.Metered;
        var usage = end.ChargedUsage(call, metered);
        var (cost, price) = call.Bound.Charge(usage, metered.ServiceTier);
        call.Hold.ChargedBy(price.Id);
        CheckUsage(call, route, cost, metered.Usage.IsInconsistent);
        if (end.Outcome == AttemptOutcome.Completed)
        {
            // What was cut off or stopped tells nothing of how much the model says.
            _averages.Add(call.Bound.Model.Id, usage.TotalOutput / call.Facts.Choices);
        }

        var settled = await SettleAsync(call, cost, usage, end);
        call.ChargedNanos = settled.ChargedNanos;

        // 8 The last byte.
        var result = new Result(StatusCodes.Status200OK, end.StatusOf(call).ToString());
        if (settled.IsCommitted && end.IsWhole)
        {
            await SendRestAsync(call, attempt.Rest(end.Outcome, settled.ChargedNanos), settled.ChargedNanos);
            return call.Running.IsClientGone ? result with { Status = StatusCodes.Status499ClientClosedRequest } : result;
        }

        if (call.Running.IsClientGone)
        {
            return result with { Status = StatusCodes.Status499ClientClosedRequest };
        }

        var error = settled.IsCommitted ? end.ErrorFor(call.Running, _options.RestMs) : Refusals.NotSettled(call.ClientGotOutput);
        await call.Client.RefuseAsync(error);
        return result with { Status = error.Status, Outcome = settled.IsCommitted ? result.Outcome : error.Kind.ToString() };
    }

    /// <summary>Step 8: in the form that was asked for, whichever the provider's answer had.</summary>
    private ValueTask SendRestAsync(Call call, ReadOnlyMemory<byte> rest, long chargedNanos)
    {
        try
        {
            call.Exchange.Answered(call, rest);
        }
        catch (Exception exception) when (exception is System.Text.Json.JsonException or InvalidOperationException or ArgumentException)
        {
            // It is paid for: what cannot be remembered of it is no reason to withhold it.
            LogForgotten(logger, call.Running.RequestId, exception.GetType().Name);
        }

        if (call.Facts.Stream || call.Client.HasEvents)
        {
            return call.Client.SendEventsAsync(rest);
        }

        var type = call.Exchange.WholeType(call);
        if (call.Order.IdempotencyKey is not null)
        {
            // Of a client that is gone, too: the repeat is given it.
            answers.Keep(call.Running.RequestId, rest.Span, chargedNanos, type);
        }

        return call.Client.SendWholeAsync(rest, chargedNanos, type);
    }

    /// <summary>Step 7.</summary>
    private Task<Settled> SettleAsync(Call call, long costNanos, in Usage usage, AttemptEnd end)
    {
        call.Running.Settling();
        call.ChargedTokens = (usage.TotalInput, usage.TotalOutput);
        return accounts.SettleAsync(call.Hold, new RequestEnd(
            costNanos,
            usage,
            end.StatusOf(call),
            call.FirstByteMs,
            call.Running.ElapsedMs,
            call.ClientGotOutput));
    }

    /// <summary>Tells the operator of usage that the price or the provider has wrong; it is settled as it is.</summary>
    private void CheckUsage(Call call, Route route, long cost, bool isInconsistent)
    {
        if (isInconsistent || cost > call.Bound.MostNanos)
        {
            LogSuspect(
                logger, call.Running.RequestId, call.Bound.Model.Id, route.Channel.Name, cost, call.Bound.MostNanos,
                isInconsistent ? "contradicts itself" : "is above the bound");
        }
    }

    private static async ValueTask<Result> RefuseAsync(RunningRequest running, ApiError error)
    {
        await running.Client.RefuseAsync(error);
        return new Result(running.IsClientGone ? StatusCodes.Status499ClientClosedRequest : error.Status, error.Kind.ToString());
    }

    private static async ValueTask<Result> RepeatAsync(RunningRequest running, KeptAnswer kept)
    {
        await running.Client.SendWholeAsync(kept.Body, kept.CostNanos, kept.Type);
        return new Result(StatusCodes.Status200OK, "Repeated");
    }

    private void Log(RunningRequest running, in Result result)
    {
        if (logger.IsEnabled(LogLevel.Information))
        {
            LogRequest(
                logger, running.RequestId, result.Caller?.Key.AccountId, result.Caller?.Key.KeyId, result.Order?.Bound.Model.Id,
                result.Call?.Route?.Channel.Name, result.Status, result.Outcome, result.Call?.ChargedTokens.Input ?? 0, result.Call?.ChargedTokens.Output ?? 0,
                Money.FormatUsd(result.Call?.ChargedNanos ?? 0), result.Call?.FirstByteMs ?? -1, running.ElapsedMs);
        }
    }

    [LoggerMessage(1102, LogLevel.Warning, "{RequestId}: its answer could not be remembered: {Problem}")]
    private static partial void LogForgotten(ILogger logger, string requestId, string problem);

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
    /// <param name="Outcome">Why it was refused, or its <see cref="RequestStatus"/>.</param>
    private readonly record struct Result(int Status, string Outcome, Caller? Caller = null, Order? Order = null, Call? Call = null);
}
