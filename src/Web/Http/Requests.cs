using Microsoft.AspNetCore.Http;

namespace OrleansGateway.Web.Http;

/// <summary>What is done with a request before a page has it.</summary>
internal static class Requests
{
    /// <summary>Pages are routes of GET; the server leaves the body out of what HEAD asked for.</summary>
    public static Task HeadAsGet(HttpContext context, RequestDelegate next)
    {
        if (HttpMethods.IsHead(context.Request.Method))
        {
            context.Request.Method = HttpMethods.Get;
        }

        return next(context);
    }

    /// <summary>Where the site is HTTPS, nothing else is answered than the way there.</summary>
    public static Task OnlyHttps(HttpContext context, RequestDelegate next, ISiteHost host, SiteOptions options)
    {
        if (!options.IsHttps)
        {
            return next(context);
        }

        if (host.IsSecure(context))
        {
            context.Request.Scheme = "https";
            return next(context);
        }

        // To the configured name: the client's own Host could be anybody's.
        context.Response.Redirect(
            options.Url.TrimEnd('/') + context.Request.Path.ToUriComponent() + context.Request.QueryString.ToUriComponent(), permanent: true, preserveMethod: true);
        return Task.CompletedTask;
    }

    /// <summary>While this gateway waits for its turn, pages would wait with it.</summary>
    public static Task WhenReady(HttpContext context, RequestDelegate next, ISiteHost host)
    {
        return host.IsReady && host.Catalog is not null ? next(context) : NotReadyAsync(context);
    }

    /// <summary>Asks to come back.</summary>
    public static Task NotReadyAsync(HttpContext context)
    {
        context.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
        context.Response.Headers.RetryAfter = "5";
        context.Response.ContentType = "text/plain; charset=utf-8";
        return context.Response.WriteAsync(Texts.NotReady);
    }
}
