using Orleans;
using Orleans.Runtime;

namespace OrleansGateway.Tests.Conformance.Grains;

public interface ICallGrain : IGrainWithStringKey
{
    Task<string> GetKeyAsync();

    Task<int> AddAsync(int left, int right);

    Task<string?> EchoAsync(string? text);

    ValueTask NothingAsync();

    ValueTask<int> AddValueAsync(int left, int right);

    ValueTask<int> AddValueLaterAsync(int left, int right);

    Task ThrowAtOnceAsync(string message);

    Task ThrowLaterAsync(string message);

    ValueTask<int> ThrowValueAsync(string message);

    Task CancelAsync();

    Task<string> CallOtherAsync(string key, string? throws = null);
}

public sealed class CallGrain(IGrainContext context, GrainHost host, Probe probe) : IGrainBase, ICallGrain
{
    public IGrainContext GrainContext => context;

    public Task<string> GetKeyAsync() => Task.FromResult(context.GrainId.Key.ToString()!);

    public Task<int> AddAsync(int left, int right) => Task.FromResult(left + right);

    public Task<string?> EchoAsync(string? text) => Task.FromResult(text);

    public ValueTask NothingAsync()
    {
        probe.Note("nothing");
        return ValueTask.CompletedTask;
    }

    public ValueTask<int> AddValueAsync(int left, int right) => new(left + right);

    public async ValueTask<int> AddValueLaterAsync(int left, int right)
    {
        await Task.Yield();
        return left + right;
    }

    public Task ThrowAtOnceAsync(string message) => throw new ProbeException(message);

    public async Task ThrowLaterAsync(string message)
    {
        await Task.Yield();
        throw new ProbeException(message);
    }

    public async ValueTask<int> ThrowValueAsync(string message)
    {
        await Task.Yield();
        throw new ProbeException(message);
    }

    public async Task CancelAsync()
    {
        await Task.Yield();
        throw new OperationCanceledException();
    }

    public async Task<string> CallOtherAsync(string key, string? throws)
    {
        var other = host.GetGrain<ICallGrain>(key);
        if (throws is not null)
        {
            await other.ThrowLaterAsync(throws);
        }

        return await other.GetKeyAsync();
    }
}
