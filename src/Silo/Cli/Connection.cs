using Grpc.Core;
using Grpc.Core.Interceptors;
using Grpc.Health.V1;
using Npgsql;
using OrleansGateway.Hosting;
using OrleansGateway.Ledger.Postgres;
using OrleansGateway.Operations;
using OrleansGateway.Operator.Contracts;
using OrleansGateway.Silo.Configuration;
using OrleansGateway.Silo.Operator;

namespace OrleansGateway.Silo.Cli;

/// <summary>What a verb's calls go through: the running service, or, for those that only read, the database itself.</summary>
internal sealed class Connection : IAsyncDisposable
{
    private static readonly TimeSpan HealthMax = TimeSpan.FromSeconds(2);

    private readonly IAsyncDisposable? _database;
    private readonly IDisposable? _channel;

    private Connection(CallInvoker calls, string? service, IDisposable? channel, IAsyncDisposable? database)
    {
        Calls = calls;
        Service = service;
        _channel = channel;
        _database = database;
    }

    public CallInvoker Calls { get; }

    /// <summary>Where the service is; null where there is none.</summary>
    public string? Service { get; }

    /// <summary>Finds the service by the settings, or takes the database for what only reads.</summary>
    /// <param name="verb">What is asked for, such as <c>account credit</c>.</param>
    /// <param name="changes">Whether it takes the service.</param>
    /// <param name="note">Tells the person what the settings led to.</param>
    /// <exception cref="RefusedException">There is no service and there would have to be one, or a setting is missing.</exception>
    public static async Task<Connection> OpenAsync(
        IConfiguration configuration, string verb, bool changes, Action<string> note, CancellationToken cancellationToken)
    {
        var options = SettingValues.Read<OperatorOptions>(configuration.GetSection(GatewayOptions.Section));
        var addresses = ServiceAddress.Of(options);
        if (await FindAsync(addresses, options, cancellationToken) is { } service)
        {
            return service;
        }

        var where = addresses.Count == 0 ? "" : $" at {string.Join(" or ", addresses.Select(address => address.Name))}";
        if (changes)
        {
            throw new RefusedException(
                $"'{verb}' needs the running service, and none runs{where}: start it (./run), or see {SettingNames.Full("Gateway:OperatorSocket")}.");
        }

        var settings = SettingValues.Read<LedgerSettings>(configuration.GetSection(LedgerSettings.Section));
        if (new LedgerSettingsValidator().Validate(null, settings) is { Failed: true } invalid)
        {
            throw new RefusedException(
                $"No service runs{where} (see {SettingNames.Full("Gateway:OperatorSocket")}), and the database cannot be read instead:\n{invalid.FailureMessage}");
        }

        note($"No service runs{where}: read from the database.");
        return await OfDatabaseAsync(settings.Ledger, cancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        _channel?.Dispose();
        if (_database is not null)
        {
            await _database.DisposeAsync();
        }
    }

    /// <summary>The first address that something listens on; of several, the first that is healthy.</summary>
    private static async Task<Connection?> FindAsync(
        IReadOnlyList<ServiceAddress> addresses, OperatorOptions options, CancellationToken cancellationToken)
    {
        Connection? first = null;
        for (var i = 0; i < addresses.Count; i++)
        {
            if (!await addresses[i].IsListeningAsync(cancellationToken))
            {
                continue;
            }

            if (options.OperatorToken.Length == 0)
            {
                throw new RefusedException($"A service runs at {addresses[i].Name}, but {SettingNames.Full("Gateway:OperatorToken")} is missing.");
            }

            var found = OfService(addresses[i], options);
            if ((first is null && i == addresses.Count - 1) || await found.IsHealthyAsync(cancellationToken))
            {
                if (first is not null)
                {
                    await first.DisposeAsync();
                }

                return found;
            }

            if (first is null)
            {
                first = found;
            }
            else
            {
                await found.DisposeAsync();
            }
        }

        return first;
    }

    private async Task<bool> IsHealthyAsync(CancellationToken cancellationToken)
    {
        try
        {
            var deadline = TimeProvider.System.GetUtcNow().UtcDateTime + HealthMax;
            var health = await new Health.HealthClient(Calls).CheckAsync(new HealthCheckRequest(), deadline: deadline, cancellationToken: cancellationToken);
            return health.Status == HealthCheckResponse.Types.ServingStatus.Serving;
        }
        catch (RpcException) when (!cancellationToken.IsCancellationRequested)
        {
            return false;
        }
    }

    private static Connection OfService(ServiceAddress address, OperatorOptions options)
    {
        var channel = address.Open(options.OperatorCertificate);
        var calls = channel.Intercept(metadata =>
        {
            metadata.Add("authorization", $"Bearer {options.OperatorToken}");
            return metadata;
        });
        return new Connection(calls, address.Name, channel, null);
    }

    /// <summary>The same services as far as they only read. What they do not have, no verb calls without a running service.</summary>
    private static async Task<Connection> OfDatabaseAsync(string connectionString, CancellationToken cancellationToken)
    {
        NpgsqlDataSource database;
        try
        {
            database = LedgerDataSource.Create(connectionString);
        }
        catch (ArgumentException exception)
        {
            // Its message names the part that is not understood, never a value.
            throw new RefusedException($"{SettingNames.Full(SettingNames.Ledger)}: {exception.Message}");
        }

        try
        {
            await LedgerMigrator.CheckAsync(database, cancellationToken);
        }
        catch (Exception exception)
        {
            await database.DisposeAsync();
            if (exception is SchemaTooNewException)
            {
                throw new RefusedException($"{SettingNames.Full(SettingNames.Ledger)}: {exception.Message}");
            }

            throw;
        }

        var reports = new ReportOperations(new LedgerQueries(database), TimeProvider.System);
        var calls = new InProcessCalls();
        calls.Add(binder => AccountService.BindService(binder, new StoredAccountGrpc(reports)));
        calls.Add(binder => KeyService.BindService(binder, new StoredKeyGrpc(reports)));
        calls.Add(binder => CatalogService.BindService(binder, new StoredCatalogGrpc(database, TimeProvider.System)));
        calls.Add(binder => ReportService.BindService(binder, new ReportGrpc(reports)));
        calls.Add(binder => AnnouncementService.BindService(binder, new StoredAnnouncementGrpc(new Announcements(database))));
        return new Connection(calls, null, null, database);
    }
}
