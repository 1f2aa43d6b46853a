using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using Npgsql;
using OrleansGateway.Ledger.Postgres;
using OrleansGateway.Operator.Contracts;
using OrleansGateway.SimulatedProvider;
using OrleansGateway.Tests.Integration.Ledger;
using OrleansGateway.Tests.Programs.Gateway;
using OrleansGateway.Tests.Programs.Postgres;
using Xunit;

namespace OrleansGateway.Tests.Integration.Gateway;

/// <summary>
/// The whole gateway: the built program as a child process, a simulated provider in this one, and a database of its own. The
/// gateway can be stopped, killed and started again, and a second one started beside it.
/// </summary>
internal sealed class GatewayFixture : IAsyncDisposable
{
    public const string Model = TestSettings.Model;
    public const string OperatorToken = TestSettings.OperatorToken;

    /// <summary>What the gateway writes once it holds the lock and knows the catalog.</summary>
    public const string IsServing = " is in force: ";

    private readonly PostgresServer? _server;
    private readonly List<GatewayProcess> _others = [];
    private readonly string _catalogFolder;

    private GatewayFixture(PostgresServer? server, string connectionString, SimulatedProviderHost provider, string catalogFolder)
    {
        _server = server;
        ConnectionString = connectionString;
        Provider = provider;
        _catalogFolder = catalogFolder;
        DataSource = LedgerDataSource.Create(connectionString);
        Settings = new Dictionary<string, string?>
        {
            ["ConnectionStrings:Ledger"] = connectionString,
            ["Gateway:Urls"] = "http://127.0.0.1:0",
            ["Gateway:OperatorUrls"] = "http://127.0.0.1:0",
            ["Gateway:OperatorSocket"] = Path.Combine(catalogFolder, "operator.sock"),
            ["Gateway:OperatorToken"] = OperatorToken,
            ["Gateway:SigningSecrets:0"] = TestSettings.SigningSecret,
            ["Gateway:Catalog"] = CatalogPath,
            ["SIMULATED_PROVIDER_URL"] = new Uri(provider.BaseAddress, "v1").AbsoluteUri,
        };
    }

    public string ConnectionString { get; }

    /// <summary>The ledger's database, for tests that look into it.</summary>
    public NpgsqlDataSource DataSource { get; }

    public SimulatedProviderHost Provider { get; }

    /// <summary>The gateway's settings, named as in a file. What a test changes holds from the next start on.</summary>
    public Dictionary<string, string?> Settings { get; }

    /// <summary>The catalog's file; a test may rewrite it.</summary>
    public string CatalogPath => Path.Combine(_catalogFolder, "catalog.json");

    /// <summary>The gateway that was started last.</summary>
    public GatewayProcess Process { get; private set; } = null!;

    /// <summary>Where clients reach it.</summary>
    public Uri Url { get; private set; } = null!;

    /// <summary>Calls its operator API, through its Unix socket.</summary>
    public OperatorClient Operator { get; private set; } = null!;

    /// <summary>Calls the operators' HTTP port.</summary>
    public HttpClient OperatorHttp { get; private set; } = null!;

    /// <summary>A gateway on a new database, ready.</summary>
    /// <param name="server">Where its database is made.</param>
    /// <param name="configure">Changes the settings and the catalog's file before the start.</param>
    /// <param name="connectionString">A database of the test's own, in place of a new one.</param>
    public static async Task<GatewayFixture> StartAsync(
        PostgresServer? server, Action<GatewayFixture>? configure = null, string? connectionString = null)
    {
        // As after a first start: what that does to an empty database, others start one to see.
        connectionString ??= await server!.CreateDatabaseAsync("ledger", LedgerDatabase.MigrateAsync);
        var fixture = await CreateAsync(server, connectionString);
        configure?.Invoke(fixture);
        await fixture.StartGatewayAsync();
        return fixture;
    }

    /// <summary>The same without a gateway yet: its settings can be tried on the command line.</summary>
    public static async Task<GatewayFixture> CreateAsync(PostgresServer? server, string? connectionString = null)
    {
        connectionString ??= await server!.CreateDatabaseAsync();
        var folder = Directory.CreateTempSubdirectory("og-gateway-").FullName;
        var fixture = new GatewayFixture(server, connectionString, await SimulatedProviderHost.StartAsync(), folder);
        await File.WriteAllTextAsync(fixture.CatalogPath, TestSettings.Catalog);
        return fixture;
    }

