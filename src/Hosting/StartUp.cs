using System.Net.Sockets;
using System.Runtime.ExceptionServices;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Options;
using Orleans.Runtime.MembershipService;
using StackExchange.Redis;

namespace OrleansGateway.Hosting;

/// <summary>Turns what a start can fail on into messages for the operator, one a line.</summary>
internal static partial class StartUp
{
    /// <summary>Runs the gateway.</summary>
    /// <returns>The process's exit code.</returns>
    public static async Task<int> GuardAsync(Func<Task> run)
    {
        try
        {
            await run();
            return Environment.ExitCode;
        }
        catch (Exception exception) when (Explain(exception) is { } lines)
        {
            foreach (var line in lines)
            {
                await Console.Error.WriteLineAsync(line);
            }

            return 1;
        }
    }

    /// <summary>Starts the host and waits until it is told to stop. What has started is stopped in order when the rest cannot start.</summary>
    public static async Task RunToEndAsync(this IHost host)
    {
        try
        {
            await host.StartAsync();
        }
        catch (Exception exception)
        {
            var isCalledOff = host.Services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping.IsCancellationRequested;
            await StopWhatHasStartedAsync(host);
            if (!isCalledOff)
            {
                throw;
            }

            // By a part that could not start, which has set the exit code; or by a signal while parts waited for something, which is no failure.
            var causes = exception is AggregateException many ? many.Flatten().InnerExceptions : (IReadOnlyList<Exception>)[exception];
            if (Environment.ExitCode != 0 && causes.FirstOrDefault(static cause => Explain(cause) is not null) is { } cause)
            {
                ExceptionDispatchInfo.Throw(cause);
            }

            LogCalledOff(Log(host), exception.Message);
            return;
        }

        await host.WaitForShutdownAsync();
    }

    /// <summary>A part that has not started may fail to stop: why the start failed matters more.</summary>
    private static async Task StopWhatHasStartedAsync(IHost host)
    {
        try
        {
            await host.StopAsync();
        }
        catch (Exception exception)
        {
            LogNotStopped(Log(host), exception.Message);
        }
    }

    private static ILogger Log(IHost host) => host.Services.GetRequiredService<ILoggerFactory>().CreateLogger(typeof(StartUp));

    [LoggerMessage(1, LogLevel.Warning, "After a start that failed not everything could be stopped: {Message}")]
    private static partial void LogNotStopped(ILogger logger, string message);

    [LoggerMessage(2, LogLevel.Warning, "Stopped before it had started: {Message}")]
    private static partial void LogCalledOff(ILogger logger, string message);

    /// <summary>What an operator can mend; null for anything else, which is a bug.</summary>
    public static IEnumerable<string>? Explain(Exception exception) => exception switch
    {
        OptionsValidationException invalid => invalid.Failures,
        AggregateException many when many.InnerExceptions.All(inner => inner is OptionsValidationException) =>
            many.InnerExceptions.Cast<OptionsValidationException>().SelectMany(invalid => invalid.Failures),
        StartUpException start => [start.Message],
        IOException { InnerException: AddressInUseException } taken => [$"{SettingNames.Full("Gateway:Urls")}: {taken.Message}"],
        // The log says by which silo this one was not let in, and whose certificate was refused.
        OrleansClusterConnectivityCheckFailedException alone =>
            [$"Cluster:Certificate, Cluster:CertificateAuthority or Cluster:Address: the other silos cannot be reached, or refuse this one. {alone.Message}"],
        AddressInUseException taken => [$"{SettingNames.Full("Cluster:SiloPort")} or {SettingNames.Full("Cluster:EdgePort")}: {taken.Message}"],
        RedisException or RedisTimeoutException => [$"{SettingNames.Full("Cluster:Redis")}: {exception.Message}"],
        // The exception does not say whether an address is not this machine's, or a port needs rights.
        SocketException refused => [$"{SettingNames.Full("Gateway:Urls")}, Gateway:OperatorUrls or, of a silo, Cluster:Address: {refused.Message}"],
        _ => null,
    };
}
