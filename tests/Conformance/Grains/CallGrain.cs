using Orleans;

namespace OrleansGateway.Tests.Conformance.Grains;

public interface IBaseCallGrain : IGrainWithStringKey
{
    Task<string> GetKeyAsync();
}

public interface ICallGrain : IBaseCallGrain
{
    Task<int> AddAsync(int left, int right);

    Task<string?> EchoAsync(string? text);

    ValueTask NothingAsync();

    ValueTask<int> AddValueAsync(int left, int right);

    ValueTask<int> AddValueLaterAsync(int left, int right);

    Task ThrowAtOnceAsync(string message);

    Task ThrowLaterAsync(string message);

    ValueTask<int> ThrowValueAsync(string message);

    Task CancelAsync();

    /// <summary>Waits at a gate, or until the token is cancelled.</summary>
    Task WaitAsync(string gate, CancellationToken token);

    Task<string> CallOtherAsync(string key, string? throws = null);
}

public sealed class CallGrain(Probe probe) : Grain, ICallGrain
{
    public Task<string> GetKeyAsync() => Task.FromResult(this.GetPrimaryKeyString());

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

    public async Task WaitAsync(string gate, CancellationToken token)
    {
        probe.Note("waiting");
        try
        {
            await probe.GateAsync(gate).WaitAsync(token);
        }
        catch (OperationCanceledException)
        {
            probe.Note("cancelled");
            throw;
        }
    }

    public async Task<string> CallOtherAsync(string key, string? throws)
    {
        var other = GrainFactory.GetGrain<ICallGrain>(key);
        if (throws is not null)
        {
            await other.ThrowLaterAsync(throws);
        }

        return await other.GetKeyAsync();
    }
}
