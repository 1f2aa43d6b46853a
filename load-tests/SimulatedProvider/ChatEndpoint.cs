using System.IO.Pipelines;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Connections;

namespace OrleansGateway.SimulatedProvider;

/// <summary><c>POST /v1/chat/completions</c>.</summary>
internal sealed class ChatEndpoint(SimulatedProviderOptions options, Counters counters, RequestLog log, Gate gate)
{
    private const string HeaderPrefix = "x-sim-";
    private long _number;
    private long _rated;

    /// <summary>How requests that say nothing about it are answered.</summary>
    public SimulatedBehaviour Defaults { get; set; } = options.Behaviour;

    public async Task HandleAsync(HttpContext context)
    {
        var number = Interlocked.Increment(ref _number);
        var outcome = ExchangeOutcome.ClientGone;
        RecordedRequest? recorded = null;
        counters.Begin();
        try
        {
            // 1. Read and parse.
            var body = await ReadBodyAsync(context.Request.BodyReader);
            var problem = ChatRequest.TryParse(body.Span, out var request);
            recorded = log.Add(number, context, body);

            // 2. Refuse, or settle on a behaviour.
            var refusal = problem is null ? null : new SimulatedBehaviour { Error = 400, ErrorMessage = problem };
            var behaviour = refusal ?? Choose(context, request) ?? BadOption;
            if (!IsAuthorized(context))
            {
                behaviour = new SimulatedBehaviour { Error = 401, ErrorMessage = "Incorrect API key provided." };
            }

            // 3. Answer.
            var exchange = new Exchange(context, number, request, behaviour);
            if (recorded is not null)
            {
                recorded.ResponseId = exchange.ResponseId;
            }

            outcome = await AnswerAsync(exchange);
        }
        catch (Exception exception) when (exception is OperationCanceledException or IOException or ConnectionAbortedException)
        {
            // The client closed the connection; that is the outcome already set.
        }
        finally
        {
            counters.End(outcome);
            if (recorded is not null)
            {
                recorded.Outcome = outcome;
            }
        }
    }

    private static SimulatedBehaviour BadOption => new() { Error = 400, ErrorMessage = "A sim option is unknown or has the wrong type." };

    private async Task<ExchangeOutcome> AnswerAsync(Exchange exchange)
    {
        var behaviour = exchange.Behaviour;
        var context = exchange.Context;
        await gate.PassAsync(counters, context);
        if (behaviour.LatencyMs > 0)
        {
            await Task.Delay(behaviour.LatencyMs, exchange.ClientGone);
        }

        if (behaviour.BreakAfter < 0)
        {
            context.Abort();
            return ExchangeOutcome.Broken;
        }

        if (behaviour.HangAfter < 0)
        {
            await exchange.HangAsync(comment: null);
        }

        context.Response.Headers["x-request-id"] = exchange.ResponseId;
        context.Response.Headers["openai-organization"] = "org-simulated";
        if (IsToFail(behaviour))
        {
            await Faults.SendAsync(context, behaviour.Error ?? 500, behaviour);
            return ExchangeOutcome.Failed;
        }

        Faults.Dress(context, behaviour);
        return exchange.Request.Stream ? await StreamedAnswer.SendAsync(exchange) : await WholeAnswer.SendAsync(exchange);
    }

    /// <summary>Whether this request gets the error. A rate is spread evenly: with 0.1 it is every tenth request.</summary>
    private bool IsToFail(SimulatedBehaviour behaviour)
    {
        if (behaviour.ErrorRate is not { } rate)
        {
            return behaviour is { Error: not null, ErrorAfter: null };
        }

        const double RoundingSlack = 1e-9;
        var turn = Interlocked.Increment(ref _rated);
        return Math.Floor((turn * rate) + RoundingSlack) > Math.Floor(((turn - 1) * rate) + RoundingSlack);
    }

    /// <summary>The defaults with what headers and body override; null when an override is wrong.</summary>
    private SimulatedBehaviour? Choose(HttpContext context, ChatRequest request)
    {
        JsonObject? overrides = null;
        foreach (var (name, value) in context.Request.Headers)
        {
            if (name.StartsWith(HeaderPrefix, StringComparison.OrdinalIgnoreCase))
            {
                var option = name[HeaderPrefix.Length..].ToLowerInvariant().Replace('-', '_');
                (overrides ??= [])[option] = SimulatedBehaviour.FromText(value.ToString());
            }
        }

        if (overrides is null && request.Sim is null)
        {
            return Defaults;
        }

        try
        {
            var behaviour = overrides is null ? Defaults : Defaults.With(overrides);
            return request.Sim is null ? behaviour : behaviour.With(request.Sim);
        }
        catch (FormatException)
        {
            return null;
        }
    }

    /// <summary>Whether a request has the key that is wanted, if one is.</summary>
    public bool IsAuthorized(HttpContext context) =>
        options.ApiKey is null || context.Request.Headers.Authorization.ToString() == $"Bearer {options.ApiKey}";

    private static async ValueTask<ReadOnlyMemory<byte>> ReadBodyAsync(PipeReader reader)
    {
        while (true)
        {
            var result = await reader.ReadAsync();
            if (result.IsCompleted)
            {
                var body = new byte[result.Buffer.Length];
                System.Buffers.BuffersExtensions.CopyTo(result.Buffer, body);
                reader.AdvanceTo(result.Buffer.End);
                return body;
            }

            reader.AdvanceTo(result.Buffer.Start, result.Buffer.End);
        }
    }
}
