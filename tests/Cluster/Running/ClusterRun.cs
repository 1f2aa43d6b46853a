using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using OrleansGateway.Tests.Programs.Faults;
using OrleansGateway.Tests.Programs.Gateway;
using Xunit;

namespace OrleansGateway.Tests.Cluster.Running;

/// <summary>A cluster under load from clients of many accounts, rich and poor, while orders are paid. A scenario breaks things in it.</summary>
internal sealed class ClusterRun : IAsyncDisposable
{
    /// <summary>Fewer than one gateway gets: silos and edges share two cores with them, and one of them is always starting.</summary>
    public const int Clients = 150;

    /// <summary>Of each kind: enough that every silo has some.</summary>
    private const int CustomersOfAKind = 6;

    /// <summary>For how long after a fault is over service is still looked at.</summary>
    private static readonly TimeSpan Aftermath = TimeSpan.FromSeconds(3);

    /// <summary>Leaves when it was admitted: it does not wait for its settlement.</summary>
    private static readonly ChatPlan Probe = new(IsStream: true, Tokens: 3, TokenRate: 0, LeaveAfter: 1);
    private static readonly TimeSpan ProbeInterval = TimeSpan.FromMilliseconds(200);

    private readonly string _name;
    private readonly List<Fault> _faults = [];

    private ClusterRun(string name, ClusterFixture cluster, IReadOnlyList<Customer> customers)
    {
        _name = name;
        Cluster = cluster;
        Customers = customers;
        Random = new Random(FaultPlan.Seed);
        Load = new Load([.. cluster.Edges.Select(edge => edge.Url)], customers, Clients, FaultPlan.Seed);
        Payer = new Payer([.. cluster.Silos.Select(silo => silo.OperatorSocket)], customers, FaultPlan.Seed);
    }

    public ClusterFixture Cluster { get; }

    public IReadOnlyList<Customer> Customers { get; }

    /// <summary>Customers beside those, who are not asked for again before the end.</summary>
    public List<Customer> Newcomers { get; } = [];

    public Load Load { get; }

    public Payer Payer { get; }

    /// <summary>Decides the moments of faults.</summary>
    public Random Random { get; }

