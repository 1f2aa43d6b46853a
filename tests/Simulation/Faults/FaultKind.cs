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
    /// <summary>A process stands still, and so does its clock, but for the time of day.</summary>
    MachineSuspended,
    ClockJump,
    /// <summary>Forward or back, mostly by hours, at times by weeks.</summary>
    TimeOfDayJump,
    /// <summary>The session that holds the database lock ends while its gateway lives.</summary>
    LockLost,
}
