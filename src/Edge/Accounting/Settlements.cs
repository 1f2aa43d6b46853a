using Microsoft.Extensions.Logging;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Grains.Contracts.Pricing;

namespace OrleansGateway.Edge.Accounting;

/// <summary>How a request ended and what it cost: what its settlement says.</summary>
/// <param name="CostNanos">At the price that was frozen at admission.</param>
/// <param name="FirstByteMs">From the request's arrival to the provider's first byte, ms; -1 if none came.</param>
/// <param name="DurationMs">From the request's arrival to the end of the provider's answer, ms.</param>
/// <param name="ClientGotOutput">Whether any of the answer went to the client; if not, a settlement that is not committed in time is paid back.</param>
internal readonly record struct RequestEnd(
    long CostNanos, Usage Usage, RequestStatus Status, long FirstByteMs, long DurationMs, bool ClientGotOutput);

/// <summary>What became of a settlement by the time that the response could wait for.</summary>
/// <param name="IsCommitted">Whether the response may be completed; otherwise it must be cut.</param>
/// <param name="ChargedNanos">The charge; 0 when it is not known yet.</param>
internal readonly record struct Settled(bool IsCommitted, long ChargedNanos);

/// <summary>Settles holds: an attempt is repeated until it is answered, long after the response has been given up.</summary>
internal sealed partial class Settlements(GrainCalls calls, Renewals renewals, OpenHolds openHolds, ILogger<Settlements> logger)
{
    /// <summary>Closes a hold. Never fails: what is not answered in time goes on in the background.</summary>
    public async Task<Settled> SettleAsync(HoldSession hold, RequestEnd end)
    {
        // From here on the hold is renewed no longer: the settlement itself presents it where it is unknown.
        hold.Settling();
        renewals.Remove(hold);
        openHolds.Settling(hold, end.CostNanos);
        var startedAt = calls.Time.GetTimestamp();
        var first = AttemptAsync(hold, end, isRepeat: false);
        if (await first is { Outcome: SettleOutcome.Committed } committed)
        {
            openHolds.Close(hold);
            return new Settled(true, committed.ChargedNanos);
        }

        var settling = FinishAsync(hold, end, first);
        try
        {
            var left = calls.Options.SettleWait - calls.Time.GetElapsedTime(startedAt);
            return await settling.WaitAsync(left > calls.Options.AttemptTimeout ? left : calls.Options.AttemptTimeout, calls.Time);
        }
        catch (TimeoutException)
        {
            if (!hold.TryDecideResponse())
            {
                return await settling;
            }

            LogGoesOn(logger, hold.HoldId, end.CostNanos);
            return new Settled(false, 0);
        }
    }

    /// <summary>Repeats the settlement until it is answered, and pays it back if the response was given up and the client got nothing.</summary>
    private async Task<Settled> FinishAsync(HoldSession hold, RequestEnd end, Task<SettleAnswer?> first)
    {
        var answer = await calls.RepeatAsync(
            repeats => repeats == 0 ? first : AttemptAsync(hold, end, isRepeat: true),
            static answer => answer.Outcome != SettleOutcome.Retry);
        var isCommitted = answer.Outcome == SettleOutcome.Committed && hold.TryDecideResponse();
        if (!isCommitted && !end.ClientGotOutput && answer.ChargedNanos > 0)
        {
            _ = CompensateAsync(hold, answer.ChargedNanos);
        }
        else
        {
            openHolds.Close(hold);
        }

        return new Settled(isCommitted, answer.ChargedNanos);
    }

    private static Task<SettleAnswer?> AttemptAsync(HoldSession hold, RequestEnd end, bool isRepeat)
    {
        var request = new SettleRequest
        {
            Epoch = hold.Account.Epoch,
            Ticket = hold.Ticket(),
            CostNanos = end.CostNanos,
            Usage = end.Usage,
            Status = end.Status,
            FirstByteMs = end.FirstByteMs,
            DurationMs = end.DurationMs,
        };
        return hold.Account.SettleAsync(request, isRepeat);
    }

    private async Task CompensateAsync(HoldSession hold, long nanos)
    {
        var answer = await calls.RepeatAsync(
            _ => CompensateOnceAsync(hold, nanos), static answer => answer.Outcome != MoveOutcome.Retry);
        LogCompensated(logger, hold.HoldId, nanos, answer.Outcome);
        openHolds.Close(hold);
    }

    private async Task<MoveAnswer?> CompensateOnceAsync(HoldSession hold, long nanos)
    {
        var request = new MoveRequest(hold.Account.Epoch, EntryKind.Compensation, hold.HoldId, nanos);
        var answer = await calls.AskAsync(
            hold.Account, request, static (grain, request) => grain.MoveAsync(request), "Compensation", hold.HoldId);
        hold.Account.Saw(answer?.Epoch ?? 0);
        return answer;
    }

    [LoggerMessage(1010, LogLevel.Error, "Settlement of {HoldId} over {Nanos} nanos is not answered; its response is cut and it goes on")]
    private static partial void LogGoesOn(ILogger logger, string holdId, long nanos);

    [LoggerMessage(1011, LogLevel.Warning, "Paid back {Nanos} nanos of {HoldId}, of which the client got nothing: {Outcome}")]
    private static partial void LogCompensated(ILogger logger, string holdId, long nanos, MoveOutcome outcome);
}
