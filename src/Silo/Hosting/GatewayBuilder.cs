using Microsoft.Extensions.Options;
using Npgsql;
using OrleansGateway.Edge;
using OrleansGateway.Grains.Accounts;
using OrleansGateway.Hosting;
using OrleansGateway.Ledger;
using OrleansGateway.Ledger.Postgres;
using OrleansGateway.Silo.Configuration;
using OrleansGateway.Silo.Operator;

namespace OrleansGateway.Silo.Hosting;

/// <summary>The parts of a host that runs accounts.</summary>
internal static class GatewayBuilder
{
    /// <summary>The database, the lock on it, its upkeep, and the journal that writes to it.</summary>
    public static void AddLedger(this IHostApplicationBuilder builder)
    {
        builder.Services.AddOptions<LedgerSettings>().Bind(builder.Configuration.GetSection(LedgerSettings.Section)).ValidateOnStart();
        builder.Services.AddSingleton<IValidateOptions<LedgerSettings>, LedgerSettingsValidator>();
        builder.Services.AddSingleton(new AccountOptions { ProcessId = Guid.NewGuid().ToString("N") });
        builder.Services.AddSingleton(provider => LedgerDataSource.Create(provider.GetRequiredService<IOptions<LedgerSettings>>().Value.Ledger));
        builder.Services.AddSingleton<LedgerQueries>();
        builder.Services.AddSingleton<ILedger>(provider => new PostgresLedger(provider.GetRequiredService<NpgsqlDataSource>()));
        builder.Services.AddSingleton(provider => new Journal(
            provider.GetRequiredService<ILedger>(),
            provider.GetRequiredService<TimeProvider>(),
            TaskScheduler.Default,
            new JournalOptions(),
            provider.GetRequiredService<ILogger<Journal>>()));
        builder.Services.AddSingleton(provider => new GatewayLock(
            provider.GetRequiredService<IOptions<LedgerSettings>>().Value.Ledger,
            isExclusive: !GrainEngine.IsCluster,
            provider.GetRequiredService<TimeProvider>()));
        builder.Services.AddSingleton<LockService>();
        builder.Services.AddSingleton<IGatewayLock>(provider => provider.GetRequiredService<LockService>());
        builder.Services.AddSingleton<IReadinessCheck>(provider => provider.GetRequiredService<LockService>());
        builder.Services.AddSingleton<IReadinessCheck, LedgerReadiness>();
        builder.Services.AddHostedService(provider => provider.GetRequiredService<LockService>());
        builder.Services.AddHostedService<Upkeep>();
        builder.Services.AddHostedService<JournalService>();
    }

    /// <summary>The catalog's file is published, at start and when it changes.</summary>
    public static void AddCatalogWatch(this IHostApplicationBuilder builder) => builder.Services.AddHostedService<CatalogWatch>();

    /// <summary>The relay, in the process that has the grains.</summary>
    public static void AddRelay(this IHostApplicationBuilder builder)
    {
        builder.Services.AddCatalogFollower(provider => provider.GetRequiredService<LockService>().IsHeld);
        builder.Services.AddEdge(builder.Configuration);
    }

    /// <summary>The operator API.</summary>
    public static void AddOperatorApi(this IHostApplicationBuilder builder)
    {
        builder.Services.AddOptions<OperatorOptions>().Bind(builder.Configuration.GetSection(GatewayOptions.Section)).ValidateOnStart();
        builder.Services.AddSingleton<IValidateOptions<OperatorOptions>, OperatorOptionsValidator>();
        builder.Services.AddSingleton<ConfiguredCatalog>();
        builder.Services.AddSingleton<OperatorHost>();
        builder.Services.AddHostedService(provider => provider.GetRequiredService<OperatorHost>());
    }
}
