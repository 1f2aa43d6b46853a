using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using OrleansGateway.Edge.Fronts;
using OrleansGateway.Edge.Http;
using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Grains.Contracts.Keys;

namespace OrleansGateway.Edge;

/// <summary>The relay's routes.</summary>
public static class EdgeEndpoints
{
    /// <summary>Maps what the fronts serve; what nobody maps is answered in the form of the front that was added first.</summary>
    /// <param name="app">The clients' web server.</param>
    /// <param name="isAlone">Whether nothing else has pages on that server: else only what is below the relay's own paths is its to answer.</param>
    public static void MapEdge(this WebApplication app, bool isAlone = true)
    {
        ArgumentNullException.ThrowIfNull(app);
        var services = app.Services;
        var routes = app.MapGroup("");
        if (services.GetRequiredService<IOptions<EdgeOptions>>().Value.CorsOrigins.Count > 0)
        {
            app.UseCors();
            routes.RequireCors(CorsPolicies.Relay);
        }

        var all = services.GetServices<IFront>().ToList();
        var fronts = all.Select(front => (Front: front, Routes: new FrontRoutes(
            routes,
            front,
            all,
            services.GetRequiredService<Relay>(),
            services.GetRequiredService<ModelsEndpoint>(),
            services.GetRequiredService<EdgeMetrics>(),
            services.GetRequiredService<RandomSource>(),
            services.GetRequiredService<ILogger<FrontRoutes>>()))).ToList();
        foreach (var (front, own) in fronts)
        {
            front.Map(own);
        }

        fronts[0].Routes.MapRest(isAlone);
    }
}
