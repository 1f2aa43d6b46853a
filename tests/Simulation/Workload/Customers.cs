using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Tests.Simulation.Audit;
using OrleansGateway.Tests.Simulation.Cluster;
using OrleansGateway.Tests.Simulation.Faults;
using OrleansGateway.Tests.Simulation.Machine;

namespace OrleansGateway.Tests.Simulation.Workload;

/// <summary>All that is asked of the installation: requests, payments, refunds, changes of accounts, keys and prices.</summary>
internal sealed class Customers
{
    /// <summary>Enough for every request that is left, nanos.</summary>
    private const long MoneyForAll = 1_000_000;

    /// <summary>The longest that a limit of tokens takes to recover from requests that used far more than they had said.</summary>
    private static readonly TimeSpan RatesRecover = TimeSpan.FromMinutes(30);

    private readonly SimulatedMachine _machine;
    private readonly SeedPlan _plan;
    private readonly Installation _installation;
    private readonly FaultDice _faults;
    private readonly Prices _prices;
    private readonly Auditor _auditor;
    private readonly Random _random;
    private readonly SimulatedProcess _process;
    private readonly List<Customer> _customers = [];
    private readonly List<ClientRequest> _requests = [];
    private readonly TimeSpan _pause;
    private int _orders;
    private int _ordersOpen;

    public Customers(
        SimulatedMachine machine, SeedPlan plan, Installation installation, FaultDice faults, Prices prices, Auditor auditor)
    {
        (_machine, _plan, _installation, _faults, _prices, _auditor) = (machine, plan, installation, faults, prices, auditor);
        _random = plan.Random(7);
        _process = installation.OperatorProcess;
        _customers.AddRange(Enumerable.Range(0, plan.Accounts).Select(number => new Customer(number, _random)));

        // From rush to leisure: on average between requests.
        _pause = TimeSpan.FromSeconds(Math.Pow(10, (_random.NextDouble() * 1.3) - 1));
    }

    public int Requests => _requests.Count;

    public bool AreDone => _ordersOpen == 0 && _requests.TrueForAll(static r => r.IsOver)
        && _installation.AllEdges.TrueForAll(static edge => edge.Process.IsDead || edge.Client.OpenHolds == 0);

    public Task OpenAsync() => _process.Start(async () =>
    {
        foreach (var customer in _customers)
        {
            var grain = Grain(customer);
            while (await TryAsync(() => grain.CreateAsync(new CreateRequest("Customer", Limits(customer)))) is not { Outcome: ChangeOutcome.Done })
            {
                await Task.Delay(TimeSpan.FromSeconds(1), _machine.Clock);
            }

            foreach (var keyId in customer.KeyIds)
            {
                await grain.SetKeyAsync(new SetKeyRequest(0, customer.Settings(keyId)));
            }

            if (customer.FirstPayment > 0)
            {
                await OrderAsync(customer, EntryKind.Topup, customer.FirstPayment);
            }
        }
    });

    /// <summary>Works until there were enough requests and faults.</summary>
    public Task WorkAsync() => _process.Start(async () =>
    {
        var nextFaults = _machine.Clock.Now;
        while (_requests.Count < _plan.Requests || IsShortOfFaults)
        {
            await Task.Delay(_pause * (_random.NextDouble() * 2), _machine.Clock);
            if (_machine.Clock.Now >= nextFaults)
            {
                _installation.Opportunity(_customers);
                nextFaults = _machine.Clock.Now + TimeSpan.FromSeconds(0.5);
            }

            if (_random.Next(12) == 0)
            {
                Manage(_customers[_random.Next(_customers.Count)]);
            }

            Send();
        }
    });

