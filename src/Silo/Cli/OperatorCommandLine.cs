using System.CommandLine;
using System.Text.Json.Nodes;
using OrleansGateway.Hosting;
using OrleansGateway.Silo.Configuration;
using static OrleansGateway.Silo.Cli.Verbs;

namespace OrleansGateway.Silo.Cli;

/// <summary>
/// The operator's command line. Every verb is one call of the operator API: the running service's, or, when none runs, that of
/// a gateway in this process. Exit codes: 0 done, 1 refused or failed, 2 not a valid command.
/// </summary>
internal static class OperatorCommandLine
{
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

        return await parsed.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
    }

    private static RootCommand CreateRoot()
    {
        var root = new RootCommand("OrleansGateway: without a verb, or with 'serve', it runs; the other verbs operate it.") { Format };
        root.Add(new Command("serve", "runs the gateway; settings may follow, such as --Gateway:Urls=http://127.0.0.1:8080"));
        root.Add(AccountVerbs.Create(CallAsync));
        root.Add(KeyVerbs.Create(CallAsync));
        root.Add(ReadingVerbs.Usage(CallAsync));
        root.Add(ReadingVerbs.Ledger(CallAsync));
        root.Add(ReadingVerbs.Verify(VerifyAsync));
        root.Add(CatalogVerbs.Create(CallAsync));
        return root;
    }

    private static Task<int> CallAsync(ParseResult parsed, OperatorCall call, CancellationToken cancellationToken) =>
        CallAsync(call, answer => Print(parsed, JsonNode.Parse(answer)), cancellationToken);

    /// <summary>Prints what is wrong; the exit code is 1 if anything is.</summary>
    private static Task<int> VerifyAsync(ParseResult parsed, OperatorCall call, CancellationToken cancellationToken) =>
        CallAsync(
            call,
            text =>
            {
                var answer = JsonNode.Parse(text)!;
                var problems = answer["problems"]!.AsArray();
                if (parsed.GetValue(Format) == OutputFormat.Table && problems.Count == 0)
                {
                    Console.Out.WriteLine("The books are right.");
                    return 0;
                }

                Print(parsed, parsed.GetValue(Format) == OutputFormat.Json ? answer : problems);
                return problems.Count == 0 ? 0 : 1;
            },
            cancellationToken);

    private static int Print(ParseResult parsed, JsonNode? answer)
    {
        Printer.Print(Console.Out, answer, parsed.GetValue(Format));
        return 0;
    }

    /// <summary>Makes a call and uses its answer; what is refused or fails is told.</summary>
    /// <returns>The exit code.</returns>
    public static async Task<int> CallAsync(OperatorCall call, Func<string, int> use, CancellationToken cancellationToken)
    {
        try
        {
            var configuration = new ConfigurationManager();
            GatewayConfiguration.Fill(configuration, []);
            var options = configuration.GetSection(GatewayOptions.Section).Get<OperatorOptions>() ?? new OperatorOptions();
            await using var client = await OperatorClient.ConnectAsync(options, () => LocalGateway.StartAsync(configuration, cancellationToken));
            return use(await client.SendAsync(call, cancellationToken));
        }
        catch (RefusedException exception)
        {
            await Console.Error.WriteLineAsync(exception.Message);
            return exception.ExitCode;
        }
        catch (HttpRequestException exception)
        {
            await Console.Error.WriteLineAsync($"The operator API does not answer: {exception.Message}");
            return 1;
        }
        catch (Exception exception) when (StartUp.Explain(exception) is { } lines)
        {
            foreach (var line in lines)
            {
                await Console.Error.WriteLineAsync(line);
            }

            return 1;
        }
    }
}