    /// <summary>Starts the gateway, again at its old addresses, and waits until it is ready.</summary>
    public async Task StartGatewayAsync()
    {
        if (Process is not null)
        {
            await Process.DisposeAsync();
        }

        Process = GatewayProcess.Start(GatewayProcess.Silo, Settings);
        await UseAsync(Process);
        await Process.LineAsync(IsServing);
        Settings["Gateway:Urls"] = Url.GetLeftPart(UriPartial.Authority);
        Settings["Gateway:OperatorUrls"] = OperatorHttp.BaseAddress!.GetLeftPart(UriPartial.Authority);
    }

    /// <summary>Starts a second gateway on the same database, at addresses of its own; the operators' socket goes to the one that runs.</summary>
    public GatewayProcess StartSecond()
    {
        var process = GatewayProcess.Start(GatewayProcess.Silo, new Dictionary<string, string?>(Settings)
        {
            ["Gateway:Urls"] = "http://127.0.0.1:0",
            ["Gateway:OperatorUrls"] = "http://127.0.0.1:0",
        });
        _others.Add(process);
        return process;
    }

    /// <summary>Where a gateway that is starting listens for clients.</summary>
    public static async Task<Uri> UrlOfAsync(GatewayProcess process) => Address(await process.LineAsync("Clients reach the gateway at "));

    /// <summary>Runs a verb of the command line with the same settings.</summary>
    public Task<(int ExitCode, string Output, string Errors)> CommandAsync(params string[] arguments) =>
        GatewayProcess.RunAsync(Settings, arguments);

    /// <inheritdoc cref="OperatorClient.CreateAccountAsync"/>
    public Task<string> CreateAccountAsync(string usd, RateLimits? limits = null) => Operator.CreateAccountAsync(usd, limits);

    /// <inheritdoc cref="OperatorClient.CreateKeyAsync"/>
    public Task<string> CreateKeyAsync(string account, KeySettings? settings = null) => Operator.CreateKeyAsync(account, settings);

    /// <summary>A client of the relay; its paths begin below <c>/v1/</c>.</summary>
    public HttpClient CreateClient(string key) => new()
    {
        BaseAddress = new Uri(Url, "v1/"),
        DefaultRequestHeaders = { Authorization = new AuthenticationHeaderValue("Bearer", key) },
    };

    /// <summary>A chat request of the simulated model.</summary>
    public static StringContent Chat(bool stream = false, JsonObject? fields = null)
    {
        var body = (JsonObject?)fields?.DeepClone() ?? [];
        body.TryAdd("model", Model);
        body.TryAdd("messages", new JsonArray(new JsonObject { ["role"] = "user", ["content"] = "Hello" }));
        body["stream"] = stream;
        return new StringContent(body.ToJsonString(), Encoding.UTF8, "application/json");
    }

    /// <summary>Adds up the books, the totals of usage included; anything that is off fails the test.</summary>
    public async Task VerifyAsync()
    {
        await UsageTotals.AddAsync(DataSource, [], TestContext.Current.CancellationToken);
        var report = await Verifier.RunAsync(DataSource, DateTimeOffset.UtcNow, TestContext.Current.CancellationToken);
        Assert.Empty(report.Problems);
    }

    public async ValueTask DisposeAsync()
    {
        if (Process is not null)
        {
            await Process.DisposeAsync();
        }

        foreach (var other in _others)
        {
            await other.DisposeAsync();
        }

        Operator?.Dispose();
        OperatorHttp?.Dispose();
        await Provider.DisposeAsync();
        await DataSource.DisposeAsync();
        Directory.Delete(_catalogFolder, recursive: true);
        if (_server is not null)
        {
            await _server.DropDatabaseAsync(ConnectionString);
        }
    }

    private async Task UseAsync(GatewayProcess process)
    {
        var operatorUrl = Address(await process.LineAsync("Health is at "));
        await process.LineAsync("The operator API listens on ");
        Url = await UrlOfAsync(process);
        Operator?.Dispose();
        Operator = new OperatorClient(Settings["Gateway:OperatorSocket"]!);
        OperatorHttp?.Dispose();
        OperatorHttp = new HttpClient { BaseAddress = operatorUrl };
    }

    /// <summary>The address at a log line's end.</summary>
    private static Uri Address(string line) => new(line[(line.LastIndexOf(' ') + 1)..]);
}
