using System.Diagnostics.CodeAnalysis;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace OrleansGateway.SimulatedProvider;

/// <summary>What endpoints have in common whose requests are JSON objects: they are counted and recorded, and over when their client is gone.</summary>
internal abstract class JsonEndpoint(Counters counters, RequestLog log, ChatEndpoint chat)
{
    protected static readonly JsonSerializerOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private long _number;

    protected ChatEndpoint Chat => chat;

    public async Task HandleAsync(HttpContext context)
    {
        var number = Interlocked.Increment(ref _number);
        var outcome = ExchangeOutcome.ClientGone;
        RecordedRequest? recorded = null;
        counters.Begin();
        try
        {
            using var bytes = new MemoryStream();
            await context.Request.Body.CopyToAsync(bytes);
            var body = bytes.ToArray();
            recorded = log.Add(number, context, body);
            outcome = await AnswerAsync(context, body, number);
        }
        catch (Exception exception) when (exception is OperationCanceledException or IOException)
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

    /// <summary>Answers the request of this number.</summary>
    protected abstract Task<ExchangeOutcome> AnswerAsync(HttpContext context, byte[] body, long number);

    /// <summary>Reads a request, and the behaviour that it or the provider's start asks for.</summary>
    /// <returns>False for what is no JSON object, or asks for a behaviour that there is not.</returns>
    protected bool TryRead(byte[] body, [NotNullWhen(true)] out JsonObject? request, [NotNullWhen(true)] out SimulatedBehaviour? behaviour)
    {
        try
        {
            request = JsonNode.Parse(body)!.AsObject();
            behaviour = request["sim"] is JsonObject sim ? chat.Defaults.With(sim) : chat.Defaults;
            return true;
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException or FormatException)
        {
            (request, behaviour) = (null, null);
            return false;
        }
    }

    protected static async Task SendAsync(HttpContext context, JsonNode answer, string type = "application/json")
    {
        var body = Encoding.UTF8.GetBytes(answer.ToJsonString(Plain));
        context.Response.ContentType = type;
        context.Response.ContentLength = body.Length;
        await context.Response.Body.WriteAsync(body);
    }

    /// <summary>Sends an event that is named by its data's type.</summary>
    protected static async Task SendEventAsync(HttpContext context, JsonObject data)
    {
        await context.Response.Body.WriteAsync(
            Encoding.UTF8.GetBytes($"event: {(string)data["type"]!}\ndata: {data.ToJsonString(Plain)}\n\n"), context.RequestAborted);
        await context.Response.Body.FlushAsync(context.RequestAborted);
    }
}
