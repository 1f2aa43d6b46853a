namespace Orleans;

/// <summary>Why an activation ends. Informational only.</summary>
public readonly struct DeactivationReason
{
    /// <summary>Makes a reason without an exception: calls that wait go to the next activation.</summary>
    public DeactivationReason(DeactivationReasonCode code, string text)
        : this(code, null, text)
    {
    }

    /// <summary>Makes a reason with the exception that led to it: calls that wait fail with it.</summary>
    public DeactivationReason(DeactivationReasonCode code, Exception? exception, string text)
    {
        ReasonCode = code;
        Description = text;
        Exception = exception;
    }

    /// <summary>The reason in words.</summary>
    public string Description { get; }

    /// <summary>The reason's kind.</summary>
    public DeactivationReasonCode ReasonCode { get; }

    /// <summary>The exception that led to the deactivation.</summary>
    public Exception? Exception { get; }

    /// <inheritdoc/>
    public override string ToString() =>
        Exception is null ? $"{ReasonCode}: {Description}" : $"{ReasonCode}: {Description}. Exception: {Exception}";
}

/// <summary>The kinds of reason; the embedded engine itself gives the ones it names, the rest keep Orleans' numbers.</summary>
public enum DeactivationReasonCode : byte
{
    /// <summary>None was given.</summary>
    None,

    /// <summary>The process stops.</summary>
    ShuttingDown,

    /// <summary>The constructor or <see cref="Grain.OnActivateAsync"/> failed.</summary>
    ActivationFailed,

    /// <summary>Only on Orleans.</summary>
    DirectoryFailure,

    /// <summary>No call came for the collection age.</summary>
    ActivationIdle,

    /// <summary>Only on Orleans.</summary>
    ActivationUnresponsive,

    /// <summary>Only on Orleans.</summary>
    DuplicateActivation,

    /// <summary>Only on Orleans.</summary>
    IncompatibleRequest,

    /// <summary>For grains that give up after an error.</summary>
    ApplicationError,

    /// <summary><see cref="Grain.DeactivateOnIdle"/> was called.</summary>
    ApplicationRequested,

    /// <summary>Only on Orleans.</summary>
    Migrating,

    /// <summary>Only on Orleans.</summary>
    RuntimeRequested,

    /// <summary>Only on Orleans.</summary>
    HighMemoryPressure,
}
