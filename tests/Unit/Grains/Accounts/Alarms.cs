using Microsoft.Extensions.Logging;

namespace OrleansGateway.Tests.Unit.Grains.Accounts;

/// <summary>Collects what is logged as critical: a broken rule, or a row that is not what an activation believes.</summary>
internal sealed class Alarms : ILoggerProvider, ILogger
{
    public List<string> Messages { get; } = [];

    /// <summary>Breaks whoever logs at this level: a bug at that place.</summary>
    public LogLevel? BreaksAt { get; set; }

    public ILogger CreateLogger(string categoryName) => this;

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => logLevel == LogLevel.Critical || logLevel == BreaksAt;

    public void Log<TState>(
        LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (logLevel == BreaksAt)
        {
            BreaksAt = null;
            throw new InvalidOperationException("A bug.");
        }

        if (logLevel == LogLevel.Critical)
        {
            Messages.Add($"{formatter(state, exception)} {exception}");
        }
    }

    public void Dispose()
    {
    }
}