    /// <summary>Starts cluster and load, and waits until it runs.</summary>
    public static async Task<ClusterRun> StartAsync(string name)
    {
        var cluster = await ClusterFixture.StartAsync();
        try
        {
            var run = new ClusterRun(name, cluster, WithOneHot(await FaultPlan.CreateCustomersAsync(cluster.Operator, CustomersOfAKind)));
            await Load.UntilAsync(() => cluster.Provider.Stats.Running >= Clients * 2 / 3, "hundreds of requests to run at once");
            await run.Load.EventsAsync(run.Random.Next(500, 3000));
            return run;
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    /// <summary>Breaks something, and waits until every account is served again. Meanwhile each one is asked for, so that gaps show.</summary>
    /// <param name="what">The fault.</param>
    /// <param name="breakAsync">Ends when what was broken is to work by itself.</param>
    public async Task FaultAsync(string what, Func<Task> breakAsync)
    {
        var epochs = await EpochsAsync();
        var served = new ConcurrentDictionary<string, long>();
        var isOver = false;
        var from = Stopwatch.GetTimestamp();
        var probing = Task.WhenAll(Customers.Select(customer => Task.Run(() => ProbeAsync(customer))));
        try
        {
            await breakAsync();
            var broken = Stopwatch.GetTimestamp();
            await Task.Delay(Aftermath, TestContext.Current.CancellationToken);
            await Load.UntilAsync(
                () => Customers.All(customer => served.GetValueOrDefault(customer.Account) > broken), $"every account to be served after: {what}");
        }
        finally
        {
            Volatile.Write(ref isOver, true);
        }

        var to = Stopwatch.GetTimestamp();
        await probing;
        var after = await EpochsAsync();
        _faults.Add(new Fault(what, from, to, epochs.Keys.Where(account => after[account] > epochs[account]).ToHashSet()));

        async Task ProbeAsync(Customer customer)
        {
            for (var target = 0; !Volatile.Read(ref isOver); target++)
            {
                var sent = await Load.SendAsync(Load.Targets[target % Load.Targets.Length], customer, Probe);
                if (Fault.IsServed(sent))
                {
                    served[customer.Account] = sent.AnsweredAt;
                }

                await Task.Delay(ProbeInterval);
            }
        }
    }

    /// <summary>Breaks something at once.</summary>
    public Task FaultAsync(string what, Action breakIt) => FaultAsync(what, () =>
    {
        breakIt();
        return Task.CompletedTask;
    });

    /// <summary>Lets the load end, stops everything, and goes through the books. Whatever is off fails the test.</summary>
    /// <param name="mayEnd">How requests may have ended, beside those that were complete, refused or left.</param>
    /// <param name="unansweredMax">How many requests may have got no answer at all.</param>
    public async Task FinishAsync(int unansweredMax = 0, params Fate[] mayEnd)
    {
        await Load.CompletedAsync(100);
        await Load.StopAsync();
        await Payer.StopAsync();
        await Solvency.CheckAsync(Load, Cluster.Operator, Cluster.DataSource, [.. Customers, .. Newcomers]);
        var (exitCode, output, errors) = await GatewayProcess.RunAsync(Cluster.Silos[0].Settings, "verify");
        Assert.True(exitCode == 0, $"verify: {output}\n{errors}");
        await Cluster.StopAsync();
        await FaultAudit.CheckAsync(
            $"{_name} (seed {FaultPlan.Seed}, at most {Cluster.Provider.Stats.RunningMax} at once)",
            Cluster.DataSource, Load.Sent, Payer.Orders, mayEnd, unansweredMax, isAnyLost: mayEnd.Contains(Fate.Cut), providerFails: false);
        foreach (var fault in _faults)
        {
            Console.WriteLine($"  {fault.Describe(Load.Sent)}");
        }
    }

    public async ValueTask DisposeAsync()
    {
        Load.Dispose();
        Payer.Dispose();
        await Cluster.DisposeAsync();
    }

    /// <summary>Half of all requests are one rich customer's, so that its messages gather and go together while it cannot be reached.</summary>
    private static List<Customer> WithOneHot(IReadOnlyList<Customer> customers)
    {
        var hot = customers.First(customer => customer.IsRich);
        return [.. customers.Select(customer => customer == hot ? hot with { Weight = customers.Sum(other => other.Weight) } : customer)];
    }

    /// <summary>The processes that have the accounts.</summary>
    public async Task<HashSet<string>> ProcessesAsync()
    {
        await using var command = Cluster.DataSource.CreateCommand("SELECT DISTINCT process FROM account WHERE process IS NOT NULL");
        await using var rows = await command.ExecuteReaderAsync(TestContext.Current.CancellationToken);
        var processes = new HashSet<string>(StringComparer.Ordinal);
        while (await rows.ReadAsync(TestContext.Current.CancellationToken))
        {
            processes.Add(rows.GetString(0));
        }

        return processes;
    }

    /// <summary>Each account's epoch, which every activation raises.</summary>
    private async Task<Dictionary<string, long>> EpochsAsync()
    {
        await using var command = Cluster.DataSource.CreateCommand("SELECT id, epoch FROM account");
        await using var rows = await command.ExecuteReaderAsync(TestContext.Current.CancellationToken);
        var epochs = new Dictionary<string, long>();
        while (await rows.ReadAsync(TestContext.Current.CancellationToken))
        {
            epochs.Add(rows.GetString(0), rows.GetInt64(1));
        }

        return epochs;
    }

    /// <summary>What was broken, and when.</summary>
    /// <param name="From">When, <see cref="Stopwatch"/> ticks.</param>
    /// <param name="To">When every account had been served again.</param>
    /// <param name="Moved">The accounts that were activated anew meanwhile.</param>
    private sealed record Fault(string What, long From, long To, HashSet<string> Moved)
    {
        /// <summary>Whether this is an answer that only the account's grain can give: it admitted the request, or there is no money.</summary>
        public static bool IsServed(Sent sent) => sent.Status == 200 || sent.ErrorCode == "insufficient_quota";

        /// <summary>Tells the longest time without service, over the accounts. Of a poor one, all the money may be in quarantine for a while.</summary>
        public string Describe(IEnumerable<Sent> sent)
        {
            var gaps = (
                from request in sent
                where IsServed(request) && request.AnsweredAt > From && request.AnsweredAt <= To
                group request.AnsweredAt by request.Customer into answers
                select (Customer: answers.Key, Gap: LongestGap(answers))).ToList();
            var kinds =
                from gap in gaps
                group gap.Gap.TotalSeconds by (gap.Customer.IsRich ? "rich" : "poor") + (Moved.Contains(gap.Customer.Account) ? " that moved" : "") into kind
                orderby kind.Key descending
                select $"{kind.Count()} {kind.Key}: {Summary(kind)}";
            return $"{What}, time without service of accounts: {string.Join("; ", kinds)}";
        }

        private TimeSpan LongestGap(IEnumerable<long> answers)
        {
            var times = answers.Append(From).Append(To).Order().ToList();
            return times.Zip(times.Skip(1), (one, next) => Stopwatch.GetElapsedTime(one, next)).Max();
        }

        private static string Summary(IEnumerable<double> seconds)
        {
            var gaps = seconds.Order().ToList();
            return string.Create(CultureInfo.InvariantCulture, $"median {gaps[gaps.Count / 2]:F2} s, max {gaps[^1]:F2} s");
        }
    }
}
