using Microsoft.Extensions.Options;
using Npgsql;
using OrleansGateway.Hosting;
using OrleansGateway.Silo.Configuration;

namespace OrleansGateway.Silo.Hosting;

/// <summary>What has to hold before anything starts: valid settings, a catalog, a database that answers.</summary>
internal static class StartUpChecks
{
    private static readonly TimeSpan PauseBetweenTries = TimeSpan.FromMilliseconds(250);

    /// <summary>Checks all of it.</summary>
    /// <exception cref="StartUpException">Something is missing; the message names its setting.</exception>
    /// <exception cref="OptionsValidationException">Settings are not valid.</exception>
    public static async Task CheckAsync(this IServiceProvider services)
    {
        services.GetRequiredService<IStartupValidator>().Validate();
        services.GetRequiredService<ConfiguredCatalog>().Check();
        await services.CheckLedgerAsync();
    }

    /// <summary>Waits, a bounded time, until the database answers.</summary>
    /// <exception cref="StartUpException">It does not.</exception>
    public static async Task CheckLedgerAsync(this IServiceProvider services)
    {
        var settings = services.GetRequiredService<IOptions<LedgerSettings>>().Value;
        var patience = TimeSpan.FromSeconds(services.GetRequiredService<IOptions<GatewayOptions>>().Value.StartSeconds);
        var time = services.GetRequiredService<TimeProvider>();
        var ledger = CreateDataSource(services);
        var startedAt = time.GetTimestamp();
        while (true)
        {
            try
            {
                await using var connection = await ledger.OpenConnectionAsync();
                return;
            }
            catch (Exception exception) when (exception is NpgsqlException or TimeoutException or System.Net.Sockets.SocketException)
            {
                if (time.GetElapsedTime(startedAt) >= patience || IsHopeless(exception))
                {
                    throw new StartUpException(
                        $"{SettingNames.Full(SettingNames.Ledger)}: the database at {Describe(settings.Ledger)} cannot be used: {exception.Message}");
                }
            }

            await Task.Delay(PauseBetweenTries, time);
        }
    }

    private static NpgsqlDataSource CreateDataSource(IServiceProvider services)
    {
        try
        {
            return services.GetRequiredService<NpgsqlDataSource>();
        }
        catch (ArgumentException exception)
        {
            // Its message names the part that is not understood, never a value.
            throw new StartUpException($"{SettingNames.Full(SettingNames.Ledger)}: {exception.Message}");
        }
    }

    /// <summary>A server that answers and refuses will refuse again; one that is starting will not.</summary>
    private static bool IsHopeless(Exception exception) =>
        exception is PostgresException { IsTransient: false };

    /// <summary>Host, port and database, never the password.</summary>
    private static string Describe(string connectionString)
    {
        var parts = new NpgsqlConnectionStringBuilder(connectionString);
        return $"{parts.Host}, database {parts.Database ?? parts.Username}";
    }
}
