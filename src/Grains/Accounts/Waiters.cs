namespace OrleansGateway.Grains.Accounts;

/// <summary>A message that looks again after each flight that left after it had come.</summary>
internal abstract class Waiter
{
    /// <summary>Nanos of reserve that it needs; 0 if it only needs the epoch confirmed.</summary>
    public required long Amount { get; init; }

    /// <summary>The first flight after which it may look.</summary>
    public required long FlightNumber { get; init; }

    public required TimeSpan Since { get; init; }

    /// <summary>Looks again. True if that decided it.</summary>
    public abstract bool TryDecide();

    public abstract void GiveUp(bool isOver);
}

/// <param name="decide">The answer, or null to wait for another flight.</param>
/// <param name="giveUp">The answer when the activation is over (true) or patience is (false).</param>
internal sealed class Waiter<T>(Func<T?> decide, Func<bool, T> giveUp) : Waiter
    where T : class
{
    private readonly TaskCompletionSource<T> _answer = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Task<T> Answer => _answer.Task;

    public override bool TryDecide()
    {
        if (decide() is not { } answer)
        {
            return false;
        }

        _answer.TrySetResult(answer);
        return true;
    }

    public override void GiveUp(bool isOver) => _answer.TrySetResult(giveUp(isOver));
}
