using Npgsql;
using OrleansGateway.Ledger;

namespace OrleansGateway.Silo.Hosting;

/// <summary>Whether requests can be served, and what stands in the way if not.</summary>
internal sealed class Readiness(
    ISoleGateway sole, NpgsqlDataSource ledger, IHostApplicationLifetime lifetime, TimeProvider time, CatalogSource? catalog = null)
    : IDisposable
{
    /// <summary>How long an answer of the ledger counts, so that many probes make few statements.</summary>
    private static readonly TimeSpan AnswerAge = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan AnswerMax = TimeSpan.FromSeconds(2);

    private readonly SemaphoreSlim _one = new(1);
    private long _askedAt;
    private bool? _answered;

    /// <returns>The reasons for not being ready; none when it is.</returns>
    public async Task<IReadOnlyList<string>> ReasonsAsync(CancellationToken cancellationToken)
    {
        var reasons = new List<string>();
        if (lifetime.ApplicationStopping.IsCancellationRequested)
        {
            reasons.Add("stopping");
        }

        if (!sole.IsHeld)
        {
            reasons.Add("waiting for the gateway lock: another gateway runs on this database, or it is out of reach");
        }

        if (catalog is { IsLoaded: false })
        {
            reasons.Add("no catalog is loaded");
        }

        if (!await IsLedgerAnsweringAsync(cancellationToken))
        {
            reasons.Add("the ledger does not answer");
        }

        return reasons;
    }

    public void Dispose() => _one.Dispose();

    private async Task<bool> IsLedgerAnsweringAsync(CancellationToken cancellationToken)
    {
        await _one.WaitAsync(cancellationToken);
        try
        {
            if (_answered is null || time.GetElapsedTime(_askedAt) > AnswerAge)
            {
                _answered = await AskAsync();
                _askedAt = time.GetTimestamp();
            }

            return _answered.Value;
        }
        finally
        {
            _one.Release();
        }
    }

    private async Task<bool> AskAsync()
    {
        using var patience = new CancellationTokenSource(AnswerMax);
        try
        {
            await using var command = ledger.CreateCommand("SELECT 1");
            await command.ExecuteScalarAsync(patience.Token);
            return true;
        }
        catch (Exception exception) when (exception is NpgsqlException or TimeoutException or OperationCanceledException)
        {
            return false;
        }
    }
}
