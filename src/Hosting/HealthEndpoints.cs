namespace OrleansGateway.Hosting;

/// <summary><c>/health/live</c>: the process answers; <c>/health/ready</c>: it serves requests.</summary>
internal static class HealthEndpoints
{
    /// <summary>Maps both.</summary>
    /// <param name="routes">The clients' or the operator's web server.</param>
    /// <param name="gateway">The gateway's services.</param>
    public static void MapHealth(this IEndpointRouteBuilder routes, IServiceProvider gateway)
    {
        var readiness = gateway.GetRequiredService<Readiness>();
        routes.MapGet("/health/live", () => Results.Json(new { status = "live" }));
        routes.MapGet("/health/ready", async (CancellationToken cancellationToken) =>
        {
            var reasons = await readiness.ReasonsAsync(cancellationToken);
            return reasons.Count == 0
                ? Results.Json(new { status = "ready" })
                : Results.Json(new { status = "not_ready", reasons }, statusCode: StatusCodes.Status503ServiceUnavailable);
        });
    }
}
