using Npgsql;
using OrleansGateway.Hosting;

namespace OrleansGateway.Silo.Hosting;

/// <summary>Whether the ledger's database answers.</summary>
internal sealed class LedgerReadiness(NpgsqlDataSource ledger, TimeProvider time) : IReadinessCheck, IDisposable
{
    /// <summary>How long an answer of the ledger counts, so that many probes make few statements.</summary>
    private static readonly TimeSpan AnswerAge = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan AnswerMax = TimeSpan.FromSeconds(2);

    private readonly SemaphoreSlim _one = new(1);
    private long _askedAt;
    private bool? _answered;

    public async ValueTask<string?> ReasonAsync(CancellationToken cancellationToken)
    {
        await _one.WaitAsync(cancellationToken);
        try
        {
            if (_answered is null || time.GetElapsedTime(_askedAt) > AnswerAge)
            {
                _answered = await AskAsync();
                _askedAt = time.GetTimestamp();
            }

            return _answered.Value ? null : "the ledger does not answer";
        }
        finally
        {
            _one.Release();
        }
    }

    public void Dispose() => _one.Dispose();

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
