using OrleansGateway.Tests.Integration.Gateway;
using OrleansGateway.Tests.Programs.Faults;
using OrleansGateway.Tests.Programs.Gateway;
using OrleansGateway.Tests.Programs.Postgres;
using Xunit;

namespace OrleansGateway.Tests.Integration.Faults;

/// <summary>A gateway under load from clients of several accounts, rich and poor, while orders are paid. A scenario breaks things in it.</summary>
internal sealed class FaultRun : IAsyncDisposable
{
    private readonly string _name;

    private FaultRun(string name, GatewayFixture gateway, IReadOnlyList<Customer> customers)
    {
        _name = name;
        Gateway = gateway;
        Customers = customers;
        Random = new Random(FaultPlan.Seed);
        Load = new Load([gateway.Url], customers, FaultPlan.Clients, FaultPlan.Seed);
        Payer = new Payer([gateway.Operator.Address], customers, FaultPlan.Seed);
    }

    public GatewayFixture Gateway { get; }

    public IReadOnlyList<Customer> Customers { get; }

    public Load Load { get; }

    public Payer Payer { get; }

    /// <summary>Decides the moments of faults.</summary>
    public Random Random { get; }

    /// <summary>Whether the provider fails as well, which clients are told by a 502.</summary>
    public bool ProviderFails { get; set; }

    /// <summary>Whether gateways end in the middle of what they serve.</summary>
    public bool IsAnyLost { get; set; }

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
            var customers = await FaultPlan.CreateCustomersAsync(gateway.Operator);
            var run = new FaultRun(name, gateway, customers);
            await Load.UntilAsync(() => gateway.Provider.Stats.Running >= FaultPlan.Clients * 2 / 3, "hundreds of requests to run at once");
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
    public async Task<(GatewayProcess Process, Uri Url, string Operator)> StartSecondAsync()
    {
        var process = Gateway.StartSecond();
        return (process, await GatewayFixture.UrlOfAsync(process), Gateway.Operator.Address);
    }

    /// <summary>Lets clients and payer speak to these gateways.</summary>
    public void Speak(params (GatewayProcess Process, Uri Url, string Operator)[] gateways)
    {
        Load.Targets = [.. gateways.Select(gateway => gateway.Url)];
        Payer.Operators = [.. gateways.Select(gateway => gateway.Operator)];
    }

    /// <summary>Lets the load end, stops the gateway, and goes through the books. Whatever is off fails the test.</summary>
    /// <param name="last">The gateway that runs at the end.</param>
    /// <param name="unansweredMax">How many requests may have got no answer at all.</param>
    /// <param name="mayEnd">How requests may have ended, beside those that were complete, refused or left.</param>
    public async Task FinishAsync(GatewayProcess last, int unansweredMax = 0, params Fate[] mayEnd)
    {
        await Load.CompletedAsync(100);
        await Load.StopAsync();
        await Payer.StopAsync();
        await Solvency.CheckAsync(Load, Gateway.Operator, Gateway.DataSource, Customers);
        last.Signal(GatewayProcess.SigTerm);
        Assert.Equal(0, await last.EndAsync());
        try
        {
            await FaultAudit.CheckAsync(
                $"{_name} (seed {FaultPlan.Seed}, at most {Gateway.Provider.Stats.RunningMax} at once)",
                Gateway.DataSource, Load.Sent, Payer.Orders, mayEnd, unansweredMax, IsAnyLost, ProviderFails);
        }
        catch
        {
            Console.WriteLine(last.Output);
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        Load.Dispose();
        Payer.Dispose();
        await Gateway.DisposeAsync();
    }

    private static void Configure(GatewayFixture gateway)
    {
        gateway.Settings["Gateway:Urls"] = FreePort.Address();
        gateway.Settings["Gateway:OperatorUrls"] = FreePort.Address();
        gateway.Settings["Logging:LogLevel:OrleansGateway.Edge.Pipeline"] = "Warning";
    }
}
