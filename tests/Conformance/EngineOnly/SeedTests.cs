using System.Diagnostics;
using OrleansGateway.Tests.Shared;
using Xunit;

namespace OrleansGateway.Tests.Conformance.EngineOnly;

/// <summary>A seed drives the engine: one thread, the same trace each time.</summary>
public sealed class SeedTests
{
    private const string TraceFileVariable = "CONFORMANCE_TRACE_FILE";

    [Fact]
    public void Scenario_UnderASeed_NeverLeavesTheThread()
    {
        var (trace, scheduler) = Run(seed: 1);

        Assert.True(scheduler.Steps > 1000);
        string[] everything = ["saw a failure", "gave up", "was cancelled", "tick", "deactivated ApplicationRequested", "deactivated ShuttingDown"];
        Assert.All(everything, what => Assert.Contains(trace, note => note.EndsWith(what, StringComparison.Ordinal)));
    }

    [Fact]
    public void Scenario_UnderTheSameSeed_IsTheSame() => Assert.Equal(Run(seed: 2).Trace, Run(seed: 2).Trace);

    [Fact]
    public void Scenario_UnderAnotherSeed_IsAnother() => Assert.NotEqual(Run(seed: 3).Trace, Run(seed: 4).Trace);

    [Fact]
    public async Task Scenario_InAnotherProcess_IsTheSame()
    {
        var trace = Run(seed: 5).Trace;
        if (Environment.GetEnvironmentVariable(TraceFileVariable) is { } file)
        {
            await File.WriteAllLinesAsync(file, trace, TestContext.Current.CancellationToken);
            return;
        }

        // The same test in a process of its own, whose strings hash differently.
        file = Path.GetTempFileName();
        try
        {
            var start = new ProcessStartInfo("dotnet", [typeof(SeedTests).Assembly.Location, "--filter-method", $"*{nameof(Scenario_InAnotherProcess_IsTheSame)}"])
            {
                RedirectStandardOutput = true,
            };
            start.Environment[TraceFileVariable] = file;
            using var process = Process.Start(start)!;
            var output = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
            await process.WaitForExitAsync(TestContext.Current.CancellationToken);

            Assert.True(process.ExitCode == 0, output);
            Assert.Equal(trace, await File.ReadAllLinesAsync(file, TestContext.Current.CancellationToken));
        }
        finally
        {
            File.Delete(file);
        }
    }

    private static (string[] Trace, SeededScheduler Scheduler) Run(int seed)
    {
        // Without a context of the test framework's, which awaits of this thread would prefer.
        var context = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(null);
        try
        {
            var scheduler = new SeededScheduler(seed);
            var host = new EngineHost(scheduler);
            var callers = Enumerable.Range(0, 20).Select(number => Start(() => CallAsync(host, number))).ToList();
            Drive(callers);

            // So many that no other order of the stop could give the same trace by chance.
            Drive([.. Enumerable.Range(0, 20).Select(i =>
                Start(() => host.GetGrain<IWandererGrain>($"idle{i}").GetVisitsAsync().AsTask()))]);
            Drive([Start(host.StopAsync)]);
            return (host.Probe.Notes, scheduler);

            Task Start(Func<Task> action) =>
                Task.Factory.StartNew(action, CancellationToken.None, TaskCreationOptions.None, scheduler).Unwrap();

            void Drive(List<Task> tasks)
            {
                for (var i = 0; i < 100_000 && !tasks.TrueForAll(task => task.IsCompleted) && !scheduler.Escaped; i++)
                {
                    scheduler.RunUntilIdle();
                    host.Time.Advance(TimeSpan.FromMilliseconds(1));
                }

                Assert.False(scheduler.Escaped, "A continuation left the thread.");
                Assert.All(tasks, task => Assert.Equal(TaskStatus.RanToCompletion, task.Status));
            }
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(context);
        }
    }

    private static async Task CallAsync(GrainHost host, int number)
    {
        for (var i = 0; i < 5; i++)
        {
            var answer = await host.GetGrain<IWandererGrain>($"w{number % 6}").WanderAsync(2, number + i);
            host.Probe.Note($"{number} got {answer}");
        }
    }
}
