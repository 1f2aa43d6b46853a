using Orleans;
using Orleans.Concurrency;
using Orleans.Runtime;

namespace OrleansGateway.Tests.Conformance.Grains;

public interface IWorkGrainMethods : IGrainWithStringKey
{
    /// <summary>Notes its start, waits at the gate of the name, notes its end.</summary>
    Task WorkAsync(string name);

    /// <summary>The same, interleaving with whatever runs.</summary>
    [AlwaysInterleave]
    Task InterleaveAsync(string name);

    /// <summary>Counts up across several turns; returns how often another turn was seen inside one of its own.</summary>
    Task<int> CountOverlapsAsync(int turns);

    /// <summary>Which object this is.</summary>
    Task<Guid> GetInstanceAsync();

    /// <summary>Calls itself through a reference.</summary>
    Task<Guid> GetInstanceThroughReferenceAsync();

    /// <summary>Whether the scheduler was the activation's own throughout several awaits.</summary>
    Task<bool> StaysOnItsSchedulerAsync();

    /// <summary>Ends the activation after this request.</summary>
    Task EndAsync();
}

public interface IWorkGrain : IWorkGrainMethods;

/// <summary>One request at a time.</summary>
public sealed class WorkGrain(IGrainContext context, GrainHost host, Probe probe) : WorkGrainBase(context, host, probe), IWorkGrain;

public interface IReentrantWorkGrain : IWorkGrainMethods;

/// <summary>Requests interleave.</summary>
[Reentrant]
public sealed class ReentrantWorkGrain(IGrainContext context, GrainHost host, Probe probe) : WorkGrainBase(context, host, probe), IReentrantWorkGrain;

public abstract class WorkGrainBase(IGrainContext context, GrainHost host, Probe probe) : IGrainBase
{
    private readonly Guid _instance = Guid.NewGuid();
    private int _inTurn;

    public IGrainContext GrainContext => context;

    public Task OnDeactivateAsync(DeactivationReason reason, CancellationToken token)
    {
        probe.Note($"deactivated: {reason.ReasonCode}");
        return Task.CompletedTask;
    }

    public Task InterleaveAsync(string name) => WorkAsync(name);

    public async Task WorkAsync(string name)
    {
        probe.Note($"{name} starts");
        await probe.GateAsync(name);
        probe.Note($"{name} ends");
    }

    public async Task<int> CountOverlapsAsync(int turns)
    {
        var overlaps = 0;
        for (var turn = 0; turn < turns; turn++)
        {
            overlaps += Interlocked.Exchange(ref _inTurn, 1);
            Thread.SpinWait(20);
            Interlocked.Exchange(ref _inTurn, 0);
            await Task.Yield();
        }

        return overlaps;
    }

    public Task<Guid> GetInstanceAsync() => Task.FromResult(_instance);

    public Task<Guid> GetInstanceThroughReferenceAsync() =>
        host.GetGrain<IReentrantWorkGrain>(context.GrainId.Key.ToString()!).GetInstanceAsync();

#pragma warning disable CA1822 // A grain's methods are its instance's.
    public async Task<bool> StaysOnItsSchedulerAsync()
    {
        var scheduler = TaskScheduler.Current;
        var stays = scheduler != TaskScheduler.Default;
        await Task.Yield();
        stays &= TaskScheduler.Current == scheduler;
        await Task.Run(() => { }).WaitAsync(TimeSpan.FromMinutes(1));
        stays &= TaskScheduler.Current == scheduler;
        await Task.Factory.StartNew(() => stays &= TaskScheduler.Current == scheduler);
        return stays;
    }
#pragma warning restore CA1822

    public Task EndAsync()
    {
        this.DeactivateOnIdle();
        return Task.CompletedTask;
    }
}
