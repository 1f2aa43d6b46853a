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
                auditor.Break("alarm", $"{formatter(state, exception)} {exception}");
            }
            else if (eventId.Name == "LogLetGo")
            {
                var said = ((IReadOnlyList<KeyValuePair<string, object?>>)state!).ToDictionary();
                auditor.LetGo((string)said["HoldId"]!, (long)said["Epoch"]!);
            }
        }
    }
}
