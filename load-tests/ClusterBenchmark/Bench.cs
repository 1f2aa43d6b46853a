using System.Diagnostics;
using OrleansGateway.Edge.Accounting;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Grains.Contracts.Keys;

namespace OrleansGateway.ClusterBenchmark;

/// <summary>How many accounts are used by how many callers at once, and for how long.</summary>
internal sealed record Plan(int Accounts, int Callers, int Seconds);

/// <summary>What a run came to; times are those of admissions, in microseconds.</summary>
internal sealed record Result(int Count, double PerSecond, double P50Us, double P99Us);

/// <summary>Callers that admit, and settle, one request after the other.</summary>
internal sealed class Bench(AccountClient client, Customer[] customers, Plan plan) : IHoldOwner
{
    /// <param name="isWhole">Whether each request is settled before the next; else its hold is let go by the grain.</param>
    public async Task<Result> RunAsync(TimeSpan time, bool isWhole)
    {
        var until = Stopwatch.GetTimestamp() + (long)(time.TotalSeconds * Stopwatch.Frequency);
        var startedAt = Stopwatch.GetTimestamp();
        var callers = Enumerable.Range(0, plan.Callers).Select(caller => Task.Run(() => CallAsync(new Random(caller), until, isWhole)));
        var waits = (await Task.WhenAll(callers)).SelectMany(waits => waits).Order().ToArray();
        var seconds = Stopwatch.GetElapsedTime(startedAt).TotalSeconds;
        return new Result(waits.Length, waits.Length / seconds, At(waits, 0.5), At(waits, 0.99));
    }

    public void HoldLost() => throw new InvalidOperationException("A hold was lost.");

    private async Task<List<long>> CallAsync(Random random, long until, bool isWhole)
    {
        var waits = new List<long>();
        while (Stopwatch.GetTimestamp() < until)
        {
            var customer = customers[random.Next(customers.Length)];
            var account = client.Find(customer.Account);
            var startedAt = Stopwatch.GetTimestamp();
            var admission = await client.AdmitAsync(account, Request(customer, account), this);
            waits.Add(Stopwatch.GetTimestamp() - startedAt);
            if (admission.Hold is not { } hold)
            {
                throw new InvalidOperationException($"Not admitted: {admission.Answer.Outcome}.");
            }

            if (isWhole)
            {
                var settled = await client.SettleAsync(hold, new RequestEnd(1000, default, RequestStatus.Completed, 1, 1, true));
                if (!settled.IsCommitted)
                {
                    throw new InvalidOperationException("Not settled.");
                }
            }
        }

        return waits;
    }

    private static AdmitRequest Request(Customer customer, Account account) => new()
    {
        Epoch = account.Epoch,
        HoldId = Ids.NewRequestId(RandomSource.Secure),
        KeyId = customer.KeyId,
        KeyHash = customer.KeyHash,
        Model = "benchmark",
        PriceId = "benchmark@1",
        MostNanos = 2000,
        LeastNanos = 2000,
        EstimatedTokens = 100,
        ClientAddress = "127.0.0.1",
        Endpoint = "/v1/chat/completions",
    };

    private static double At(long[] sorted, double part) =>
        sorted.Length == 0 ? 0 : sorted[(int)((sorted.Length - 1) * part)] * 1e6 / Stopwatch.Frequency;
}
