namespace OrleansGateway.Grains.Contracts.Catalog;

/// <summary>Reads a catalog file: JSON with comments and trailing commas; <c>docs/catalog.md</c> explains every field.</summary>
public static class CatalogFile
{
    /// <summary>Reads a whole catalog, or tells everything that is wrong with it at once.</summary>
    /// <param name="utf8">The file's bytes.</param>
    /// <param name="environment">The value of an environment variable, null when it is not set.</param>
    /// <param name="now">Decides which prices are in force.</param>
    /// <param name="previous">On a reload, the catalog so far: its prices stay findable, and those in force unchanged.</param>
    public static CatalogResult Parse(
        ReadOnlyMemory<byte> utf8,
        Func<string, string?> environment,
        DateTimeOffset now,
        CatalogSnapshot? previous = null)
    {
        var problems = new CatalogProblems();
        if (CatalogJson.Parse(utf8, problems) is not { } node)
        {
            return problems.ToResult(null);
        }
        var root = new CatalogFields(node, problems);
        var variables = new CatalogEnvironment(problems, environment);
        var providers = new ProviderReader(problems, variables).Read(root);
        var read = new ModelReader(problems, new PriceReader(problems, previous, now)).Read(root);
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
        return problems.ToResult(previous is null ? snapshot : snapshot.Follow(previous));
    }
}