    /// <summary>Now that no fault is left every customer is served by every edge, but for what its keys' own limits refuse.</summary>
    public Task AssertServedAsync() => _process.Start(async () =>
    {
        foreach (var customer in _customers)
        {
            await UntilAsync(() => Grain(customer).SetStatusAsync(new SetStatusRequest(0, AccountStatus.Active, null)), ChangeOutcome.Done);
            await OrderAsync(customer, EntryKind.Topup, MoneyForAll);
            foreach (var (number, edge) in _installation.LivingEdges.ToList().Index())
            {
                await AssertServedAsync(customer, customer.KeyIds[number % customer.KeyIds.Length], edge);
            }
        }

        if (!_installation.LivingEdges.Any())
        {
            _auditor.Break("unserved", "no edge takes requests");
        }
    });

    private async Task AssertServedAsync(Customer customer, string keyId, SimulatedEdge edge)
    {
        var until = _machine.Clock.Now + RatesRecover;
        while (true)
        {
            var request = NewRequest(customer, keyId, ProviderEnd.Complete, chunkCount: 3, leaves: false);
            edge.Begin(request);
            while (!request.IsOver)
            {
                await Task.Delay(TimeSpan.FromSeconds(0.1), _machine.Clock);
            }

            var isRateLimited = request.Refusal is AdmitOutcome.RequestRateLimited or AdmitOutcome.TokenRateLimited;
            if (isRateLimited && _machine.Clock.Now < until)
            {
                await Task.Delay(TimeSpan.FromSeconds(10), _machine.Clock);
                continue;
            }

            var isAtCap = request.Refusal == AdmitOutcome.SpendCapReached || request is { Fate: Fate.Completed, IsWhole: false };
            if (isAtCap ? !_auditor.IsAtCap(customer.Id, keyId, request.MostNanos) : request.Fate != Fate.Completed)
            {
                _auditor.Break("unserved", $"{request.Id} by {edge.Process.Name}: {request.Fate} {request.Refusal}");
            }

            return;
        }
    }

    private async Task UntilAsync(Func<Task<ChangeAnswer>> change, ChangeOutcome outcome)
    {
        while (await TryAsync(change) is not { } answer || answer.Outcome != outcome)
        {
            await Task.Delay(TimeSpan.FromSeconds(1), _machine.Clock);
        }
    }

    /// <summary>Every account, as its activation has it, is at rest.</summary>
    public Task AssertRestAsync() => _process.Start(async () =>
    {
        foreach (var customer in _customers)
        {
            AccountView? view;
            while ((view = await TryAsync(() => Grain(customer).ShowAsync())) is null)
            {
                await Task.Delay(TimeSpan.FromSeconds(1), _machine.Clock);
            }

            if (view.OpenHolds > 0 || view.HeldNanos != 0 || view.Keys.Any(static key => key.HeldNanos != 0))
            {
                _auditor.Break("stuck", $"{customer.Id} still holds: {view}");
            }
        }
    });

    private bool IsShortOfFaults => _faults.Count < Math.Min(_plan.Faults, SeedPlan.FaultsWanted);

    private IAccountGrain Grain(Customer customer) => _installation.Operator.Account(customer.Id);

    private RateLimits Limits(Customer customer) =>
        customer.Kind == CustomerKind.Limited ? new RateLimits(_random.Next(20, 100), null, _random.Next(2, 10)) : RateLimits.None;

    private void Send()
    {
        var edges = _installation.LivingEdges.ToList();
        if (edges.Count == 0)
        {
            return;
        }

        var customer = Choose();
        var end = _random.Next(12) switch
        {
            0 => ProviderEnd.FailsAtOnce,
            1 => ProviderEnd.BreaksOff,
            2 => ProviderEnd.Exceeds,
            _ => ProviderEnd.Complete,
        };
        var request = NewRequest(
            customer, customer.KeyIds[_random.Next(customer.KeyIds.Length)], end, _random.Next(1, 30), leaves: _random.Next(10) == 0);
        edges[_random.Next(edges.Count)].Begin(request);
    }

