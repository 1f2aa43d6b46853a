using System.CommandLine;
using System.Runtime.InteropServices;
using Google.Rpc;
using Grpc.Core;
using Npgsql;
using OrleansGateway.Hosting;
using static OrleansGateway.Silo.Cli.Verbs;

namespace OrleansGateway.Silo.Cli;

/// <summary>
/// The operator's command line: a client of the running service's operator API. Without a service, what only reads is read from the
/// database. Exit codes: 0 done, 1 refused or failed, 2 not a valid command, 130 called off.
/// </summary>
internal static class OperatorCommandLine
{
    private const int CalledOff = 130;

    public static async Task<int> RunAsync(string[] arguments)
    {
        var parsed = CreateRoot().Parse(arguments);
        if (parsed.Errors.Count > 0)
        {
            foreach (var error in parsed.Errors)
            {
                await Console.Error.WriteLineAsync(error.Message);
            }

            await Console.Error.WriteLineAsync("See --help.");
            return 2;
        }

        return await parsed.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null });
    }

    /// <summary>Carries out a verb. What is refused or fails is told.</summary>
    /// <param name="requestId">What names the change; null for a new one.</param>
    /// <returns>The exit code.</returns>
    public static async Task<int> RunVerbAsync(
        ParseResult parsed, bool changes, string? requestId, Func<Session, Task<int>> act)
    {
        // The first signal calls the call off, the second one ends the process.
        using var callOff = new CancellationTokenSource();
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, CallOff);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, CallOff);
        var cancellationToken = callOff.Token;

        // Shown where a person looks at it, never in a file.
        using var progress = new Progress(Console.IsErrorRedirected ? null : Console.Error, TimeProvider.System);
        var output = new Output(parsed.GetValue(Format), progress);
        requestId ??= Guid.NewGuid().ToString();
        var configuration = new ConfigurationManager();
        try
        {
            GatewayConfiguration.Fill(configuration, []);
            var command = parsed.CommandResult.Command;
            var parent = command.Parents.OfType<Command>().FirstOrDefault(above => above is not RootCommand);
            await using var connection = await Connection.OpenAsync(
                configuration, parent is null ? command.Name : $"{parent.Name} {command.Name}", changes, output.Note, cancellationToken);
            try
            {
                return await act(new Session(connection, output, requestId, cancellationToken));
            }
            catch (RpcException exception) when (!cancellationToken.IsCancellationRequested)
            {
                var (exitCode, lines) = Explain(exception, connection.Service, parsed);
                output.Note(string.Join('\n', lines));
                NoteRequest(exception.StatusCode is StatusCode.Unavailable or StatusCode.DeadlineExceeded or StatusCode.Aborted or StatusCode.Internal);
                return exitCode;
            }
        }
        catch (Exception) when (cancellationToken.IsCancellationRequested)
        {
            output.Note("Called off.");
            NoteRequest(isUnknown: true);
            return CalledOff;
        }
        catch (RefusedException exception)
        {
            output.Note(exception.Message);
            return 1;
        }
        catch (Exception exception) when (exception is PostgresException { SqlState: PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.UndefinedColumn })
        {
            output.Note(
                $"{SettingNames.Full(SettingNames.Ledger)}: the database's schema is not this build's ({exception.Message}). Start the service, which brings it up to date.");
            return 1;
        }
        catch (Exception exception) when (exception is NpgsqlException or TimeoutException or System.Net.Sockets.SocketException)
        {
            output.Note($"{SettingNames.Full(SettingNames.Ledger)}: the database cannot be read: {exception.Message}");
            return 1;
        }
        catch (Exception exception) when (StartUp.Explain(exception) is { } lines)
        {
            output.Note(string.Join('\n', lines));
            return 1;
        }

        void CallOff(PosixSignalContext signal)
        {
            signal.Cancel = !callOff.IsCancellationRequested;
            callOff.Cancel();
        }

        void NoteRequest(bool isUnknown)
        {
            if (changes && isUnknown)
            {
                output.Note($"It may have been done. Repeat the command with --request-id {requestId}: that does it once.");
            }
        }
    }

    private static RootCommand CreateRoot() => new("OrleansGateway: without a verb, or with 'serve', it runs; the other verbs operate it.")
    {
        Format,
        new Command("web", "runs the site of a cluster; settings may follow, such as --Site:Url=https://gateway.example"),
        new Command("serve", "runs the gateway; settings may follow, such as --Gateway:Urls=http://127.0.0.1:8080"),
        AccountVerbs.Create(),
        KeyVerbs.Create(),
        ReadingVerbs.Usage(),
        ReadingVerbs.Ledger(),
        ReadingVerbs.Verify(),
        CatalogVerbs.Create(),
        AnnouncementVerbs.Create(),
    };

    /// <summary>What the service refused, by field where it says so.</summary>
    /// <param name="service">Where it is; null where the database was read.</param>
    private static (int ExitCode, IReadOnlyList<string> Lines) Explain(RpcException exception, string? service, ParseResult parsed)
    {
        var status = exception.GetRpcStatus();
        var violations = status?.GetDetail<BadRequest>()?.FieldViolations;
        return (status?.GetDetail<ErrorInfo>()?.Reason, exception.StatusCode) switch
        {
            ("INVALID", _) when violations is { Count: > 0 } => (2, [.. violations.Select(violation => $"{violation.Field}: {violation.Description}")]),
            ("INVALID", _) => (2, [exception.Status.Detail]),
            ("INVALID_CATALOG", _) when violations is { Count: > 0 } => (1, [.. violations.Select(violation => Source(parsed) + violation.Description)]),
            (not null, _) => (1, [exception.Status.Detail]),
            (_, StatusCode.DeadlineExceeded) => (1, [$"The service at {service} did not answer in time."]),
            _ => (1, [$"The service at {service} does not answer as expected; is it the gateway's? {exception.Status.Detail}"]),
        };
    }

    /// <summary>The file that a catalog's errors are in, where the command names one.</summary>
    private static string Source(ParseResult parsed) => parsed.GetResult("file") is System.CommandLine.Parsing.ArgumentResult { Tokens: [var file, ..] } ? $"{file.Value}: " : "";
}
