using Microsoft.Extensions.Options;
using Npgsql;
using OrleansGateway.Edge;
using OrleansGateway.Grains.Accounts;
using OrleansGateway.Hosting;
using OrleansGateway.Hosting.Cluster;
using OrleansGateway.Ledger;
using OrleansGateway.Ledger.Postgres;
using OrleansGateway.Operations;
using OrleansGateway.Silo.Configuration;
using OrleansGateway.Silo.Operator;
using OrleansGateway.Silo.Upkeep;

namespace OrleansGateway.Silo.Hosting;

/// <summary>The parts of a host that runs accounts.</summary>
internal static class GatewayBuilder
{
    /// <summary>The key of what operators read; the site has its own.</summary>
    public const string OperatorReports = "operator";

    private const string MoneyPool = "money";

    /// <summary>The database, and how long calls are kept in it.</summary>
    public static void AddDatabase(this IHostApplicationBuilder builder)
    {
        builder.Services.AddSettings<LedgerSettings>(builder.Configuration.GetSection(LedgerSettings.Section));
        builder.Services.AddSingleton<IValidateOptions<LedgerSettings>, LedgerSettingsValidator>();
        builder.Services.AddSettings<RetentionOptions>(builder.Configuration.GetSection(RetentionOptions.Section));
        builder.Services.AddSingleton<IValidateOptions<RetentionOptions>, RetentionOptionsValidator>();
        builder.Services.AddSingleton(provider => LedgerDataSource.Create(provider.GetRequiredService<IOptions<LedgerSettings>>().Value.Ledger));
    }

    /// <summary>The lock on the database, and the journal that writes to it.</summary>
    public static void AddLedger(this IHostApplicationBuilder builder)
    {
        builder.AddDatabase();
        builder.Services.AddSingleton(new AccountOptions { ProcessId = Guid.NewGuid().ToString("N") });
        builder.Services.AddKeyedSingleton(MoneyPool, (provider, _) =>
            LedgerDataSource.CreateForMoney(provider.GetRequiredService<IOptions<LedgerSettings>>().Value.Ledger));
        builder.Services.AddSingleton<ILedger>(provider => new PostgresLedger(
            provider.GetRequiredKeyedService<NpgsqlDataSource>(MoneyPool),
            provider.GetRequiredService<NpgsqlDataSource>(),
            provider.GetRequiredService<TimeProvider>()));
        builder.Services.AddSingleton(provider => new Journal(
            provider.GetRequiredService<ILedger>(),
            provider.GetRequiredService<TimeProvider>(),
            TaskScheduler.Default,
            new JournalOptions(),
            provider.GetRequiredService<ILogger<Journal>>()));
        builder.Services.AddSingleton(provider => new DatabaseLock(
            provider.GetRequiredService<IOptions<LedgerSettings>>().Value.Ledger,
            isExclusive: ClusterSettings.ModeIn(builder.Configuration) != ClusterMode.Cluster,
            provider.GetRequiredService<TimeProvider>()));
        builder.Services.AddSingleton<LockService>();
        builder.Services.AddSingleton<IDatabaseLock>(provider => provider.GetRequiredService<LockService>());
        builder.Services.AddSingleton<IReadinessCheck>(provider => provider.GetRequiredService<LockService>());
        builder.Services.AddSingleton<IReadinessCheck, LedgerReadiness>();
        builder.Services.AddHostedService(provider => provider.GetRequiredService<LockService>());
        builder.Services.AddHostedService<JournalService>();
    }

    /// <summary>The ledger's upkeep, which one of the processes that run grains does.</summary>
    public static void AddUpkeep(this IHostApplicationBuilder builder)
    {
        builder.Services.AddSingleton(provider => new LedgerUpkeep(
            provider.GetRequiredService<NpgsqlDataSource>(),
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ILogger<LedgerUpkeep>>()));
        SiloService.AddPart(builder.Services, static provider => ActivatorUtilities.CreateInstance<UpkeepStart>(provider), needsSilo: true);
    }

    /// <summary>The catalog's file is published, at start and when it changes.</summary>
    public static void AddCatalogWatch(this IHostApplicationBuilder builder) => builder.Services.AddHostedService<CatalogWatch>();

    /// <summary>The relay, in the process that has the grains.</summary>
    public static void AddRelay(this IHostApplicationBuilder builder)
    {
        builder.Services.AddCatalogFollower(provider => provider.GetRequiredService<SiloService>().IsActive);
        builder.Services.AddEdge(builder.Configuration);
    }

    /// <summary>What operators and people may do.</summary>
    public static void AddOperations(this IHostApplicationBuilder builder)
    {
        builder.AddSigningSecrets();
        builder.Services.AddSingleton(provider => new AuditLog(
            provider.GetRequiredService<IOptions<LedgerSettings>>().Value.Ledger,
            provider.GetRequiredService<NpgsqlDataSource>(),
            provider.GetRequiredService<TimeProvider>()));
        builder.Services.AddSingleton<Changes>();
        builder.Services.AddSingleton<AccountOperations>();
        builder.Services.AddSingleton<KeyOperations>();
        builder.Services.AddSingleton(provider => new Memberships(provider.GetRequiredService<NpgsqlDataSource>()));
        builder.Services.AddSingleton<OwnerOperations>();
        builder.Services.AddSingleton(provider => new Announcements(provider.GetRequiredService<NpgsqlDataSource>()));
        builder.Services.AddSingleton<AnnouncementOperations>();
    }

    /// <summary>The operators' API.</summary>
    public static void AddOperatorApi(this IHostApplicationBuilder builder)
    {
        builder.AddOperations();
        builder.Services.AddSettings<OperatorOptions>(builder.Configuration.GetSection(GatewayOptions.Section));
        builder.Services.AddSingleton<IValidateOptions<OperatorOptions>, OperatorOptionsValidator>();
        builder.Services.AddSingleton<ConfiguredCatalog>();
        builder.Services.AddSingleton<IConfiguredCatalog>(provider => provider.GetRequiredService<ConfiguredCatalog>());
        builder.Services.AddSingleton<CatalogOperations>();
        builder.Services.AddKeyedSingleton(OperatorReports, (provider, _) => new LedgerQueries(provider.GetRequiredService<NpgsqlDataSource>()));
        builder.Services.AddKeyedSingleton(OperatorReports, (provider, key) => new ReportOperations(
            provider.GetRequiredKeyedService<LedgerQueries>(key), provider.GetRequiredService<TimeProvider>()));
        builder.Services.AddSingleton(provider =>
        {
            var silo = provider.GetRequiredService<SiloService>();
            return new OperatorGuard(
                provider.GetRequiredService<IOptions<OperatorOptions>>().Value.OperatorToken,
                new WrongTokens(provider.GetRequiredService<TimeProvider>()),
                () => silo.IsActive);
        });
        builder.Services.AddHostedService<OperatorHealth>();
        SiloService.AddPart(builder.Services, static provider => ActivatorUtilities.CreateInstance<OperatorGrpc>(provider), needsSilo: true);
    }
}
