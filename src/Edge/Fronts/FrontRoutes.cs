using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Logging;
using OrleansGateway.Edge.Http;
using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Grains.Contracts.Keys;

namespace OrleansGateway.Edge.Fronts;

/// <summary>
/// Adds one front's routes. Every response of theirs has our request id, and an error in the front's form even for another method and for
/// our own bugs.
/// </summary>
internal sealed partial class FrontRoutes(
    IEndpointRouteBuilder routes,
    IFront front,
    IReadOnlyList<IFront> fronts,
    Relay relay,
    ModelsEndpoint models,
    EdgeMetrics metrics,
    RandomSource random,
    ILogger logger)
{
    /// <summary>Relays what is posted to an endpoint.</summary>
    /// <param name="otherPaths">Where it is as well; usage names it by its own path.</param>
    public void Relay(IRelayedEndpoint endpoint, params ReadOnlySpan<string> otherPaths)
    {
        foreach (var path in (ReadOnlySpan<string>)[endpoint.Path, .. otherPaths])
        {
            Add(path, (HttpMethods.Post, (context, requestId) => relay.RunAsync(context, requestId, endpoint)));
        }
    }

    /// <summary>Answers a request that is not relayed.</summary>
    public void Get(string path, Func<HttpContext, Task> handle) => Own(path, (HttpMethods.Get, handle));

    /// <summary>Answers requests that are not relayed, by their method.</summary>
    public void Own(string path, params (string Method, Func<HttpContext, Task> Handle)[] methods) =>
        Add(path, [.. methods.Select(own => (own.Method, Counted((context, _) => own.Handle(context))))]);

    /// <summary>Answers what is posted and not relayed.</summary>
    public void Post(string path, Func<HttpContext, string, Task> handle) => Add(path, (HttpMethods.Post, Counted(handle)));

    /// <summary>Serves WebSockets.</summary>
    /// <param name="handle">Gets what asks for one, and what does not.</param>
    /// <param name="options">How they are kept alive.</param>
    public void Socket(string path, Func<HttpContext, string, Task> handle, WebSocketOptions options)
    {
        var serve = routes.CreateApplicationBuilder().UseWebSockets(options).Use(_ => Framed(Counted(handle))).Build();
        routes.MapMethods(path, [HttpMethods.Get, HttpMethods.Connect], serve);
        routes.Map(path, Framed(Counted((context, _) =>
        {
            context.Response.Headers.Allow = HttpMethods.Get;
            return RefuseAsync(context, new ApiError(ErrorKind.MethodNotSupported, $"{context.Request.Path} is a WebSocket: use GET and Upgrade."));
        })));
    }

    /// <summary>Refuses whatever is asked of what is never there.</summary>
    public void Missing(string path, Func<HttpContext, ApiError> error) => routes.Map(path, Framed(Counted((context, _) => RefuseAsync(context, error(context)))));

    /// <summary>Answers a client that only looks whether anybody is there.</summary>
    public void Head(string path) => Own(path, (HttpMethods.Head, static _ => Task.CompletedTask));

    /// <summary>Refuses in the front's form whatever nobody has a route for under a path.</summary>
    public void Rest(string path) => routes.Map(path + "/{**path}", Framed(Counted(NoSuchUrlAsync)));

    /// <summary>Tells of the models. Where other protocols have the same path, each is answered in its own form.</summary>
    /// <param name="form">The form for whoever shows to speak none of the others.</param>
    public void Models(string listPath, string modelPath, IModelsForm form)
    {
        Get(listPath, context => Ask(context, form, models.ListAsync));

        // What is posted to a model and has no route is a method of Gemini's that is not there.
        Own(
            modelPath,
            (HttpMethods.Get, context => Ask(context, form, models.GetAsync)),
            (HttpMethods.Post, context => NoSuchUrlAsync(context, "")));
    }

    /// <summary>Answers what nobody has a route for.</summary>
    /// <param name="isAlone">Whether that is everything, and not only what is below the relay's own paths.</param>
    public void MapRest(bool isAlone)
    {
        Rest("/v1");
        Rest("/api");
        if (isAlone)
        {
            routes.MapFallback("{**path}", Framed(Counted(NoSuchUrlAsync)));
        }
    }

    private Task Ask(HttpContext context, IModelsForm form, Func<HttpContext, IFront, IModelsForm, Task> answer) =>
        Asked(context.Request) is { } other ? answer(context, other, (IModelsForm)other) : answer(context, front, form);

    /// <summary>The front whose protocol a request to a path of nobody's own shows to speak; null for none.</summary>
    private IFront? Asked(HttpRequest request) => fronts.FirstOrDefault(other => other is IModelsForm form && form.IsAskedBy(request));

    private void Add(string path, params (string Method, Func<HttpContext, string, Task> Handle)[] methods)
    {
        foreach (var (method, handle) in methods)
        {
            routes.MapMethods(path, [method], Framed(handle));
        }

        // Routing prefers a route of a method to one of any. Its own answer to a wrong method is not in the front's form, and comes only where no
        // route takes what is left of a path.
        var allowed = string.Join(", ", methods.Select(static own => own.Method));
        routes.Map(path, Framed(Counted((context, _) =>
        {
            context.Response.Headers.Allow = allowed;
            if (context.Request.Headers.Upgrade.Count > 0)
            {
                return RefuseAsync(
                    context, new ApiError(ErrorKind.UpgradeNotSupported, $"{context.Request.Path} takes no WebSockets; use {allowed}."));
            }

            return RefuseAsync(
                context,
                new ApiError(ErrorKind.MethodNotSupported, $"Not allowed to {context.Request.Method} on {context.Request.Path}; use {allowed}."));
        })));
    }

    private Task NoSuchUrlAsync(HttpContext context, string requestId) => ErrorReply.WriteAsync(
        context,
        Asked(context.Request) ?? front,
        new ApiError(ErrorKind.UnknownUrl, $"Unknown request URL: {context.Request.Method} {context.Request.Path}."));

    private Task RefuseAsync(HttpContext context, ApiError error) => ErrorReply.WriteAsync(context, front, error);

    private Func<HttpContext, string, Task> Counted(Func<HttpContext, string, Task> handle) => async (context, requestId) =>
    {
        await handle(context, requestId);
        metrics.Answered(context.Response.StatusCode);
    };

    private RequestDelegate Framed(Func<HttpContext, string, Task> handle) => context => RunAsync(context, handle);

    private async Task RunAsync(HttpContext context, Func<HttpContext, string, Task> handle)
    {
        var requestId = Ids.NewRequestId(random);
        context.Response.Headers["x-request-id"] = requestId;
        context.Response.Headers["request-id"] = requestId;
        try
        {
            await (RequestHeaders.LengthOf(context.Request.Headers) > RequestHeaders.MaxBytes
                ? RefuseAsync(context, RequestHeaders.TooLong)
                : handle(context, requestId));
        }
        catch (Exception exception)
        {
            LogBug(logger, requestId, exception);
            if (context.Response.HasStarted)
            {
                context.Abort();
                return;
            }

            await RefuseAsync(
                context, new ApiError(ErrorKind.Internal, $"The gateway failed on this request ({requestId}). Please try again."));
        }
    }

    [LoggerMessage(1300, LogLevel.Error, "{RequestId} failed")]
    private static partial void LogBug(ILogger logger, string requestId, Exception exception);
}
