using System.Globalization;
using System.Net;
using System.Net.Sockets;
using OrleansGateway.Tests.Integration.Gateway;
using OrleansGateway.Tests.Integration.Postgres;
using Xunit;

namespace OrleansGateway.Tests.Integration.Faults;

/// <summary>A gateway under load from clients of several accounts, rich and poor, while orders are paid. A scenario breaks things in it.</summary>
internal sealed class FaultRun : IAsyncDisposable
{
    /// <summary>Each has a request open nearly all the time; two cores bear them, since most of the time they wait for tokens.</summary>
    private const int Clients = 300;

    private readonly string _name;

    private FaultRun(string name, GatewayFixture gateway, IReadOnlyList<Customer> customers)
    {
        _name = name;
        Gateway = gateway;
        Customers = customers;
        Random = new Random(Seed);
        Load = new Load([gateway.Url], customers, Clients, Seed);
        Payer = new Payer([gateway.Operator.BaseAddress!], customers, Seed);
    }

    /// <summary>Decides what clients do and the moments of faults; <c>FAULT_SEED</c> sets another.</summary>
    public static int Seed => Setting("FAULT_SEED", 1);

    /// <summary>How often a scenario repeats its faults; <c>FAULT_ROUNDS</c> multiplies it for a longer run.</summary>
    public static int Rounds(int usual) => usual * Setting("FAULT_ROUNDS", 1);

    public GatewayFixture Gateway { get; }

    public IReadOnlyList<Customer> Customers { get; }

    public Load Load { get; }

    public Payer Payer { get; }

    /// <summary>Decides the moments of faults.</summary>
    public Random Random { get; }

    /// <summary>Whether the provider fails as well, which clients are told by a 502.</summary>
    public bool ProviderFails { get; set; }

