using System.Collections.Immutable;

namespace OrleansGateway.Grains.Contracts.Catalog;

/// <summary>The value of an environment variable; null when it is not set.</summary>
public delegate string? EnvironmentVariables(string name);

/// <summary>Reads a catalog file: JSON with comments and trailing commas; <c>docs/catalog.md</c> explains every field.</summary>
public static class CatalogFile
{
    /// <summary>The most that a file may have, bytes.</summary>
    public const int MaxBytes = 4 * 1024 * 1024;

    /// <summary>Reads a whole catalog, or tells everything that is wrong with it at once.</summary>
    /// <param name="utf8">The file's bytes.</param>
    /// <param name="environment">What the variables that it names are set to.</param>
    /// <param name="now">Decides which prices are in force.</param>
    /// <param name="known">Prices of earlier versions, by id: those that have been in force stay unchanged. Null for none.</param>
    /// <param name="kinds">The kinds of providers there are; those of <see cref="ProviderKinds.Shipped"/> by default.</param>
    public static CatalogResult Parse(
        ReadOnlyMemory<byte> utf8,
        EnvironmentVariables environment,
        DateTimeOffset now,
        IReadOnlyDictionary<string, KnownPrice>? known = null,
        ImmutableArray<string>? kinds = null)
    {
        var problems = new CatalogProblems();
        if (utf8.Length > MaxBytes)
        {
            problems.Error(1, "", $"The file has more than {MaxBytes} bytes.");
            return problems.ToResult(null);
        }

        if (CatalogJson.Parse(utf8, problems) is not { } node)
        {
            return problems.ToResult(null);
        }
        var root = new CatalogFields(node, problems);
        var variables = new CatalogEnvironment(problems, environment);
        var providers = new ProviderReader(problems, variables, kinds ?? ProviderKinds.Shipped).Read(root);
        var read = new ModelReader(problems, new PriceReader(problems, known, now)).Read(root);
        var models = read.Select(entry => entry.Model).ToList();
        var channels = new ChannelReader(problems, variables, providers, [.. models]).Read(root);
        root.Finish();
        if (problems.HasErrors)
        {
            return problems.ToResult(null);
        }

        var snapshot = new CatalogSnapshot(providers, channels, [.. models]);
        foreach (var (model, modelNode) in read)
        {
            if (snapshot.RoutesTo(model).IsEmpty)
            {
                problems.Warn(modelNode, $"No channel that is on serves '{model.Id}'.");
            }
        }
        return problems.ToResult(snapshot);
    }
}
