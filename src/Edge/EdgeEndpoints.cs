using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using OrleansGateway.Edge.Chat;
using OrleansGateway.Edge.Http;
using OrleansGateway.Edge.Models;
using OrleansGateway.Grains.Contracts.Keys;
using OrleansGateway.Protocols.OpenAI;

namespace OrleansGateway.Edge;

/// <summary>The relay's routes.</summary>
public static partial class EdgeEndpoints
{
    private static readonly string[] AnyMethod = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];

    /// <summary>Maps everything under <c>/v1</c>, and answers what nobody maps in the protocol's form.</summary>
    public static void MapEdge(this IEndpointRouteBuilder routes)
    {
        ArgumentNullException.ThrowIfNull(routes);
        var chat = routes.ServiceProvider.GetRequiredService<ChatEndpoint>();
        var models = routes.ServiceProvider.GetRequiredService<ModelsEndpoint>();
        var frame = new Frame(
            routes.ServiceProvider.GetRequiredService<RandomSource>(),
            routes.ServiceProvider.GetRequiredService<ILoggerFactory>().CreateLogger(typeof(EdgeEndpoints)));
        Map(ChatEndpoint.Path, HttpMethods.Post, chat.HandleAsync);
        Map("/v1/models", HttpMethods.Get, (context, _) => models.ListAsync(context));
        Map("/v1/models/{**model}", HttpMethods.Get, (context, _) => models.GetAsync(context));
        routes.Map("/v1/{**path}", frame.Around((context, _) => ErrorReply.WriteAsync(context, NoSuchPath(context))));
        routes.MapFallback("{**path}", frame.Around((context, _) => ErrorReply.WriteAsync(context, NoSuchPath(context))));

        void Map(string path, string method, Func<HttpContext, string, Task> handle)
        {
            routes.MapMethods(path, [method], frame.Around(handle));
            routes.MapMethods(path, AnyMethod.Except([method]), frame.Around((context, _) => ErrorReply.WriteAsync(context, WrongMethod(context, method))));
        }
    }

    private static Refusal NoSuchPath(HttpContext context) => new(new OpenAIError(
        404, $"Unknown request URL: {context.Request.Method} {context.Request.Path}.", "invalid_request_error", null, "unknown_url"));

    private static Refusal WrongMethod(HttpContext context, string method)
    {
        context.Response.Headers.Allow = method;
        return new Refusal(new OpenAIError(
            405, $"Not allowed to {context.Request.Method} on {context.Request.Path}; use {method}.", "invalid_request_error", null, "method_not_supported"));
    }

    /// <summary>What every response has: our request id, and an error body even for our own bugs.</summary>
    private sealed partial class Frame(RandomSource random, ILogger logger)
    {
        public RequestDelegate Around(Func<HttpContext, string, Task> handle) => context => RunAsync(context, handle);

        private async Task RunAsync(HttpContext context, Func<HttpContext, string, Task> handle)
        {
            var requestId = Ids.NewRequestId(random);
            context.Response.Headers["x-request-id"] = requestId;
            try
            {
                await (RequestHeaders.LengthOf(context.Request.Headers) > RequestHeaders.MaxBytes
                    ? ErrorReply.WriteAsync(context, new Refusal(RequestHeaders.TooLong))
                    : handle(context, requestId));
            }
            catch (Exception exception) when (exception is not ResponseCutException)
            {
                LogBug(logger, requestId, exception);
                if (context.Response.HasStarted)
                {
                    context.Abort();
                    return;
                }

                await ErrorReply.WriteAsync(context, new Refusal(new OpenAIError(
                    500, $"The gateway failed on this request ({requestId}). Please try again.", "server_error", null, "internal_error")));
            }
        }

        [LoggerMessage(1300, LogLevel.Error, "{RequestId} failed")]
        private static partial void LogBug(ILogger logger, string requestId, Exception exception);
    }
}
