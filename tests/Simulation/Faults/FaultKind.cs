namespace OrleansGateway.Tests.Simulation.Faults;

internal enum FaultKind
{
    // Messages between edge and grain.
    RequestLost,
    AnswerLost,
    MessageDelayed,
    MessageDoubled,
    /// <summary>Far beyond what its sender waits: the call runs when nobody waits for it any more.</summary>
    MessageOverdue,

    // Statements.
    StatementFails,
    StatementAnswerLost,
    /// <summary>Its sender has given it up long before it runs.</summary>
    StatementLate,
    DatabaseAway,
    /// <summary>Takes statements and runs them when it goes on.</summary>
    DatabaseFrozen,

    // Processes.
    SiloKilled,
    SiloStopped,
    /// <summary>The directory points elsewhere while the first activation lives; some edges go on speaking to that one.</summary>
    SecondActivation,
    EdgeKilled,
    EdgePaused,
    SiloPaused,
    ClockJump,
    TimeOfDayJump,
    /// <summary>The session that holds the gateway lock ends while its gateway lives.</summary>
    LockLost,
}
