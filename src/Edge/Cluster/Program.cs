using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using OrleansGateway.Edge;
using OrleansGateway.Edge.Cluster;
using OrleansGateway.Hosting;

return await StartUp.GuardAsync(async () =>
{
    var builder = HostBuilding.CreateWeb(args);

    // They stop in the reverse of this order, the clients' web server first.
    builder.AddTelemetry();
    ClusterLink.Add(builder);
    GuardedServer.Add(builder.Services);
    builder.AddSigningSecrets();

    // It asks while no silo is connected too: a call is what connects one.
    builder.Services.AddCatalogFollower(provider => provider.GetRequiredService<ClusterLink>().HasStarted);
    builder.Services.AddEdge(builder.Configuration);
    await using var app = builder.Build();
    app.Services.GetRequiredService<IStartupValidator>().Validate();
    app.MapHealth(app.Services);
    app.MapEdge();
    await app.RunToEndAsync();
});
