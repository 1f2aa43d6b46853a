using OrleansGateway.Edge;
using OrleansGateway.Silo.Cli;
using OrleansGateway.Silo.Hosting;

if (args is [not "serve", ..] or ["serve", "--help" or "-h" or "-?", ..])
{
    return await OperatorCommandLine.RunAsync(args);
}

return await StartUp.GuardAsync(async () =>
{
    var builder = GatewayBuilder.Create([.. args.Skip(1)]);

    // They start in this order and stop in the reverse one, the clients' web server first.
    builder.Services.AddTelemetry();
    builder.Services.AddLedger();
    builder.Services.AddAccounts();
    builder.Services.AddCatalog();
    builder.Services.AddOperatorApi();
    builder.Services.AddSigningSecret();
    builder.Services.AddRelay(builder.Configuration);

    await using var app = builder.Build();
    await app.Services.CheckAsync();
    app.MapHealth(app.Services);
    app.MapEdge();
    await app.RunToEndAsync();
});
