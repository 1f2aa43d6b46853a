using System.Threading.RateLimiting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.DependencyInjection;
using OrleansGateway.Web.Pages.Public;

namespace OrleansGateway.Web.Accounts;

/// <summary>A hash takes a core for a quarter of a second: half of the cores are the relay's.</summary>
internal sealed class HashPermits : IDisposable
{
    private const int WaitingMax = 64;

    private static readonly string[] Hashing =
        ["/sign-in", "/register", "/reset", "/console/security", "/console/email", "/console/privacy"];

    private readonly ConcurrencyLimiter _permits = new(new ConcurrencyLimiterOptions { PermitLimit = Math.Max(1, Environment.ProcessorCount / 2), QueueLimit = WaitingMax });

    /// <summary>Lets a form that is going to be hashed wait for its turn.</summary>
    public static async Task TakeAsync(HttpContext context, RequestDelegate next)
    {
        if (!HttpMethods.IsPost(context.Request.Method) || !Hashing.Any(path => context.Request.Path.StartsWithSegments(path)))
        {
            await next(context);
            return;
        }

        // Read before its turn: who sends slowly holds up nobody.
        if (context.Request.HasFormContentType)
        {
            try
            {
                await context.Request.ReadFormAsync(context.RequestAborted);
            }
            catch (Exception exception) when (exception is BadHttpRequestException or InvalidDataException)
            {
                context.Response.StatusCode = (exception as BadHttpRequestException)?.StatusCode ?? StatusCodes.Status400BadRequest;
                return;
            }
        }

        using var permit = await context.RequestServices.GetRequiredService<HashPermits>()._permits.AcquireAsync(cancellationToken: context.RequestAborted);
        await (permit.IsAcquired ? next(context) : new RazorComponentResult<TooManyPage> { StatusCode = StatusCodes.Status429TooManyRequests }.ExecuteAsync(context));
    }

    public void Dispose() => _permits.Dispose();
}
