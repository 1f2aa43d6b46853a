namespace OrleansGateway.Hosting;

/// <summary>Something without which no request can be served.</summary>
internal interface IReadinessCheck
{
    /// <returns>What stands in the way; null if nothing does.</returns>
    ValueTask<string?> ReasonAsync(CancellationToken cancellationToken);
}

/// <summary>Whether requests can be served, and what stands in the way if not.</summary>
internal sealed class Readiness(IEnumerable<IReadinessCheck> checks, IHostApplicationLifetime lifetime)
{
    /// <returns>The reasons for not being ready; none when it is.</returns>
    public async Task<IReadOnlyList<string>> ReasonsAsync(CancellationToken cancellationToken)
    {
        var reasons = new List<string>();
        if (!lifetime.ApplicationStarted.IsCancellationRequested)
        {
            reasons.Add("starting");
        }

        if (lifetime.ApplicationStopping.IsCancellationRequested)
        {
            reasons.Add("stopping");
        }

        foreach (var check in checks)
        {
            if (await check.ReasonAsync(cancellationToken) is { } reason)
            {
                reasons.Add(reason);
            }
        }

        return reasons;
    }
}
