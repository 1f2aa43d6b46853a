using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Ledger;

namespace OrleansGateway.Grains.Accounts;

/// <summary>
/// An activation's own monotonic clock, and what ends on it: its authority and the quarantine that it found. That clock stands while its
/// machine is suspended, and others' goes on: authority also ends by the time of day, which such a machine takes from outside when it
/// wakes. Where the time of day was set meanwhile, forward or back, the epoch is merely asked for once more; and so it is where the process
/// has taken the database's lock anew, since who had it meanwhile may have freed at once what this one had reserved.
/// </summary>
internal sealed class ActivationClock(TimeProvider time, IDatabaseLock databaseLock, AccountOptions options)
{
    private readonly long _startedAt = time.GetTimestamp();

    /// <summary>Until when the activation may act on its epoch without asking.</summary>
    private TimeSpan _authorityEnd;

    /// <summary>Before the statement was sent that authority goes by.</summary>
    private SentBefore _confirmed;

    /// <summary>When what earlier activations had reserved becomes this one's; null if nothing is in quarantine.</summary>
    private TimeSpan? _quarantineEnd;

    /// <summary>For how many holds the ledger is being asked.</summary>
    private int _looking;

    public TimeSpan Now => time.GetElapsedTime(_startedAt);

    public DateTimeOffset UtcNow => time.GetUtcNow();

    public long Timestamp => time.GetTimestamp();

    public bool HasAuthority => Now < _authorityEnd && IsFresh && databaseLock.TimesTaken == _confirmed.LockTaken;

    public bool IsInQuarantine => _quarantineEnd is not null;

    /// <summary>Not while a hold that came in time is being looked for.</summary>
    public bool IsQuarantineDue => _quarantineEnd <= Now && _looking == 0;

    /// <summary>Null if nothing is in quarantine.</summary>
    public TimeSpan? QuarantineLeft => _quarantineEnd - Now;

    /// <summary>Ends with a task, or after so long; whether it failed is for its own awaiter.</summary>
    public async Task WithinAsync(Task task, TimeSpan patience) =>
        await task.WaitAsync(patience, time).ConfigureAwait(ConfigureAwaitOptions.ContinueOnCapturedContext | ConfigureAwaitOptions.SuppressThrowing);

    /// <summary>Whether, by the time of day, what is confirmed is younger than a lease.</summary>
    private bool IsFresh => UtcNow - _confirmed.Utc is var age && age >= TimeSpan.Zero && age < options.Lease;

    /// <summary>A statement was answered with the epoch still standing.</summary>
    /// <param name="sentAt">The timestamp at which it was sent.</param>
    /// <param name="before">What was so before that.</param>
    public void Confirm(long sentAt, SentBefore before)
    {
        var end = time.GetElapsedTime(_startedAt, sentAt) + options.Lease;
        if (end >= _authorityEnd)
        {
            (_authorityEnd, _confirmed) = (end, before);
        }
    }

    /// <summary>What a statement that is sent from now on will be confirmed with.</summary>
    public SentBefore Sending() => new(UtcNow, databaseLock.TimesTaken);

    /// <summary>What is in quarantine comes free after its time; at once if nobody living can have left it.</summary>
    public void StartQuarantine(bool isLeftByTheDead) => _quarantineEnd = isLeftByTheDead ? Now : Now + AccountProtocol.Quarantine;

    public void EndQuarantine() => _quarantineEnd = null;

    /// <summary>Has the end of quarantine wait for a look into the ledger.</summary>
    public void BeginLook() => _looking++;

    public void EndLook() => _looking--;

    /// <summary>A look failed: what is looked for came in time, and its edge will repeat it.</summary>
    public void PutOffQuarantine()
    {
        if (_quarantineEnd is { } end)
        {
            _quarantineEnd = Max(end, Now + AccountProtocol.Quarantine - options.Lease);
        }
    }

    /// <param name="Utc">The time of day.</param>
    /// <param name="LockTaken">How often the process had taken the database's lock.</param>
    public readonly record struct SentBefore(DateTimeOffset Utc, int LockTaken);

    private static TimeSpan Max(TimeSpan a, TimeSpan b) => a > b ? a : b;
}
