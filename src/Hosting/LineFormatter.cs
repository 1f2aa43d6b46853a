using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Logging.Console;

namespace OrleansGateway.Hosting;

/// <summary>One line an entry: time (UTC), level, category, message, exception. What belongs to a request names it in its message.</summary>
internal sealed class LineFormatter() : ConsoleFormatter(FormatterName)
{
    public const string FormatterName = "line";

    public override void Write<TState>(in LogEntry<TState> logEntry, IExternalScopeProvider? scopeProvider, TextWriter textWriter)
    {
        textWriter.Write(DateTime.UtcNow.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", System.Globalization.CultureInfo.InvariantCulture));
        textWriter.Write(logEntry.LogLevel switch
        {
            LogLevel.Trace => " trace ",
            LogLevel.Debug => " debug ",
            LogLevel.Information => " info  ",
            LogLevel.Warning => " warn  ",
            LogLevel.Error => " error ",
            _ => " fatal ",
        });
        textWriter.Write(logEntry.Category);
        textWriter.Write(": ");
        WriteLine(textWriter, logEntry.Formatter(logEntry.State, null));
        if (logEntry.Exception is { } exception)
        {
            textWriter.Write(" | ");
            WriteLine(textWriter, exception.ToString());
        }

        textWriter.Write('\n');
    }

    /// <summary>Control characters would let a caller forge lines.</summary>
    private static void WriteLine(TextWriter textWriter, string text)
    {
        foreach (var character in text)
        {
            textWriter.Write(char.IsControl(character) || character is '\u2028' or '\u2029' ? ' ' : character);
        }
    }
}
