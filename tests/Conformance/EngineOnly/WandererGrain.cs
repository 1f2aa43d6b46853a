using Orleans;
using Orleans.Concurrency;
using Orleans.Runtime;

namespace OrleansGateway.Tests.Conformance.EngineOnly;

public interface IWandererGrain : IGrainWithStringKey
{
    /// <summary>Calls other grains, waits and fails here and there, as the numbers say.</summary>
    Task<int> WanderAsync(int depth, int number);

    ValueTask<int> GetVisitsAsync();
}

/// <summary>Uses everything that could leave the scheduler.</summary>
[Reentrant]
public sealed class WandererGrain(IGrainContext context, GrainHost host, Probe probe, TimeProvider time) : IGrainBase, IWandererGrain
{
    private int _visits;

    public IGrainContext GrainContext => context;

    public async Task OnActivateAsync(CancellationToken token)
    {
        await Task.Delay(TimeSpan.FromMilliseconds(3), time, token);
        Note("activated");
        this.RegisterGrainTimer(TickAsync, new(TimeSpan.FromMilliseconds(7), TimeSpan.FromMilliseconds(11)));
    }

    public async Task OnDeactivateAsync(DeactivationReason reason, CancellationToken token)
    {
        await Task.Yield();
        Note($"deactivated {reason.ReasonCode}");
    }

    public async Task<int> WanderAsync(int depth, int number)
    {
        _visits++;
        Note($"visit {number} at {depth}");
        if (depth == 0)
        {
            await Task.Yield();
            return number % 5 == 0 ? throw new WanderException() : 1;
        }

        var others = Enumerable.Range(1, 2)
            .Select(i => host.GetGrain<IWandererGrain>($"w{((number * i) + depth) % 6}").WanderAsync(depth - 1, number + i));
        var sum = 0;
        try
        {
            sum = (await Task.WhenAll(others).WaitAsync(TimeSpan.FromMilliseconds(number % 3 == 0 ? 5 : 500), time)).Sum();
        }
        catch (WanderException)
        {
            Note("saw a failure");
        }
        catch (TimeoutException)
        {
            Note("gave up");
        }

        using var source = new CancellationTokenSource(TimeSpan.FromMilliseconds(2), time);
        try
        {
            await Task.Delay(TimeSpan.FromMilliseconds(number % 4), time, source.Token);
        }
        catch (OperationCanceledException)
        {
            Note("was cancelled");
        }

        if (number % 7 == 0)
        {
            this.DeactivateOnIdle();
        }

        try
        {
            // Without a limit this could wait for ever: for a grain that ends and waits for this request first.
            return sum + await host.GetGrain<IWandererGrain>($"w{number % 6}").GetVisitsAsync()
                .AsTask().WaitAsync(TimeSpan.FromMilliseconds(50), time);
        }
        catch (TimeoutException)
        {
            Note("heard nothing");
            return sum;
        }
    }

    public ValueTask<int> GetVisitsAsync() => new(_visits);

    private async Task TickAsync(CancellationToken token)
    {
        await Task.Delay(TimeSpan.FromMilliseconds(1), time, token);
        Note("tick");
    }

    private void Note(string note) => probe.Note($"{time.GetTimestamp()} {context.GrainId.Key} {note}");
}

public sealed class WanderException : Exception;
