using OrleansGateway.Edge;
using OrleansGateway.Hosting;
using OrleansGateway.Silo.Cli;
using OrleansGateway.Silo.Hosting;
using OrleansGateway.Web;

if (args is [not ("serve" or "web"), ..] or [_, "--help" or "-h" or "-?", ..])
{
    return await OperatorCommandLine.RunAsync(args);
}

if (args is ["web", ..])
{
    return await StartUp.GuardAsync(() => SiteBuilding.RunWebAsync([.. args.Skip(1)]));
}

return await StartUp.GuardAsync(async () =>
{
    string[] settings = [.. args.Skip(1)];

    // A silo of a cluster may leave its clients to edges.
    IHostApplicationBuilder builder = HostBuilding.ServesClients(settings) ? HostBuilding.CreateWeb(settings) : HostBuilding.Create(settings);

    // They start in this order and stop in the reverse one, the clients' web server first.
    builder.AddTelemetry();
    builder.AddLedger();
    builder.AddGrains();
    builder.AddUpkeep();
    builder.AddEncryptionSecrets();
    builder.AddCatalogWatch();
    builder.AddOperatorApi();
    if (builder is WebApplicationBuilder web)
    {
        web.AddRelay();
        var hasSite = web.AddSiteIfWanted();
        await using var app = web.Build();
        await app.Services.CheckAsync();
        app.MapHealth(app.Services);
        if (hasSite)
        {
            app.UseSite();
            app.MapSite();
        }

        // Its middleware looks at the route that was chosen, which is done in what stands before the site.
        app.MapEdge(isAlone: !hasSite);

        await app.RunToEndAsync();
        app.Services.GetRequiredService<SiloService>().ThrowIfFailed();
    }
    else
    {
        using var host = ((HostApplicationBuilder)builder).Build();
        await host.Services.CheckAsync();
        await host.RunToEndAsync();
        host.Services.GetRequiredService<SiloService>().ThrowIfFailed();
    }
});
