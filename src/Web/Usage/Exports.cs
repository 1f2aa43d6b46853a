using System.Threading.RateLimiting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Npgsql;
using OrleansGateway.Web.Accounts;
using OrleansGateway.Web.Pages.Public;

namespace OrleansGateway.Web.Usage;

/// <summary>Streams files to people: a few at a time to each, and no longer than they read.</summary>
internal sealed class Exports(TimeProvider time) : IDisposable
{
    /// <summary>At a time, to one person.</summary>
    public const int PerPersonMax = 2;

    private readonly PartitionedRateLimiter<Guid> _places = PartitionedRateLimiter.Create<Guid, Guid>(static person =>
        RateLimitPartition.GetConcurrencyLimiter(person, static _ => new ConcurrencyLimiterOptions { PermitLimit = PerPersonMax }));

    /// <summary>Answers with a file.</summary>
    /// <param name="write">Writes it; nothing is sent before it writes.</param>
    public async Task SendAsync(HttpContext context, string type, string name, Func<Stream, CancellationToken, Task> write)
    {
        using var place = _places.AttemptAcquire(context.Person()!.Id);
        if (!place.IsAcquired)
        {
            context.Response.Headers.RetryAfter = "10";
            await new RazorComponentResult<TooManyPage> { StatusCode = StatusCodes.Status429TooManyRequests }.ExecuteAsync(context);
            return;
        }

        var response = context.Response;
        response.ContentType = type;
        response.Headers.ContentDisposition = $"attachment; filename={name}";
        response.Headers.CacheControl = "no-store";
        try
        {
            await write(new PatientStream(response.Body, time, context.RequestAborted), context.RequestAborted);
        }
        catch (Exception exception) when (exception is TimeoutException or NpgsqlException { InnerException: TimeoutException })
        {
            if (response.HasStarted)
            {
                context.Abort();
                return;
            }

            // Others' exports have all the sessions that there are for it.
            response.Clear();
            await Http.Requests.NotReadyAsync(context);
        }
    }

    public void Dispose() => _places.Dispose();
}
