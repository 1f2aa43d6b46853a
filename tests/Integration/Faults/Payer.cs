using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using OrleansGateway.Grains.Contracts;
using OrleansGateway.Tests.Integration.Gateway;

namespace OrleansGateway.Tests.Integration.Faults;

/// <summary>Pays orders into accounts, one after the other, and repeats each one until it is acknowledged.</summary>
internal sealed class Payer : IDisposable
{
    private readonly HttpClient _http = new() { Timeout = TimeSpan.FromSeconds(3) };
    private readonly List<Order> _orders = [];
    private readonly IReadOnlyList<Customer> _customers;
    private readonly Task _paying;
    private volatile bool _isStopping;
    private volatile Uri[] _operators;

    /// <param name="operators">The operator APIs; an order goes from one to the next until one acknowledges it.</param>
    public Payer(Uri[] operators, IReadOnlyList<Customer> customers, int seed)
    {
        _operators = operators;
        _customers = customers;
        _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", TestSettings.OperatorToken);
        _paying = Task.Run(() => RunAsync(new Random(seed)));
    }

    public IReadOnlyCollection<Order> Orders => _orders;

    public Uri[] Operators
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
        _http.Dispose();
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
            var body = new JsonObject { ["kind"] = "topup", ["ref"] = order.Ref, ["amount_usd"] = Money.FormatUsd(nanos) };
            using var content = new StringContent(body.ToJsonString(), Encoding.UTF8, "application/json");
            try
            {
                using var answer = await _http.PostAsync(
                    new Uri(operators[attempt % operators.Length], $"operator/accounts/{customer.Account}/moves"), content);
                return answer.IsSuccessStatusCode;
            }
            catch (Exception unanswered) when (unanswered is HttpRequestException or TaskCanceledException)
            {
                return false;
            }
        }
    }
}
