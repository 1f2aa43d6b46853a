using Microsoft.Extensions.Logging;

namespace Orleans.Embedded;

/// <summary>The engine's log messages.</summary>
internal sealed partial class EngineLog(ILogger logger)
{
    [LoggerMessage(1, LogLevel.Error, "Activation of {Grain} failed.")]
    public partial void ActivationFailed(Exception exception, Activation grain);

    [LoggerMessage(2, LogLevel.Error, "Deactivation of {Grain} failed.")]
    public partial void DeactivationFailed(Exception exception, Activation grain);

    [LoggerMessage(3, LogLevel.Warning, "A timer callback of {Grain} failed.")]
    public partial void TimerFailed(Exception exception, Activation grain);

    [LoggerMessage(4, LogLevel.Warning, "{Count} activations did not end within the shutdown limit and are abandoned.")]
    public partial void ActivationsAbandoned(int count);

    [LoggerMessage(5, LogLevel.Error, "Storage failed to {Operation} the state {State} of {Grain}.")]
    public partial void StorageFailed(Exception exception, object operation, string state, Activation grain);
}