    /// <summary>Decides beforehand what it will be.</summary>
    private ClientRequest NewRequest(Customer customer, string keyId, ProviderEnd end, int chunkCount, bool leaves)
    {
        var chunks = new int[chunkCount];
        for (var i = 0; i < chunks.Length; i++)
        {
            chunks[i] = _random.Next(1, 30);
        }

        var tokens = chunks.Sum();
        var request = new ClientRequest
        {
            Id = $"r{_requests.Count}",
            AccountId = customer.Id,
            KeyId = keyId,
            MayBeCapped = customer.Kind == CustomerKind.Limited,
            Streams = _random.Next(3) > 0,
            ProviderEnd = end,
            InputTokens = _random.Next(1, 200),
            MaxTokens = end == ProviderEnd.Exceeds ? _random.Next(1, tokens + 1) : tokens + _random.Next(0, 200),
            Chunks = chunks,
            ChunkTime = TimeSpan.FromMilliseconds(_random.Next(4) == 0 ? _random.Next(500, 4000) : _random.Next(1, 500)),
            LeavesAfter = leaves ? _random.Next(0, chunks.Length) : int.MaxValue,
            Drains = _random.Next(2) == 0,
            IdempotencyKey = !_faults.IsOver && _random.Next(10) == 0 ? $"k{_random.Next(12)}" : null,
        };
        _requests.Add(request);
        return request;
    }

    private Customer Choose()
    {
        var at = _random.Next(_customers.Sum(static c => c.Weight));
        return _customers.First(customer => (at -= customer.Weight) < 0);
    }

    private void Manage(Customer customer)
    {
        switch (_random.Next(12))
        {
            case < 5:
                _ = OrderAsync(customer, _random.Next(4) == 0 ? EntryKind.Bonus : EntryKind.Topup, customer.NextPayment());
                break;
            case < 7:
                _ = OrderAsync(customer, EntryKind.Refund, -customer.NextPayment());
                break;
            case 7:
                var amount = customer.NextPayment();
                _ = _random.Next(3) switch
                {
                    0 => OrderAsync(customer, EntryKind.Adjustment, amount),
                    1 => OrderAsync(customer, EntryKind.Adjustment, -amount),
                    _ => OrderAsync(customer, EntryKind.Chargeback, -amount),
                };
                break;
            case 8:
                _ = SuspendAsync(customer);
                break;
            case 9:
                var settings = customer.Settings(customer.KeyIds[_random.Next(customer.KeyIds.Length)]);
                _ = TryAsync(() => Grain(customer).SetKeyAsync(new SetKeyRequest(0, settings)));
                break;
            default:
                _prices.Change();
                break;
        }
    }

    private async Task SuspendAsync(Customer customer)
    {
        var grain = Grain(customer);
        await TryAsync(() => grain.SetStatusAsync(new SetStatusRequest(0, AccountStatus.Suspended, null)));
        await Task.Delay(TimeSpan.FromSeconds(_random.Next(1, 10)), _machine.Clock);
        await TryAsync(() => grain.SetStatusAsync(new SetStatusRequest(0, AccountStatus.Active, null)));
    }

    /// <summary>Repeats an order until it is answered, as payment systems do.</summary>
    private async Task OrderAsync(Customer customer, EntryKind kind, long nanos)
    {
        var order = new MoveRequest(0, kind, $"o{_orders++}", nanos);
        _auditor.Ordered(customer.Id, order);
        _ordersOpen++;
        while (true)
        {
            var answer = await TryAsync(() => Grain(customer).MoveAsync(order));
            if (answer is not null and not { Outcome: MoveOutcome.Retry })
            {
                _auditor.OrderEnded(order, answer);
                break;
            }

            await Task.Delay(TimeSpan.FromSeconds(1), _machine.Clock);
        }

        _ordersOpen--;
    }

    /// <summary>The answer, or null if there was none in time.</summary>
    private async Task<T?> TryAsync<T>(Func<Task<T>> ask)
        where T : class?
    {
        try
        {
            return await ask().WaitAsync(TimeSpan.FromSeconds(5), _machine.Clock);
        }
        catch (Exception exception)
        {
            // It is asked again.
            _auditor.Swallowed(exception);
            return null;
        }
    }
}
