using Microsoft.Extensions.Options;
using Npgsql;
using Orleans.Embedded;
using OrleansGateway.Edge;
using OrleansGateway.Grains.Accounts;
using OrleansGateway.Grains.Contracts.Keys;
using OrleansGateway.Ledger;
using OrleansGateway.Ledger.Postgres;
using OrleansGateway.Silo.Configuration;
using OrleansGateway.Silo.Operator;

namespace OrleansGateway.Silo.Hosting;

/// <summary>The parts of the gateway's host.</summary>
internal static class GatewayBuilder
{
    /// <summary>What a stop may take after running requests had their time: settlements, giving back, closing.</summary>
    private static readonly TimeSpan StopMargin = TimeSpan.FromSeconds(25);

    /// <summary>A web host for the clients' port, without services of our own yet.</summary>
    public static WebApplicationBuilder Create(string[] arguments)
    {
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
        GatewayConfiguration.Fill(builder.Configuration, arguments);
        builder.Services.AddGatewayOptions(builder.Configuration);
        builder.Logging.AddGatewayConsole(builder.Configuration);
        builder.Services.AddSingleton<ClientConnections>();
        builder.Services.AddSingleton<IConfigureOptions<Microsoft.AspNetCore.Server.Kestrel.Core.KestrelServerOptions>, ClientConnections.Tracking>();
        builder.Services.AddHostedService<ClientPort>();
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.UseUrls([.. GatewayOptions.Split(builder.Configuration[$"{GatewayOptions.Section}:{nameof(GatewayOptions.Urls)}"] ?? "")]);
        var stop = StopTime(builder.Configuration);
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = stop + StopMargin);
        return builder;
    }

    /// <summary>Options with their checks.</summary>
    public static void AddGatewayOptions(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddOptions<GatewayOptions>().Bind(configuration.GetSection(GatewayOptions.Section)).ValidateOnStart();
        services.AddOptions<LedgerSettings>().Bind(configuration.GetSection(LedgerSettings.Section)).ValidateOnStart();
        services.AddOptions<TelemetryOptions>().Bind(configuration.GetSection(TelemetryOptions.Section)).ValidateOnStart();
        services.AddSingleton<IValidateOptions<GatewayOptions>, GatewayOptionsValidator>();
        services.AddSingleton<IValidateOptions<LedgerSettings>, LedgerSettingsValidator>();
        services.AddSingleton<IValidateOptions<TelemetryOptions>, TelemetryOptionsValidator>();
        services.AddSingleton(TimeProvider.System);
        services.AddSingleton(RandomSource.Secure);
    }

    /// <summary>Logs, one line each.</summary>
    public static void AddGatewayConsole(this ILoggingBuilder logging, IConfiguration configuration)
    {
        logging.ClearProviders();
        logging.AddConfiguration(configuration.GetSection("Logging"));
        logging.AddConsoleFormatter<LineFormatter, Microsoft.Extensions.Logging.Console.ConsoleFormatterOptions>();
        logging.AddConsole(console => console.FormatterName = LineFormatter.FormatterName);
    }

    public static void AddTelemetry(this IServiceCollection services) => services.AddHostedService<Telemetry>();

    /// <summary>The database, the lock on it, its upkeep, and the journal that writes to it.</summary>
    public static void AddLedger(this IServiceCollection services)
    {
        services.AddSingleton(new AccountOptions { ProcessId = Guid.NewGuid().ToString("N") });
        services.AddSingleton(provider => LedgerDataSource.Create(provider.GetRequiredService<IOptions<LedgerSettings>>().Value.Ledger));
        services.AddSingleton<LedgerQueries>();
        services.AddSingleton<ILedger>(provider => new PostgresLedger(provider.GetRequiredService<NpgsqlDataSource>()));
        services.AddSingleton(provider => new Journal(
            provider.GetRequiredService<ILedger>(),
            provider.GetRequiredService<TimeProvider>(),
            TaskScheduler.Default,
            new JournalOptions(),
            provider.GetRequiredService<ILogger<Journal>>()));
        services.AddSingleton(provider => new GatewayLock(
            provider.GetRequiredService<IOptions<LedgerSettings>>().Value.Ledger, provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton<SoleGateway>();
        services.AddSingleton<ISoleGateway>(provider => provider.GetRequiredService<SoleGateway>());
        services.AddHostedService(provider => provider.GetRequiredService<SoleGateway>());
        services.AddHostedService<Upkeep>();
        services.AddHostedService<JournalService>();
    }

    /// <summary>The engine with the accounts.</summary>
    public static void AddAccounts(this IServiceCollection services)
    {
        services.AddEmbeddedGrains(grains => grains.AddGrains(typeof(AccountGrain).Assembly));
    }

    /// <summary>The catalog, read again when its file changes.</summary>
    public static void AddCatalog(this IServiceCollection services)
    {
        services.AddSingleton<CatalogSource>();
        services.AddSingleton<ICatalogSource>(provider => provider.GetRequiredService<CatalogSource>());
        services.AddHostedService<CatalogWatch>();
    }

    /// <summary>The relay; how long a stop waits for its requests is the gateway's setting.</summary>
    public static void AddRelay(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddEdge(configuration);
        services.Configure<EdgeOptions>(edge => edge.StopWaitMs = (int)Math.Max(0, StopTime(configuration).TotalMilliseconds));
    }

    /// <summary>The operator API.</summary>
    public static void AddOperatorApi(this IServiceCollection services)
    {
        services.AddSingleton<Readiness>();
        services.AddSingleton<OperatorHost>();
        services.AddHostedService(provider => provider.GetRequiredService<OperatorHost>());
    }

    /// <summary>What keys are signed with, from the settings.</summary>
    public static void AddSigningSecret(this IServiceCollection services) => services.AddSingleton(provider =>
        SigningSecret.TryParse(provider.GetRequiredService<IOptions<GatewayOptions>>().Value.SigningSecret, out var secret)
            ? secret
            : throw new InvalidOperationException("The signing secret is checked at start."));

    /// <summary>How long a stop waits for running requests. Not from the options: it is needed before they are checked.</summary>
    private static TimeSpan StopTime(IConfiguration configuration) =>
        TimeSpan.FromSeconds(configuration.GetValue<int>($"{GatewayOptions.Section}:{nameof(GatewayOptions.StopSeconds)}"));
}
