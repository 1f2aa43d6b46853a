using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using System.Text.Json;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Identity;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace OrleansGateway.Web.Playground;

/// <summary>The playground's parts and its stream.</summary>
internal static class PlaygroundServices
{
    public static void AddPlayground(this IServiceCollection services)
    {
        services.AddSingleton<RelayAddress>();
        services.AddScoped<PlaygroundKeys>();
        services.AddSingleton<PlaygroundCalls>();
        services.PostConfigure<CookieAuthenticationOptions>(IdentityConstants.ApplicationScheme, static cookie =>
            cookie.Events.OnSigningOut = static context =>
                context.HttpContext.RequestServices.GetRequiredService<PlaygroundKeys>().DisableAsync(context.HttpContext));
    }

    /// <summary>The answer while it comes, for the page's script: events of what <see cref="PlaygroundPartKind"/> names, and the command first.</summary>
    public static void MapPlayground(this IEndpointRouteBuilder routes) =>
        routes.MapPost("/console/playground/stream", static async (IFormCollection form, HttpContext http, PlaygroundCalls calls) =>
        {
            var request = PlaygroundRequest.Of(form);
            var problem = request.Problems(calls.Models).Select(static one => one.Problem).FirstOrDefault();
            var parts = problem is null ? await calls.RunAsync(http, request) : null;
            http.Response.Headers.CacheControl = "no-store";
            return TypedResults.ServerSentEvents(EventsAsync(problem is null ? calls.Curl(request) : null, problem, parts, http.RequestAborted));
        }).RequireAuthorization();

    private static async IAsyncEnumerable<SseItem<string>> EventsAsync(
        string? curl, string? problem, IAsyncEnumerable<PlaygroundPart>? parts, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        if (parts is null)
        {
            yield return Item(nameof(problem), problem!);
            yield break;
        }

        yield return Item(nameof(curl), curl!);
        await foreach (var part in parts.WithCancellation(cancellationToken))
        {
            yield return Item(part.Kind.ToString().ToLowerInvariant(), part.Text);
        }
    }

    /// <summary>As JSON: a text's own line breaks would end its event.</summary>
    private static SseItem<string> Item(string kind, string text) => new(JsonSerializer.Serialize(text), kind);
}
