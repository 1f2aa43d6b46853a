namespace OrleansGateway.Grains.Accounts;

/// <summary>What became of a hold that was to grow.</summary>
internal enum Growth
{
    Grown,
    Refused,
    Closed,
    Over,
    OutOfPatience,
}

/// <summary>Raises holds' totals by the rules of admission.</summary>
internal sealed class HoldGrowth(HoldBook book, ActivationClock clock, BatchLoop loop, AccountOptions options)
{
    /// <summary>Raises a hold's total; with a total that it has already, only confirms the epoch.</summary>
    public Task<Growth> GrowAsync(Hold hold, long total)
    {
        if (TryGrow(hold, total, hasAsked: false) is { } growth)
        {
            return Task.FromResult(growth);
        }

        return Unbox(loop.WaitAsync(
            Math.Max(0, total - hold.Total),
            () => TryGrow(hold, total, hasAsked: true) is { } decided ? (object)decided : null,
            static isOver => isOver ? Growth.Over : Growth.OutOfPatience));

        static async Task<Growth> Unbox(Task<object> answer) => (Growth)await answer;
    }

    /// <summary>Backs a hold with what can be had at once of a total.</summary>
    public void GrowAtOnce(Hold hold, long total)
    {
        book.GrowOwn(hold, Math.Max(0, Math.Min(total - hold.Total, book.SlackNow)));
        loop.SendIfReserveIsLow();
    }

    private Growth? TryGrow(Hold hold, long total, bool hasAsked)
    {
        if (!book.IsOpen(hold))
        {
            return Growth.Closed;
        }

        if (!clock.HasAuthority)
        {
            return null;
        }

        var missing = total - hold.Total;
        var isRefused = missing > 0
            && (hold.Key?.IsOverCap(missing, clock.UtcNow) == true || (hasAsked && book.Funds.Available < missing));
        if (!isRefused && missing > book.SlackNow)
        {
            return null;
        }

        if (!isRefused && missing > 0)
        {
            book.GrowOwn(hold, missing);
            loop.SendIfReserveIsLow();
        }

        hold.StartLease(clock.Now, options.Lease);
        return isRefused ? Growth.Refused : Growth.Grown;
    }
}
