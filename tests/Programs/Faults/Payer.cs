using Grpc.Core;
using OrleansGateway.Operator.Contracts;
using OrleansGateway.Tests.Programs.Gateway;

namespace OrleansGateway.Tests.Programs.Faults;

/// <summary>Pays orders into accounts, one after the other, and repeats each one until it is acknowledged.</summary>
internal sealed class Payer : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    private readonly Dictionary<string, OperatorClient> _clients = [];
    private readonly List<Order> _orders = [];
    private readonly IReadOnlyList<Customer> _customers;
    private readonly Task _paying;
    private volatile bool _isStopping;
    private volatile string[] _operators;

    /// <param name="operators">The operator APIs' sockets; an order goes from one to the next until one acknowledges it.</param>
    public Payer(string[] operators, IReadOnlyList<Customer> customers, int seed)
    {
        _operators = operators;
        _customers = customers;
        _paying = Task.Run(() => RunAsync(new Random(seed)));
    }

    public IReadOnlyCollection<Order> Orders => _orders;

    public string[] Operators
    {
        get => _operators;
        set => _operators = value;
    }

    /// <summary>Pays a last order into every account, which activates it, and stops.</summary>
    public Task StopAsync()
    {
        _isStopping = true;
        return _paying;
    }

    public void Dispose()
    {
        _isStopping = true;
        foreach (var client in _clients.Values)
        {
            client.Dispose();
        }
    }

    private async Task RunAsync(Random random)
    {
        while (!_isStopping)
        {
            await PayAsync(_customers[random.Next(_customers.Count)], random.Next(1, 100_000));
            await Task.Delay(20);
        }

        foreach (var customer in _customers)
        {
            await PayAsync(customer, 1);
        }
    }

    private async Task PayAsync(Customer customer, long nanos)
    {
        var order = new Order(customer.Account, $"order-{_orders.Count}", nanos);
        await Load.UntilAsync(TryAsync, $"{order} to be acknowledged");
        _orders.Add(order);

        async Task<bool> TryAsync(int attempt)
        {
            var operators = _operators;
            var request = new MoveMoneyRequest { RequestId = order.Ref, AccountId = customer.Account, Kind = EntryKind.Topup, AmountNanos = nanos };
            try
            {
                await ClientOf(operators[attempt % operators.Length]).Accounts.MoveMoneyAsync(request, deadline: DateTime.UtcNow + Patience);
                return true;
            }
            catch (RpcException)
            {
                return false;
            }
        }
    }

    private OperatorClient ClientOf(string address)
    {
        if (!_clients.TryGetValue(address, out var client))
        {
            client = new OperatorClient(address);
            _clients.Add(address, client);
        }

        return client;
    }
}
