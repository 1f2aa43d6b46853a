namespace OrleansGateway.Grains.Contracts;

/// <summary>How a message to a grain is sent again until its answer is final. The pause between two attempts doubles.</summary>
/// <param name="Time">The clock of the pauses.</param>
/// <param name="First">The first pause.</param>
/// <param name="Max">The longest pause.</param>
public sealed record Repeats(TimeProvider Time, TimeSpan First, TimeSpan Max)
{
    private const int DoublingsMax = 30;

    /// <summary>Sends until an answer is final.</summary>
    /// <param name="attempt">One attempt, told how many there were before it. Its answer is null if none came.</param>
    /// <param name="isFinal">Whether an answer needs no other attempt.</param>
    /// <param name="mayRepeat">Whether another attempt is of use, told how many there were.</param>
    /// <param name="cancellationToken">Ends a pause.</param>
    /// <returns>The final answer; null if there was none while another attempt was of use.</returns>
    public async Task<TAnswer?> UntilFinalAsync<TAnswer>(
        Func<int, Task<TAnswer?>> attempt, Func<TAnswer, bool> isFinal, Func<int, bool> mayRepeat, CancellationToken cancellationToken = default)
        where TAnswer : class
    {
        for (var repeats = 0; ; repeats++)
        {
            if (await attempt(repeats) is { } answer && isFinal(answer))
            {
                return answer;
            }

            if (!mayRepeat(repeats + 1))
            {
                return null;
            }

            var pause = First * Math.Pow(2, Math.Min(repeats, DoublingsMax));
            await Task.Delay(pause < Max ? pause : Max, Time, cancellationToken);
        }
    }
}
