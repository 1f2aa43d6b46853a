using System.CommandLine;
using System.Globalization;
using Google.Protobuf;
using OrleansGateway.Grains.Contracts.Catalog;
using OrleansGateway.Operator.Contracts;
using OrleansGateway.Silo.Hosting;
using static OrleansGateway.Silo.Cli.Verbs;
using Catalog = OrleansGateway.Operator.Contracts.Catalog;
using PublishOutcome = OrleansGateway.Operator.Contracts.PublishOutcome;

namespace OrleansGateway.Silo.Cli;

/// <summary><c>catalog …</c>: providers, channels, models, prices.</summary>
internal static class CatalogVerbs
{
    public static Command Create() => new("catalog", "providers, channels, models, prices")
    {
        Check(),
        Apply(),
        Show(),
        Reading("models", "the models that can be called", [], async (session, _) =>
            session.Output.Write((await session.Catalog.ListModelsAsync(new ListModelsRequest(), session.Soon)).Models, Rows.Of)),
        Change("reload", "publishes the configured file as it is now", [], async (session, _) =>
            Write(session, await session.Catalog.ReloadCatalogAsync(new ReloadCatalogRequest { RequestId = session.RequestId }, session.Soon))),
    };

    private static Argument<string> File() => new("file") { Description = "a catalog file" };

    /// <summary>Reads a catalog file here: that takes neither a service nor a database.</summary>
    private static Command Check()
    {
        var file = File();
        var command = new Command("check", "tells everything that is wrong with a catalog file") { file };
        command.SetAction(parsed => Check(parsed.GetValue(file)!));
        return command;
    }

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

    private static Command Apply()
    {
        var file = File();
        return Change("apply", "publishes a catalog file; it stays in force until another is published", [file], async (session, parsed) =>
        {
            var path = parsed.GetValue(file)!;
            if (ConfiguredCatalog.TryRead(path, out var utf8) is { } unread)
            {
                throw new RefusedException($"{path}: {unread}");
            }

            // One byte more than a catalog may have is refused like any more.
            var text = ByteString.CopyFrom(utf8.AsSpan(0, Math.Min(utf8.Length, CatalogFile.MaxBytes + 1)));
            var request = new ApplyCatalogRequest { RequestId = session.RequestId, Text = text, Source = path };
            Write(session, await session.Catalog.ApplyCatalogAsync(request, session.Soon));
        });
    }

    private static Command Show()
    {
        var text = Flag("--text", "the catalog itself, as it was published");
        return Reading("show", "the version in force, and what is off in it", [text], async (session, parsed) =>
        {
            var catalog = await session.Catalog.GetCatalogAsync(new GetCatalogRequest { IncludeText = parsed.GetValue(text) }, session.Soon);
            if (parsed.GetValue(text))
            {
                session.Output.WriteRaw(catalog.Text.Span);
                return;
            }

            Write(session, catalog, outcome: null);
        });
    }

    private static void Write(Session session, PublishCatalogResponse answer) => Write(session, answer.Catalog, answer.Outcome);

    /// <summary>Warnings are sentences, which no table holds.</summary>
    private static void Write(Session session, Catalog catalog, PublishOutcome? outcome)
    {
        var (fields, warnings) = (Rows.Of(catalog, outcome), Rows.Warnings(catalog));
        if (session.Output.Format == OutputFormat.Json)
        {
            session.Output.Write([.. fields, new Field("warnings", warnings)]);
            return;
        }

        foreach (var warning in warnings)
        {
            session.Output.Note($"{catalog.Source}: warning: {warning}");
        }

        session.Output.Write(fields);
    }
}
