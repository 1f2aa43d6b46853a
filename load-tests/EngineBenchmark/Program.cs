// Measures a call of the embedded engine: dotnet run -c Release --project load-tests/EngineBenchmark
// Prints wall time and CPU time per call in nanoseconds, each the median of the rounds.
using System.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using Orleans;
using Orleans.Embedded;
using OrleansGateway.EngineBenchmark;

const int Rounds = 9;
const int CallsPerRound = 200_000;
const int Keys = 10_000;

var services = new ServiceCollection();
services.AddEmbeddedGrains(options => options.AddGrains(typeof(EchoGrain).Assembly));
await using var provider = services.BuildServiceProvider();
var grains = provider.GetRequiredService<IGrainFactory>();
var keys = Enumerable.Range(0, Keys).Select(i => $"account-{i}").ToArray();
var one = grains.GetGrain<IEchoGrain>("one");

await MeasureAsync("one key, one caller, one reference", 1, (_, i) => one.EchoAsync(i));
await MeasureAsync("one key, one caller, a reference for each call", 1, (_, i) => grains.GetGrain<IEchoGrain>("one").EchoAsync(i));
await MeasureAsync("one key, 64 callers", 64, (_, i) => grains.GetGrain<IEchoGrain>("one").EchoAsync(i));
await MeasureAsync($"{Keys} keys, 64 callers", 64, (caller, i) => grains.GetGrain<IEchoGrain>(keys[((caller * 7919) + i) % Keys]).EchoAsync(i));
await MeasureAsync("one key, one caller, the grain awaits", 1, (_, i) => one.YieldAsync(i));

static async Task MeasureAsync(string name, int callers, Func<int, int, Task<int>> call)
{
    var wallNs = new List<double>();
    var cpuNs = new List<double>();
    for (var round = 0; round <= Rounds; round++)
    {
        var cpu = Environment.CpuUsage.TotalTime;
        var start = Stopwatch.GetTimestamp();
        await Task.WhenAll(Enumerable.Range(0, callers).Select(caller => Task.Run(async () =>
        {
            for (var i = 0; i < CallsPerRound / callers; i++)
            {
                if (await call(caller, i) != i)
                {
                    throw new InvalidOperationException("Wrong answer.");
                }
            }
        })));
        if (round > 0)
        {
            wallNs.Add(Stopwatch.GetElapsedTime(start).TotalNanoseconds / CallsPerRound);
            cpuNs.Add((Environment.CpuUsage.TotalTime - cpu).TotalNanoseconds / CallsPerRound);
        }
    }

    Console.WriteLine($"{name,-50} {Median(wallNs),7:F0} ns {Median(cpuNs),7:F0} ns CPU");
}

static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);
