using Microsoft.Extensions.Logging;
using Orleans.Runtime;

namespace OrleansGateway.Tests.Engine;

/// <summary>What nobody else hears of.</summary>
internal sealed partial class EngineLog(ILogger logger)
{
    [LoggerMessage(1, LogLevel.Error, "{Grain}: its activation failed")]
    public partial void ActivationFailed(GrainId grain, Exception exception);

    [LoggerMessage(2, LogLevel.Error, "{Grain}: its deactivation failed")]
    public partial void DeactivationFailed(GrainId grain, Exception exception);

    [LoggerMessage(3, LogLevel.Error, "{Grain}: a timer's callback failed")]
    public partial void TimerFailed(GrainId grain, Exception exception);

    [LoggerMessage(4, LogLevel.Warning, "{Count} activations did not end in time and are abandoned")]
    public partial void Abandoned(int count);
}