    /// <summary>Starts gateway and load, and waits until it runs.</summary>
    /// <param name="server">Where the database is made.</param>
    /// <param name="name">What the scenario does.</param>
    /// <param name="connectionString">A database of the test's own, in place of a new one.</param>
    /// <param name="configure">Changes the gateway's settings before it starts.</param>
    public static async Task<FaultRun> StartAsync(
        PostgresServer? server, string name, string? connectionString = null, Action<GatewayFixture>? configure = null)
    {
        var gateway = await GatewayFixture.StartAsync(server, Configure + configure, connectionString);
        try
        {
            // Two that never end, one that pays what it gets, and poor ones whose money ends under way.
            (string Usd, int Weight)[] accounts = [("100", 12), ("50", 6), ("0.001", 3), ("0.0005", 2), ("0.0002", 1), ("0.00005", 1)];
            var customers = new List<Customer>();
            foreach (var (usd, weight) in accounts)
            {
                var account = await gateway.CreateAccountAsync(usd);
                customers.Add(new Customer(account, await gateway.CreateKeyAsync(account), weight));
            }

            var run = new FaultRun(name, gateway, customers);
            await Load.UntilAsync(() => gateway.Provider.Stats.Running >= Clients * 2 / 3, "hundreds of requests to run at once");
            return run;
        }
        catch
        {
            await gateway.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts another gateway beside the first.</summary>
    /// <returns>It, and where clients and operators reach it.</returns>
    public async Task<(GatewayProcess Process, Uri Url, Uri Operator)> StartSecondAsync()
    {
        var process = Gateway.StartSecond();
        var operatorLine = await process.LineAsync("The operator API listens on ");
        return (process, await GatewayFixture.UrlOfAsync(process), new Uri(operatorLine[(operatorLine.LastIndexOf(' ') + 1)..]));
    }

    /// <summary>Lets clients and payer speak to these gateways.</summary>
    public void Speak(params (GatewayProcess Process, Uri Url, Uri Operator)[] gateways)
    {
        Load.Targets = [.. gateways.Select(gateway => gateway.Url)];
        Payer.Operators = [.. gateways.Select(gateway => gateway.Operator)];
    }

    /// <summary>Lets the load end, stops the gateway, and goes through the books. Whatever is off fails the test.</summary>
    /// <param name="last">The gateway that runs at the end.</param>
    /// <param name="mayEnd">How requests may have ended, beside those that were complete, refused or left.</param>
    public async Task FinishAsync(GatewayProcess last, params Fate[] mayEnd)
    {
        await Load.CompletedAsync(100);
        await Load.StopAsync();
        await Payer.StopAsync();
        if (last == Gateway.Process)
        {
            // A hold whose answer came too late for its edge lives for a lease; until then its money stays set aside.
            await Load.UntilAsync(async _ => await OpenHoldsAsync() == 0, "the holds to be closed or let go");
        }

        last.Signal(GatewayProcess.SigTerm);
        Assert.Equal(0, await last.EndAsync());
        await AuditAsync(mayEnd);
    }

    private async Task<int> OpenHoldsAsync()
    {
        var open = 0;
        foreach (var customer in Customers)
        {
            open += (await Gateway.OperateAsync(HttpMethod.Get, $"accounts/{customer.Account}"))["open_holds"]!.GetValue<int>();
        }

        return open;
    }

    public async ValueTask DisposeAsync()
    {
        Load.Dispose();
        Payer.Dispose();
        await Gateway.DisposeAsync();
    }

    private async Task AuditAsync(Fate[] mayEnd)
    {
        var books = await Books.AuditAsync(Gateway.DataSource, Load.Sent, Payer.Orders);
        var line = $"{_name} (seed {Seed}, at most {Gateway.Provider.Stats.RunningMax} at once): {books}";
        TestContext.Current.TestOutputHelper?.WriteLine(line);
        Console.WriteLine(line);
        Assert.True(books.Problems.Count == 0, string.Join('\n', books.Problems.Take(20).Prepend(line)));
        var wrong = Load.Sent.Where(sent => !MayEndSo(sent, mayEnd)).Select(sent => $"{sent}: {sent.ErrorMessage}").ToList();
        Assert.True(wrong.Count == 0, string.Join('\n', wrong.Take(20).Prepend(line)));

        // Who ends what runs does not leave a request unanswered that it has begun to work on.
        Assert.True(mayEnd.Contains(Fate.Cut) || books.ChargedUnknown == 0, line);
        await Gateway.VerifyAsync();
        await AssertAuditorSeesAsync();
    }

    private bool MayEndSo(Sent sent, Fate[] mayEnd) =>
        sent.Fate == Fate.Refused ? sent.Status is 429 or 503 || (ProviderFails && sent.Status == 502)
        : !Books.IsCutOff(sent) || mayEnd.Contains(sent.Fate);

    /// <summary>An auditor that finds nothing must be able to: a charge that is off by a nano, one that is missing, one nobody asked for.</summary>
    private async Task AssertAuditorSeesAsync()
    {
        var real = Load.Sent.First(sent => sent.Fate == Fate.Completed && sent.Cost > 0);
        Sent[][] forgeries =
        [
            [.. Load.Sent, real with { Input = real.Input + 1 }],
            [.. Load.Sent, real with { RequestId = "never-charged" }],
            [.. Load.Sent, real with { Fate = Fate.Refused }],
            [.. Load.Sent.Where(sent => sent.Fate != Fate.Unanswered && sent != real)],
        ];
        foreach (var forgery in forgeries)
        {
            Assert.NotEmpty((await Books.AuditAsync(Gateway.DataSource, forgery, Payer.Orders)).Problems);
        }
    }

    private static void Configure(GatewayFixture gateway)
    {
        gateway.Settings["Gateway:Urls"] = FreeAddress();
        gateway.Settings["Gateway:OperatorUrls"] = FreeAddress();
        gateway.Settings["Logging:LogLevel:OrleansGateway.Edge"] = "Warning";
    }

    /// <summary>
    /// A free port below those that clients get: while nobody listens on one of theirs, a client that goes on connecting to it
    /// can end up connected to itself, and the gateway then finds it taken.
    /// </summary>
    private static string FreeAddress()
    {
        while (true)
        {
            using var listener = new TcpListener(IPAddress.Loopback, System.Random.Shared.Next(20_000, 32_000));
            try
            {
                listener.Start();
                return $"http://{listener.LocalEndpoint}";
            }
            catch (SocketException)
            {
            }
        }
    }

    private static int Setting(string name, int usual) =>
        int.TryParse(Environment.GetEnvironmentVariable(name), NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value : usual;
}
