using OrleansGateway.Grains.Accounts;
using OrleansGateway.Ledger;
using OrleansGateway.Tests.Shared;
using Xunit;

namespace OrleansGateway.Tests.Unit.Grains.Accounts;

public sealed class ActivationClockTests
{
    private readonly WakingClock _time = new();
    private readonly TakenLock _lock = new();
    private readonly ActivationClock _clock;

    public ActivationClockTests() => _clock = new ActivationClock(_time, _lock, new AccountOptions { ProcessId = "p" });

    [Fact]
    public void HasAuthority_OneLeaseFromWhenTheStatementWasSent_Ends()
    {
        Assert.False(_clock.HasAuthority);
        var (sentAt, before) = (_clock.Timestamp, _clock.Sending());
        _time.Advance(TimeSpan.FromSeconds(10));
        _clock.Confirm(sentAt, before);

        _time.Advance(TimeSpan.FromSeconds(4.9));
        Assert.True(_clock.HasAuthority);
        _time.Advance(TimeSpan.FromSeconds(0.1));
        Assert.False(_clock.HasAuthority);
    }

    [Fact]
    public void Confirm_ByAnEarlierStatement_ShortensNothing()
    {
        var (earlier, before) = (_clock.Timestamp, _clock.Sending());
        _time.Advance(TimeSpan.FromSeconds(10));
        _clock.Confirm(_clock.Timestamp, _clock.Sending());
        _clock.Confirm(earlier, before);

        _time.Advance(TimeSpan.FromSeconds(14.9));
        Assert.True(_clock.HasAuthority);
    }

    [Theory]
    [InlineData(15)]
    [InlineData(3600)]
    [InlineData(-3600)]
    public void HasAuthority_TheClockStoodWhileTimeWentOn_IsAskedForAgain(int seconds)
    {
        _clock.Confirm(_clock.Timestamp, _clock.Sending());
        _time.UtcAhead += TimeSpan.FromSeconds(seconds);
        Assert.False(_clock.HasAuthority);

        _clock.Confirm(_clock.Timestamp, _clock.Sending());
        Assert.True(_clock.HasAuthority);
    }

    [Fact]
    public void Confirm_SentBeforeTheClockStood_GivesNoAuthority()
    {
        var (sentAt, before) = (_clock.Timestamp, _clock.Sending());
        _time.UtcAhead += TimeSpan.FromMinutes(1);

        _clock.Confirm(sentAt, before);

        Assert.False(_clock.HasAuthority);
    }

    [Fact]
    public void HasAuthority_TheLockWasTakenAnew_IsAskedForAgain()
    {
        var (sentAt, before) = (_clock.Timestamp, _clock.Sending());
        _lock.TimesTaken++;
        _clock.Confirm(sentAt, before);
        Assert.False(_clock.HasAuthority);

        _clock.Confirm(_clock.Timestamp, _clock.Sending());
        Assert.True(_clock.HasAuthority);
    }

    [Fact]
    public void IsQuarantineDue_AfterItsTime_WaitsForLooks()
    {
        Assert.False(_clock.IsQuarantineDue);
        _clock.StartQuarantine(isLeftByTheDead: false);
        _time.Advance(TimeSpan.FromSeconds(24.9));
        Assert.False(_clock.IsQuarantineDue);

        _clock.BeginLook();
        _time.Advance(TimeSpan.FromSeconds(0.1));
        Assert.False(_clock.IsQuarantineDue);
        _clock.EndLook();
        Assert.True(_clock.IsQuarantineDue);
        _clock.EndQuarantine();
        Assert.False(_clock.IsQuarantineDue);
    }

    [Fact]
    public void IsQuarantineDue_LeftByTheDead_AtOnce()
    {
        _clock.StartQuarantine(isLeftByTheDead: true);

        Assert.True(_clock.IsQuarantineDue);
    }

    [Fact]
    public void PutOffQuarantine_NearItsEnd_LeavesTimeForARepeat()
    {
        _clock.PutOffQuarantine();
        Assert.False(_clock.IsInQuarantine);

        _clock.StartQuarantine(isLeftByTheDead: false);
        _clock.PutOffQuarantine();
        Assert.Equal(TimeSpan.FromSeconds(25), _clock.QuarantineLeft);

        _time.Advance(TimeSpan.FromSeconds(24));
        _clock.PutOffQuarantine();
        Assert.Equal(TimeSpan.FromSeconds(10), _clock.QuarantineLeft);
    }

    private sealed class TakenLock : IDatabaseLock
    {
        public bool IsHeld => true;

        public bool IsExclusive => true;

        public bool MayAdmit => true;

        public int TimesTaken { get; set; } = 1;
    }

    /// <summary>Its time of day goes on alone, as where a machine was suspended.</summary>
    private sealed class WakingClock : TimeProvider
    {
        private readonly FakeTimeProvider _clock = new();

        public TimeSpan UtcAhead { get; set; }

        public override long TimestampFrequency => _clock.TimestampFrequency;

        public override long GetTimestamp() => _clock.GetTimestamp();

        public override DateTimeOffset GetUtcNow() => _clock.GetUtcNow() + UtcAhead;

        public void Advance(TimeSpan time) => _clock.Advance(time);
    }
}
