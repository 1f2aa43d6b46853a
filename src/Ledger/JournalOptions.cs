namespace OrleansGateway.Ledger;

/// <summary>Bounds of the journal.</summary>
public sealed class JournalOptions
{
    /// <summary>Flights that are out at once.</summary>
    public int FlightsMax { get; init; } = 2;

    /// <summary>Accounts in one flight.</summary>
    public int FlightAccountsMax { get; init; } = 500;

    /// <summary>Ledger rows in one flight; one account alone may have more.</summary>
    public int FlightEntriesMax { get; init; } = 2000;

    /// <summary>The longest pause before a flight whose answer was lost is sent again.</summary>
    public TimeSpan ResendDelayMax { get; init; } = TimeSpan.FromSeconds(1);
}
