using OrleansGateway.Edge;
using OrleansGateway.Hosting;
using OrleansGateway.Silo.Cli;
using OrleansGateway.Silo.Hosting;

if (args is [not "serve", ..] or ["serve", "--help" or "-h" or "-?", ..])
{
    return await OperatorCommandLine.RunAsync(args);
}

return await StartUp.GuardAsync(async () =>
{
    string[] settings = [.. args.Skip(1)];

    // A silo may leave its clients to edges; a gateway that is alone may not.
    IHostApplicationBuilder builder = !GrainEngine.IsCluster || HostBuilding.ServesClients(settings)
        ? HostBuilding.CreateWeb(settings)
        : HostBuilding.Create(settings);

    // They start in this order and stop in the reverse one, the clients' web server first.
    builder.AddTelemetry();
    builder.AddLedger();
    builder.AddGrains();
    builder.AddCatalogWatch();
    builder.AddOperatorApi();
    if (builder is WebApplicationBuilder web)
    {
        web.AddSigningSecret();
        web.AddRelay();
        await using var app = web.Build();
        await app.Services.CheckAsync();
        app.MapHealth(app.Services);
        app.MapEdge();
        await app.RunToEndAsync();
    }
    else
    {
        using var host = ((HostApplicationBuilder)builder).Build();
        await host.Services.CheckAsync();
        await host.RunToEndAsync();
    }
});
