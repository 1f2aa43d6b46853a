namespace OrleansGateway.SimulatedProvider;

/// <summary>An answer that is not streamed: a <c>chat.completion</c> object.</summary>
internal static class WholeAnswer
{
    public static async Task<ExchangeOutcome> SendAsync(Exchange exchange)
    {
        var behaviour = exchange.Behaviour;
        var response = exchange.Context.Response;
        using var body = new ByteBuffer();
        if (behaviour.Malformed)
        {
            body.Add(Faults.Html);
            response.ContentType = "text/html";
        }
        else
        {
            AddCompletion(exchange, body);
            response.ContentType = "application/json";
        }

        if (behaviour.BrokenJson is not null)
        {
            body.Length /= 2;
        }

        if (behaviour.TokenRate > 0)
        {
            var tokens = exchange.Request.CompletionTokens(behaviour).Tokens;
            await Task.Delay(TimeSpan.FromSeconds(tokens / behaviour.TokenRate), exchange.ClientGone);
        }

        response.ContentLength = body.Length;
        if (behaviour.FirstByteMs > 0)
        {
            await response.BodyWriter.FlushAsync(exchange.ClientGone);
            await Task.Delay(behaviour.FirstByteMs, exchange.ClientGone);
        }

        var output = new BodyOutput(response.BodyWriter, behaviour);
        if (behaviour.BreakAfter is null && behaviour.HangAfter is null)
        {
            await output.SendAsync(body.Memory);
            await output.FlushAsync();
            return output.IsClosed ? ExchangeOutcome.ClientGone : ExchangeOutcome.Completed;
        }

        await output.SendAsync(body.Memory[..(body.Length / 2)]);
        await output.FlushAsync();
        if (behaviour.HangAfter is not null)
        {
            await exchange.HangAsync(comment: null);
        }

        exchange.Context.Abort();
        return ExchangeOutcome.Broken;
    }

    private static void AddCompletion(Exchange exchange, ByteBuffer body)
    {
        var behaviour = exchange.Behaviour;
        var (tokens, cut) = exchange.Request.CompletionTokens(behaviour);
        body.Add("{\"id\":\""u8).Add(exchange.ResponseId)
            .Add("\",\"object\":\"chat.completion\",\"created\":"u8).Add(exchange.Created)
            .Add(",\"model\":\""u8).Add(exchange.Request.Model).Add("\",\"choices\":["u8);
        for (var choice = 0; choice < exchange.Request.Choices; choice++)
        {
            body.Add(choice == 0 ? "{\"index\":"u8 : ",{\"index\":"u8).Add(choice)
                .Add(",\"message\":{\"role\":\"assistant\",\"content\":\""u8);
            for (long position = 0; position < tokens - behaviour.ReasoningTokens; position++)
            {
                exchange.AddToken(body, choice, position);
            }

            body.Add("\",\"refusal\":null,\"annotations\":[]},\"logprobs\":null,\"finish_reason\":\""u8)
                .Add(cut ? "length"u8 : "stop"u8).Add("\"}"u8);
        }

        body.Add("]"u8);
        if (!behaviour.MissingUsage)
        {
            body.Add(",\"usage\":"u8);
            exchange.AddUsage(body);
        }

        body.Add(",\"service_tier\":\"default\",\"system_fingerprint\":\"fp_simulated\""u8);
        exchange.AddEcho(body);
        body.Add("}"u8);
    }
}
