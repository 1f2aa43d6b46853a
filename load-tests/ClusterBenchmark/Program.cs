using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.Options;
using Orleans;
using OrleansGateway.ClusterBenchmark;
using OrleansGateway.Edge;
using OrleansGateway.Edge.Accounting;
using OrleansGateway.Edge.Cluster;
using OrleansGateway.Hosting;
using OrleansGateway.Silo.Hosting;

// Admissions and settlements against a running cluster, as an edge makes them (docs/cluster.md):
//   dotnet OrleansGateway.ClusterBenchmark.dll [--Accounts=1] [--Callers=64] [--Seconds=8] [--InSilo=true]
// and the settings of an edge, or of a silo.
var builder = HostBuilding.Create(args);
var isInSilo = builder.Configuration.GetValue("InSilo", false);
var plan = new Plan(
    Accounts: builder.Configuration.GetValue("Accounts", 1),
    Callers: builder.Configuration.GetValue("Callers", 64),
    Seconds: builder.Configuration.GetValue("Seconds", 8));
if (isInSilo)
{
    builder.AddLedger();
    builder.AddGrains();
}
else
{
    ClusterLink.Add(builder);
}

using var host = builder.Build();
host.Services.GetRequiredService<IStartupValidator>().Validate();
await host.StartAsync();
if (!isInSilo)
{
    var silos = host.Services.GetRequiredService<ClusterLink>();
    while (!silos.IsUp)
    {
        await Task.Delay(100);
    }
}

var grains = host.Services.GetRequiredService<IGrainFactory>();
var emptyBytes = GC.GetTotalMemory(forceFullCollection: true);
var accounts = await Customers.CreateAsync(grains, plan.Accounts);
if (isInSilo)
{
    Console.WriteLine($"in memory: {(GC.GetTotalMemory(forceFullCollection: true) - emptyBytes) / plan.Accounts} bytes an account");
}

var client = new AccountClient(
    host.Services.GetRequiredService<IGrains>(),
    TimeProvider.System,
    new AccountingOptions { OpenHoldsMax = int.MaxValue },
    host.Services.GetRequiredService<ILoggerFactory>());
var bench = new Bench(client, accounts, plan);
await bench.RunAsync(TimeSpan.FromSeconds(3), isWhole: true);
foreach (var isWhole in new[] { true, false })
{
    var before = Process.GetCurrentProcess().TotalProcessorTime;
    var result = await bench.RunAsync(TimeSpan.FromSeconds(plan.Seconds), isWhole);
    var cpu = Process.GetCurrentProcess().TotalProcessorTime - before;
    Console.WriteLine(string.Create(
        CultureInfo.InvariantCulture,
        $"{(isInSilo ? "in the silo" : "remote"),-12} {plan.Accounts,6} accounts {plan.Callers,5} callers  {(isWhole ? "admit+settle" : "admit"),-12} "
        + $"{result.PerSecond,9:F0}/s  admit p50 {result.P50Us,7:F0} us  p99 {result.P99Us,7:F0} us  {cpu.TotalMicroseconds / result.Count,6:F1} us CPU each here"));
}

await host.StopAsync();
