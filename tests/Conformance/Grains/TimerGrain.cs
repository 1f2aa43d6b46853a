using Orleans;
using Orleans.Runtime;

namespace OrleansGateway.Tests.Conformance.Grains;

public interface ITimerGrain : IGrainWithStringKey
{
    /// <summary>Starts a timer that notes "tick" and its end, and waits at the gate "tick" between.</summary>
    Task StartAsync(TimeSpan dueTime, TimeSpan period, bool interleave = false, bool keepAlive = false);

    /// <summary>Lets the next tick fail after its note.</summary>
    Task FailNextTickAsync();

    Task DisposeTimerAsync();

    /// <summary>Starts a timer by each of the four ways; each notes its name once.</summary>
    Task StartEveryKindAsync();

    /// <summary>Waits at a gate.</summary>
    Task BlockAsync();

    /// <summary>Comes after every tick that was due before.</summary>
    Task SyncAsync();

    Task EndAsync();
}

public sealed class TimerGrain(IGrainContext context, Probe probe) : IGrainBase, ITimerGrain
{
    private static readonly GrainTimerCreationOptions Once = new(TimeSpan.FromSeconds(1), Timeout.InfiniteTimeSpan);

    private IGrainTimer? _timer;
    private bool _fail;

    public IGrainContext GrainContext => context;

    public Task OnDeactivateAsync(DeactivationReason reason, CancellationToken token)
    {
        probe.Note($"deactivated: {reason.ReasonCode}");
        return Task.CompletedTask;
    }

    public Task StartAsync(TimeSpan dueTime, TimeSpan period, bool interleave, bool keepAlive)
    {
        _timer = this.RegisterGrainTimer(
            TickAsync, new() { DueTime = dueTime, Period = period, Interleave = interleave, KeepAlive = keepAlive });
        return Task.CompletedTask;
    }

    public Task FailNextTickAsync()
    {
        _fail = true;
        return Task.CompletedTask;
    }

    public Task DisposeTimerAsync()
    {
        _timer!.Dispose();
        return Task.CompletedTask;
    }

    public Task StartEveryKindAsync()
    {
        this.RegisterGrainTimer(() => NoteAsync("plain"), Once);
        this.RegisterGrainTimer(_ => NoteAsync("token"), Once);
        this.RegisterGrainTimer(NoteAsync, "state", Once);
        this.RegisterGrainTimer((state, _) => NoteAsync(state), "state and token", Once);
        return Task.CompletedTask;
    }

    public Task BlockAsync() => probe.GateAsync("block");

    public Task SyncAsync() => Task.CompletedTask;

    public Task EndAsync()
    {
        this.DeactivateOnIdle();
        return Task.CompletedTask;
    }

    private async Task TickAsync(CancellationToken token)
    {
        probe.Note("tick");
        using var registration = token.Register(() => probe.Note("tick cancelled"));
        await probe.GateAsync("tick");
        if (_fail)
        {
            _fail = false;
            throw new ProbeException("tick");
        }

        probe.Note("tick ends");
    }

    private Task NoteAsync(string note)
    {
        probe.Note(note);
        return Task.CompletedTask;
    }
}
