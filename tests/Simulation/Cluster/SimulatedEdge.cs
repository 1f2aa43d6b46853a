using Microsoft.Extensions.Logging;
using OrleansGateway.Edge;
using OrleansGateway.Edge.Accounting;
using OrleansGateway.Grains.Contracts;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Grains.Contracts.Pricing;
using OrleansGateway.Tests.Simulation.Audit;
using OrleansGateway.Tests.Simulation.Machine;
using OrleansGateway.Tests.Simulation.Workload;

namespace OrleansGateway.Tests.Simulation.Cluster;

/// <summary>The part of a process that serves clients: the real accounting, under a relay that does what the gateway's does.</summary>
internal sealed class SimulatedEdge
{
    private const int FirstSliceTokens = 16;

    private readonly TimeProvider _clock;
    private readonly Prices _prices;
    private readonly Auditor _auditor;
    private readonly List<ClientRequest> _requests = [];

    /// <param name="callsMax">How many calls of a kind to one account are on their way.</param>
    public SimulatedEdge(
        SimulatedProcess process, IGrains grains, int callsMax, Prices prices, Auditor auditor, ILoggerFactory loggers)
    {
        Process = process;
        _clock = process.Clock;
        _prices = prices;
        _auditor = auditor;
        Client = new AccountClient(grains, _clock, new AccountingOptions { CallsMax = callsMax }, loggers);
        _ = process.Start(() => Client.RunAsync(CancellationToken.None));
    }

    public SimulatedProcess Process { get; }

    public AccountClient Client { get; }

    /// <summary>A client's connection comes in.</summary>
    public void Begin(ClientRequest request)
    {
        _requests.RemoveAll(static r => r.IsOver);
        _requests.Add(request);
        _auditor.Begun(request, this);
        _ = Process.Start(() => HandleAsync(request));
    }

    /// <summary>Ends the process; its clients see their connections break.</summary>
    public void Die()
    {
        Process.Die();
        CutAll();
    }

    /// <summary>Breaks all connections of clients.</summary>
    public void CutAll()
    {
        foreach (var request in _requests.Where(static r => !r.IsOver))
        {
            End(request, Fate.Cut);
        }
    }

    /// <summary>The steps of the gateway's handler.</summary>
    private async Task HandleAsync(ClientRequest request)
    {
        var price = request.Price = _prices.Current;
        var most = PriceArithmetic.UpperBound(
            price, request.InputTokens, [Unit.Input, Unit.Output], new Usage { [Unit.Calls] = 1 }).NanosFor(request.MaxTokens);
        var slice = new Usage
        {
            [Unit.Input] = request.InputTokens,
            [Unit.Output] = Math.Min(request.MaxTokens, FirstSliceTokens),
            [Unit.Calls] = 1,
        };
        var least = request.Streams ? Math.Min(most, PriceArithmetic.Charge(price, slice)) : most;
        request.MostNanos = most;
        var account = Client.Find(request.AccountId);
        var admission = await Client.AdmitAsync(
            account,
            new AdmitRequest
            {
                Epoch = account.Epoch,
                HoldId = request.Id,
                KeyId = request.KeyId,
                KeyHash = Customer.HashOf(request.KeyId),
                Model = "model",
                PriceId = price.Id,
                MostNanos = most,
                LeastNanos = least,
                EstimatedTokens = request.InputTokens + request.MaxTokens,
                ClientAddress = "10.0.0.1",
                Endpoint = "/v1/chat/completions",
                IdempotencyKey = request.IdempotencyKey,
                BodyHash = request.IdempotencyKey is null ? default : Sha256Hash.Of("body"u8),
            },
            request);
        if (admission.Hold is not { } hold)
        {
            if (!request.IsOver)
            {
                request.Refuse(admission.Answer.Outcome);
                _auditor.Ended(request);
            }

            return;
        }

        hold.ServedBy("channel", extraAttempts: 0);
        var status = await RelayAsync(request, hold, price);
        var isAnswered = status is RequestStatus.Completed or RequestStatus.FundsExhausted;
        var isCharged = isAnswered || (request.Streams && request.Provided[Unit.Output] > 0 && (request.GotOutput || request.Drains));
        var usage = isCharged ? request.Provided : default;
        var end = new RequestEnd(PriceArithmetic.Charge(price, usage), usage, status, 1, 2, request.GotOutput);
        var settled = await Client.SettleAsync(hold, end);
        if (!settled.IsCommitted)
        {
            End(request, Fate.Cut);
        }
        else if (isAnswered && !request.IsOver)
        {
            request.Complete(usage, status == RequestStatus.Completed);
            _auditor.Ended(request);
        }
        else
        {
            End(request, request.GotOutput ? Fate.Cut : Fate.Failed);
        }
    }

    /// <summary>Forwards the request, streams and meters.</summary>
    private async Task<RequestStatus> RelayAsync(ClientRequest request, HoldSession hold, Price price)
    {
        if (request.ProviderEnd == ProviderEnd.FailsAtOnce)
        {
            await Task.Delay(request.ChunkTime, _clock);
            return RequestStatus.ProviderError;
        }

        for (var chunk = 0; chunk < request.Chunks.Length; chunk++)
        {
            await Task.Delay(request.ChunkTime, _clock);
            if (request.IsHoldLost)
            {
                return RequestStatus.Stopped;
            }

            if (chunk >= request.LeavesAfter)
            {
                End(request, Fate.Left);
                if (!request.Drains)
                {
                    return RequestStatus.ClientGone;
                }
            }

            var isBroken = request.ProviderEnd == ProviderEnd.BreaksOff && chunk == request.Chunks.Length / 2;
            if (isBroken)
            {
                return RequestStatus.ProviderError;
            }

            request.Provided = new Usage
            {
                [Unit.Input] = request.InputTokens,
                [Unit.Output] = request.Provided[Unit.Output] + request.Chunks[chunk],
                [Unit.Calls] = 1,
            };
            var isLast = chunk == request.Chunks.Length - 1;
            if (request.Streams)
            {
                request.GotOutput |= !request.IsOver;
                if (!isLast && await CoverAsync(request, hold, price) is { } stopped)
                {
                    return stopped;
                }
            }
        }

        return request.IsOver ? RequestStatus.ClientGone : RequestStatus.Completed;
    }

    /// <summary>Reports the cost and makes sure that what is held covers it; says how the response ends where it does not.</summary>
    private static async Task<RequestStatus?> CoverAsync(ClientRequest request, HoldSession hold, Price price)
    {
        var cost = PriceArithmetic.Charge(price, request.Provided);
        while (true)
        {
            switch (hold.Report(cost, price, request.Provided))
            {
                case HoldState.Covered:
                    return null;
                case HoldState.Growing:
                    await hold.GrownAsync();
                    continue;
                case HoldState.Exhausted:
                    return RequestStatus.FundsExhausted;
                default:
                    return RequestStatus.Stopped;
            }
        }
    }

    private void End(ClientRequest request, Fate fate)
    {
        if (!request.IsOver)
        {
            request.End(fate);
            _auditor.Ended(request);
        }
    }
}
