using Microsoft.Extensions.Logging;
using OrleansGateway.Grains.Contracts.Accounts;

namespace OrleansGateway.Edge.Accounting;

/// <summary>How every message to a grain is tried: one attempt waits a bounded time, pauses between attempts grow.</summary>
internal sealed partial class GrainCalls(TimeProvider time, AccountingOptions options, ILogger logger)
{
    public TimeProvider Time => time;

    public AccountingOptions Options => options;

    /// <summary>The answer, or the default if none came in time: the message may or may not have arrived.</summary>
    /// <param name="subject">What the message is about, for the log: a hold, or the account of many.</param>
    public async Task<TAnswer?> AskAsync<TRequest, TAnswer>(
        Account account, TRequest request, Func<IAccountGrain, TRequest, Task<TAnswer>> ask, string message, string subject)
    {
        try
        {
            return await ask(account.Grain, request).WaitAsync(options.AttemptTimeout, time);
        }
        catch (Exception exception)
        {
            // Whatever kept the answer away (a stopping silo, a failed activation, the time-out), the message is repeated.
            LogUnanswered(logger, message, subject, exception.GetType().Name);
            return default;
        }
    }

    /// <summary>Waits before attempt <paramref name="attempt"/>, the first repeat being 1.</summary>
    public Task PauseAsync(int attempt)
    {
        var pause = options.RepeatFirst * Math.Pow(2, Math.Min(attempt - 1, 30));
        return Task.Delay(pause < options.RepeatMax ? pause : options.RepeatMax, time);
    }

    public long ElapsedMs(long since) => (long)time.GetElapsedTime(since).TotalMilliseconds;

    [LoggerMessage(1000, LogLevel.Warning, "No answer to {Message} of {Subject}: {Reason}")]
    private static partial void LogUnanswered(ILogger logger, string message, string subject, string reason);
}
