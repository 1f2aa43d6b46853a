using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using OrleansGateway.Grains.Contracts.Catalog;
using OrleansGateway.Silo.Hosting;
using static OrleansGateway.Silo.Cli.Verbs;

namespace OrleansGateway.Silo.Cli;

/// <summary>Verbs of the catalog.</summary>
internal static class CatalogVerbs
{
    public static Command Create(VerbRunner run) => new("catalog", "providers, channels, models, prices")
    {
        FileVerb("check", "tells everything that is wrong with a catalog file", (_, file, _) => Task.FromResult(Check(file))),
        FileVerb("apply", "publishes a catalog file; it stays in force until another is published", ApplyAsync),
        Show(),
        Verb("models", "the models that can be called", run, [], _ => new OperatorCall(HttpMethod.Get, "models")),
        Reload(),
    };

    private static Command FileVerb(string name, string description, Func<ParseResult, string, CancellationToken, Task<int>> act)
    {
        var file = new Argument<string>("file") { Description = "a catalog file" };
        var command = new Command(name, description) { file };
        command.SetAction((parsed, cancellationToken) => act(parsed, parsed.GetValue(file)!, cancellationToken));
        return command;
    }

    private static Command Show()
    {
        var text = new Option<bool>("--text") { Description = "the catalog itself, as it was published" };
        var command = new Command("show", "the version in force, and what is off in it") { text };
        command.SetAction((parsed, cancellationToken) => parsed.GetValue(text)
            ? OperatorCommandLine.CallAsync(new OperatorCall(HttpMethod.Get, "catalog/text"), PrintText, cancellationToken)
            : OperatorCommandLine.CallAsync(new OperatorCall(HttpMethod.Get, "catalog"), answer => Print(parsed, answer), cancellationToken));
        return command;
    }

    private static Command Reload()
    {
        var command = new Command("reload", "publishes the configured file as it is now");
        command.SetAction((parsed, cancellationToken) => OperatorCommandLine.CallAsync(
            new OperatorCall(HttpMethod.Post, "catalog/reload"), answer => Print(parsed, answer), cancellationToken));
        return command;
    }

    private static async Task<int> ApplyAsync(ParseResult parsed, string path, CancellationToken cancellationToken)
    {
        if (ConfiguredCatalog.TryRead(path, out var utf8) is { } unread)
        {
            await Console.Error.WriteLineAsync($"{path}: {unread}");
            return 1;
        }

        return await OperatorCommandLine.CallAsync(
            new OperatorCall(HttpMethod.Post, $"catalog?source={Escape(path)}", Text: utf8), answer => Print(parsed, answer), cancellationToken);
    }

    /// <summary>Reads a catalog file here: that takes neither a service nor a database.</summary>
    private static int Check(string path)
    {
        var result = ConfiguredCatalog.TryRead(path, out var utf8) is { } unread
            ? new CatalogResult(null, [unread], [])
            : CatalogFile.Parse(utf8, Environment.GetEnvironmentVariable, TimeProvider.System.GetUtcNow());
        foreach (var warning in result.Warnings)
        {
            Console.Error.WriteLine($"{path}: warning: {warning}");
        }

        foreach (var error in result.Errors)
        {
            Console.Error.WriteLine($"{path}: {error}");
        }

        if (result.Snapshot is { } snapshot)
        {
            Console.Out.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{path} is valid: {snapshot.Models.Length} models, {snapshot.Channels.Count(channel => channel.IsOn)} of {snapshot.Channels.Length} channels are on."));
        }

        return result.Snapshot is null ? 1 : 0;
    }

    /// <summary>Warnings are sentences, which no table holds.</summary>
    private static int Print(ParseResult parsed, string answer)
    {
        var shown = JsonNode.Parse(answer)!.AsObject();
        var format = parsed.GetValue(Format);
        if (format != OutputFormat.Json)
        {
            foreach (var warning in shown["warnings"]!.AsArray())
            {
                Console.Error.WriteLine($"{shown["source"]}: warning: {warning}");
            }

            shown.Remove("warnings");
        }

        Printer.Print(Console.Out, shown, format);
        return 0;
    }

    private static int PrintText(string text)
    {
        Console.Out.Write(text);
        return 0;
    }
}
