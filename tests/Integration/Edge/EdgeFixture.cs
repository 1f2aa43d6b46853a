using System.Collections.Immutable;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using OrleansGateway.Edge;
using OrleansGateway.Edge.Accounting;
using OrleansGateway.Edge.Catalog;
using OrleansGateway.Grains.Contracts.Catalog;
using OrleansGateway.Grains.Contracts.Keys;
using OrleansGateway.Hosting;
using OrleansGateway.SimulatedProvider;
using Xunit;

namespace OrleansGateway.Tests.Integration.Edge;

/// <summary>A relay on real sockets between a test's client, simulated providers and a fake account.</summary>
internal sealed class EdgeFixture : IAsyncDisposable, ICatalogSource
{
    public const string AccountId = "acct00000001";
    public const string KeyId = "key000000001";
    public const string ProviderKey = "sk-provider-secret-0123456789";

    private readonly WebApplication _app;

    private readonly Func<Action<int, JsonObject>?, CatalogSnapshot> _catalog;

    private EdgeFixture(
        WebApplication app,
        IReadOnlyList<SimulatedProviderHost> providers,
        FakeAccount account,
        string key,
        Func<Action<int, JsonObject>?, CatalogSnapshot> catalog)
    {
        _app = app;
        _catalog = catalog;
        Providers = providers;
        Account = account;
        Key = key;
    }

    public IReadOnlyList<SimulatedProviderHost> Providers { get; }

    public SimulatedProviderHost Provider => Providers[0];

    public FakeAccount Account { get; }

    public AccountClient Accounts => _app.Services.GetRequiredService<AccountClient>();

    public string Key { get; }

    /// <summary>What the relay has logged.</summary>
    public LogLines Log { get; } = new();

