using System.Runtime.InteropServices;
using OrleansGateway.SimulatedProvider;

return await CommandLine.Create(RunAsync).Parse(args).InvokeAsync();

static async Task RunAsync(SimulatedProviderOptions options)
{
    var stopped = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
    using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
    using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
    await using var host = await SimulatedProviderHost.StartAsync(options);
    Console.WriteLine($"listening on {host.BaseAddress.ToString().TrimEnd('/')}");
    await stopped.Task;

    void Stop(PosixSignalContext context)
    {
        context.Cancel = true;
        stopped.TrySetResult();
    }
}
