using System.Collections.Concurrent;
using Xunit;

namespace OrleansGateway.Tests.Programs.Faults;

/// <summary>Many clients, each with one request at a time, until they are told to stop.</summary>
internal sealed class Load : IDisposable
{
    private readonly ChatClient _client = new();
    private readonly ConcurrentQueue<Sent> _sent = new();
    private readonly IReadOnlyList<Customer> _customers;
    private readonly int _weights;
    private readonly Task _clients;
    private volatile bool _isStopping;
    private volatile Uri[] _targets;
    private int _completed;

    /// <param name="targets">Where clients reach gateways; each request goes to one of them.</param>
    /// <param name="seed">Decides what each client does, one request after the other.</param>
    public Load(Uri[] targets, IReadOnlyList<Customer> customers, int clients, int seed)
    {
        _targets = targets;
        _customers = customers;
        _weights = customers.Sum(customer => customer.Weight);
        _clients = Task.WhenAll(Enumerable.Range(0, clients).Select(client => Task.Run(() => RunAsync(new Random((seed * 1000) + client)))));
    }

    /// <summary>All that was sent and has come to its end.</summary>
    public IReadOnlyCollection<Sent> Sent => _sent;

    /// <summary>Events that all clients have seen so far: what moments are measured in.</summary>
    public long Events => _client.Events;

    public Uri[] Targets
    {
        get => _targets;
        set => _targets = value;
    }

    /// <summary>Waits until the clients have seen so many more events.</summary>
    public Task EventsAsync(int more)
    {
        var until = Events + more;
        return UntilAsync(() => Events >= until, $"{more} events");
    }

    /// <summary>Waits until so many more responses were complete.</summary>
    public Task CompletedAsync(int more)
    {
        var until = Volatile.Read(ref _completed) + more;
        return UntilAsync(() => Volatile.Read(ref _completed) >= until, $"{more} complete responses");
    }

    /// <summary>Waits until a request that was sent from now on has ended so.</summary>
    public Task SeenAsync(Func<Sent, bool> isIt, string what)
    {
        var from = Events;
        return UntilAsync(() => _sent.Any(sent => sent.From >= from && isIt(sent)), what);
    }

    /// <summary>Sends one more request beside the others.</summary>
    public async Task<Sent> SendAsync(Uri target, Customer customer, ChatPlan plan, Action? begun = null)
    {
        var sent = await _client.SendAsync(target, customer, plan, begun);
        _sent.Enqueue(sent);
        if (sent.Fate == Fate.Completed)
        {
            Interlocked.Increment(ref _completed);
        }

        return sent;
    }

    /// <summary>Sends nothing more and waits until every request has ended.</summary>
    public Task StopAsync()
    {
        _isStopping = true;
        return _clients;
    }

    public void Dispose()
    {
        _isStopping = true;
        _client.Dispose();
    }

    public static Task UntilAsync(Func<bool> condition, string what) => UntilAsync(_ => Task.FromResult(condition()), what);

    /// <summary>Tries, with the number of the attempt, until it succeeds.</summary>
    public static async Task UntilAsync(Func<int, Task<bool>> tryAsync, string what)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        patience.CancelAfter(TimeSpan.FromSeconds(180));
        for (var attempt = 0; !await tryAsync(attempt); attempt++)
        {
            Assert.False(patience.IsCancellationRequested, $"Waited in vain for {what}.");
            await Task.Delay(5);
        }
    }

    private async Task RunAsync(Random random)
    {
        while (!_isStopping)
        {
            var targets = _targets;
            var sent = await SendAsync(targets[random.Next(targets.Length)], Choose(random), Plan(random));
            if (sent.Fate != Fate.Completed && !_isStopping)
            {
                // As clients do; an SDK would wait for longer.
                await Task.Delay(random.Next(100, 500));
            }
        }
    }

    private Customer Choose(Random random)
    {
        var at = random.Next(_weights);
        return _customers.First(customer => (at -= customer.Weight) < 0);
    }

    private static ChatPlan Plan(Random random)
    {
        // Most live for a second or two, so that hundreds run at once; some long enough to be renewed, some for no time.
        var rate = random.Next(8) switch { 0 => 4, 1 => 1000, _ => random.Next(5, 15) };
        return new ChatPlan(
            IsStream: random.Next(10) < 6,
            Tokens: random.Next(4, 24),
            TokenRate: rate,
            LeaveAfter: random.Next(12) == 0 ? random.Next(1, 20) : 0);
    }
}
