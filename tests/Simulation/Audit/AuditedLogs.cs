using Microsoft.Extensions.Logging;

namespace OrleansGateway.Tests.Simulation.Audit;

/// <summary>What the product tells: its own alarm fails the run, and some of what it does shows nowhere else.</summary>
internal sealed class AuditedLogs(Auditor auditor) : ILoggerProvider
{
    public ILogger CreateLogger(string categoryName) => new AuditedLog(auditor);

    public void Dispose()
    {
    }

    private sealed class AuditedLog(Auditor auditor) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (logLevel == LogLevel.Critical)
            {
                auditor.Alarm($"{formatter(state, exception)} {exception}");
            }
            else if (eventId.Name == "LogLetGo")
            {
                auditor.LetGo((string)Said("HoldId")!, (long)Said("Epoch")!);
            }
            else if (eventId.Name == "LogUnanswered")
            {
                auditor.Swallowed((string)Said("Reason")!, formatter(state, exception));
            }

            object? Said(string name) => ((IReadOnlyList<KeyValuePair<string, object?>>)state!).First(each => each.Key == name).Value;
        }
    }
}