    /// <summary>Ends when the relay has noticed that a client went away.</summary>
    public TaskCompletionSource ClientGone { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public HttpClient Client { get; private set; } = null!;

    public CatalogSnapshot? Current { get; set; }

    /// <param name="providers">How many simulated providers, one channel each, by falling priority.</param>
    /// <param name="channel">Further fields of each channel by its index.</param>
    /// <param name="model">Further fields of the model.</param>
    /// <param name="provider">Further fields of each provider by its index.</param>
    /// <param name="services">Adds to the relay's own.</param>
    /// <param name="kinds">The kinds of providers that the catalog may name, if not the shipped ones.</param>
    /// <param name="models">Adds models to the one that there is.</param>
    public static async Task<EdgeFixture> StartAsync(
        int providers = 1,
        Action<int, JsonObject>? channel = null,
        Action<JsonObject>? model = null,
        IEnumerable<KeyValuePair<string, string?>>? settings = null,
        AccountingOptions? accounting = null,
        Action<int, JsonObject>? provider = null,
        Action<IServiceCollection>? services = null,
        ImmutableArray<string>? kinds = null,
        Action<JsonArray>? models = null)
    {
        var hosts = new List<SimulatedProviderHost>();
        for (var i = 0; i < providers; i++)
        {
            hosts.Add(await SimulatedProviderHost.StartAsync(new SimulatedProviderOptions { ApiKey = ProviderKey }));
        }

        Assert.True(SigningSecrets.TryParse([new string('s', 40)], out var secret));
        var key = CreateKey(AccountId, secret);
        var account = new FakeAccount();
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Configuration.AddInMemoryCollection(settings ?? []);
        EdgeFixture? fixture = null;
        builder.Services.AddSingleton<IGrains>(account);
        builder.Services.AddSingleton(secret);
        builder.Services.AddSingleton<ClientConnections>();
        builder.Services.Configure<GatewayOptions>(gateway => gateway.StopSeconds = 30);
        builder.Services.AddSingleton<ICatalogSource>(_ => fixture!);
        builder.Services.AddEdge(builder.Configuration);
        services?.Invoke(builder.Services);
        if (accounting is not null)
        {
            builder.Services.AddSingleton(own => new AccountClient(account, TimeProvider.System, accounting, own.GetRequiredService<ILoggerFactory>()));
        }

        var app = builder.Build();
        CatalogSnapshot Make(Action<int, JsonObject>? more) => Catalog(hosts, channel + more, model, provider, kinds, models);
        fixture = new EdgeFixture(app, hosts, account, key, Make) { Current = Make(null) };

        // Registered before the relay's own callback and therefore run after it.
        app.Services.GetRequiredService<ILoggerFactory>().AddProvider(fixture.Log);
        app.Use((context, next) =>
        {
            context.RequestAborted.Register(() => fixture.ClientGone.TrySetResult());
            return next(context);
        });
        app.MapEdge();
        await app.StartAsync();
        var address = app.Services.GetRequiredService<IServer>().Features.GetRequiredFeature<IServerAddressesFeature>().Addresses.First();
        var handler = new SocketsHttpHandler { MaxResponseDrainSize = 0, ResponseDrainTimeout = TimeSpan.Zero };
        fixture.Client = new HttpClient(handler) { BaseAddress = new Uri(address), Timeout = TimeSpan.FromSeconds(30) };
        fixture.Client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
        return fixture;
    }

    /// <summary>A key of another account.</summary>
    public string KeyOf(string accountId) => CreateKey(accountId, _app.Services.GetRequiredService<SigningSecrets>());

    /// <summary>Publishes the catalog anew.</summary>
    /// <param name="channel">Further fields of each channel by its index.</param>
    public void Publish(Action<int, JsonObject> channel) => Current = _catalog(channel);

    /// <summary>A request's body.</summary>
    /// <param name="sim">What the simulated provider is told to do.</param>
    public static JsonObject Body(bool stream = false, object? sim = null, Action<JsonObject>? change = null)
    {
        var body = new JsonObject
        {
            ["model"] = "test-model",
            ["messages"] = new JsonArray(new JsonObject { ["role"] = "user", ["content"] = "Say something." }),
            ["sim"] = JsonSerializer.SerializeToNode(sim ?? new { tokens = 5 }),
        };
        if (stream)
        {
            body["stream"] = true;
        }

        change?.Invoke(body);
        return body;
    }

    public Task<HttpResponseMessage> PostAsync(JsonObject body, Action<HttpRequestMessage>? change = null) =>
        PostAsync(body.ToJsonString(), change);

    public Task<HttpResponseMessage> PostAsync(string body, Action<HttpRequestMessage>? change = null)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, "/v1/chat/completions") { Content = new StringContent(body, Encoding.UTF8, "application/json") };
        change?.Invoke(request);
        return Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, TestContext.Current.CancellationToken);
    }

    /// <summary>Stops the relay as a gateway that ends in order.</summary>
    public Task StopAsync() => _app.StopAsync(TestContext.Current.CancellationToken);

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        foreach (var provider in Providers)
        {
            await provider.DisposeAsync();
        }

        await _app.DisposeAsync();
    }

    private static string CreateKey(string accountId, SigningSecrets secret) => ApiKey.Create(accountId, KeyId, RandomSource.Secure, secret, out _);

    private static CatalogSnapshot Catalog(
        IReadOnlyList<SimulatedProviderHost> hosts,
        Action<int, JsonObject>? change,
        Action<JsonObject>? changeModel,
        Action<int, JsonObject>? changeProvider,
        ImmutableArray<string>? kinds,
        Action<JsonArray>? addModels)
    {
        var model = new JsonObject
        {
            ["id"] = "test-model",
            ["aliases"] = new JsonArray("test-alias"),
            ["owned_by"] = "tests",
            ["created"] = "2026-01-01",
            ["context_window"] = 128_000,
            ["max_output_tokens"] = 4096,
            ["prices"] = new JsonArray(new JsonObject
            {
                ["from"] = "2026-01-01T00:00:00Z",
                ["per_million"] = new JsonObject { ["input"] = "1", ["output"] = "10" },
            }),
        };
        changeModel?.Invoke(model);
        var models = new JsonArray(model);
        addModels?.Invoke(models);
        var catalog = new JsonObject
        {
            ["providers"] = new JsonArray([.. hosts.Select((host, index) =>
            {
                var provider = new JsonObject { ["name"] = $"provider-{index}", ["kind"] = "openai", ["base_url"] = $"{host.BaseAddress}v1", ["unknown_fields"] = "pass" };
                changeProvider?.Invoke(index, provider);
                return provider;
            })]),
            ["models"] = models,
            ["channels"] = new JsonArray([.. hosts.Select((_, index) =>
            {
                var channel = new JsonObject
                {
                    ["name"] = $"channel-{index}",
                    ["provider"] = $"provider-{index}",
                    ["key_env"] = "TEST_KEY",
                    ["models"] = new JsonArray("test-model"),
                    ["priority"] = index,
                };
                change?.Invoke(index, channel);
                return channel;
            })]),
        };
        var result = CatalogFile.Parse(Encoding.UTF8.GetBytes(catalog.ToJsonString()), _ => ProviderKey, DateTimeOffset.UtcNow, kinds: kinds);
        return result.Snapshot ?? throw new InvalidOperationException(string.Join('\n', result.Errors));
    }
}
