using Orleans;
using Orleans.Concurrency;

namespace OrleansGateway.EngineBenchmark;

internal interface IEchoGrain : IGrainWithStringKey
{
    Task<int> EchoAsync(int value);

    Task<int> YieldAsync(int value);
}

[Reentrant]
internal sealed class EchoGrain : Grain, IEchoGrain
{
    public Task<int> EchoAsync(int value) => Task.FromResult(value);

    public async Task<int> YieldAsync(int value)
    {
        await Task.Yield();
        return value;
    }
}
