using System.Security.Cryptography;
using OrleansGateway.Hosting;
using OrleansGateway.Silo.Hosting;
using OrleansGateway.Silo.Operator;

namespace OrleansGateway.Silo.Cli;

/// <summary>
/// A gateway in this process for one verb, when none runs as a service: the same lock, grains and operator API, on a port and
/// with a token that nobody else knows, but nothing for clients.
/// </summary>
internal sealed class LocalGateway : IAsyncDisposable
{
    private static readonly TimeSpan LockPatience = TimeSpan.FromSeconds(3);

    private readonly IHost _host;

    private LocalGateway(IHost host, string token)
    {
        _host = host;
        Token = token;
        Address = new Uri(host.Services.GetRequiredService<OperatorHost>().Addresses[0]);
    }

    /// <summary>Where its operator API is.</summary>
    public Uri Address { get; }

    /// <summary>The bearer token of its operator API.</summary>
    public string Token { get; }

    /// <summary>Starts one once it has the gateway lock.</summary>
    /// <exception cref="RefusedException">Another gateway has the lock, or silos run the accounts.</exception>
    public static async Task<LocalGateway> StartAsync(IConfiguration configuration, CancellationToken cancellationToken)
    {
        if (GrainEngine.IsCluster)
        {
            throw new RefusedException(1, $"No silo answers at {configuration["Gateway:OperatorUrls"]}: see {SettingNames.Full("Gateway:OperatorUrls")}.");
        }

        var token = Convert.ToHexString(RandomNumberGenerator.GetBytes(32));
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Configuration.AddConfiguration(configuration);
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["Gateway:OperatorUrls"] = "http://127.0.0.1:0",
            ["Gateway:OperatorToken"] = token,

            // Only one verb reads the configured catalog's file, so none has to be named.
            ["Gateway:Catalog"] = configuration["Gateway:Catalog"] is { Length: > 0 } catalog ? catalog : "none",
            ["Gateway:StartSeconds"] = "0",
            ["Logging:LogLevel:Default"] = "Error",
        });
        builder.AddCommon(servesClients: false);
        builder.AddLedger();
        builder.AddGrains();
        builder.AddOperatorApi();

        var host = builder.Build();
        try
        {
            await host.Services.CheckLedgerAsync(cancellationToken);
            await host.StartAsync(cancellationToken);
            if (!await host.Services.GetRequiredService<LockService>().WaitUntilHeldAsync(LockPatience, cancellationToken))
            {
                throw new RefusedException(1,
                    $"A gateway runs on this database, but its operator API does not answer at {configuration["Gateway:OperatorUrls"]}: "
                    + $"see {SettingNames.Full("Gateway:OperatorUrls")}.");
            }

            return new LocalGateway(host, token);
        }
        catch
        {
            await StopAsync(host);
            throw;
        }
    }

    public async ValueTask DisposeAsync() => await StopAsync(_host);

    private static async Task StopAsync(IHost host)
    {
        await host.StopAsync();
        if (host is IAsyncDisposable disposable)
        {
            await disposable.DisposeAsync();
        }
    }
}
