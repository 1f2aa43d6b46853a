using System.Runtime.CompilerServices;
using System.Text.Json.Nodes;
using OrleansGateway.Grains.Contracts.Catalog;
using OrleansGateway.Tests.Unit.Architecture;
using Xunit;

namespace OrleansGateway.Tests.Unit.Catalog;

public sealed class ShippedCatalogTests
{
    [Fact]
    public void Parse_ExampleWithEveryKey_HasNeitherErrorsNorWarnings()
    {
        var result = Parse("catalog.example.json", name => name.EndsWith("_API_KEY", StringComparison.Ordinal) ? "key" : null);

        Assert.Empty(result.Errors);
        Assert.Empty(result.Warnings);
        Assert.All(result.Snapshot!.Models, model => Assert.All(model.Prices, price =>
        {
            Assert.NotNull(price.Source);
            Assert.NotNull(price.SourceDate);
        }));
    }

    [Fact]
    public void Parse_ExampleWithoutKeys_HasEveryChannelOff()
    {
        var result = Parse("catalog.example.json", _ => null);

        Assert.Empty(result.Errors);
        Assert.All(result.Snapshot!.Channels, channel => Assert.False(channel.IsOn));
    }

    [Fact]
    public void Parse_Simulated_ServesItsModelsOverTheProvidersAddress()
    {
        var result = Parse("catalog.simulated.json", name => name == "SIMULATED_PROVIDER_URL" ? "http://127.0.0.1:9/v1" : null);

        Assert.Empty(result.Errors);
        Assert.Empty(result.Warnings);
        Assert.Equal(
            ["sim-mini", "sim-large", "sim-thinker", "sim-claude", "sim-gemini", "sim-embed", "sim-moderate", "sim-rank", "sim-speak", "sim-hear", "sim-paint", "sim-realtime"],
            result.Snapshot!.Models.Select(model => model.Id));
    }

    /// <summary>The providers and channels that <c>docs/catalog.md</c> shows, one of each kind with a name.</summary>
    [Fact]
    public void Parse_DocumentedProviders_AreOneOfEachKind()
    {
        var document = File.ReadAllText(Path.Combine(SourceTree.Shipped, "../docs/catalog.md"));
        var start = document.IndexOf("```jsonc", document.IndexOf("### Providers by name", StringComparison.Ordinal), StringComparison.Ordinal) + 8;
        var catalog = JsonNode.Parse(
            document[start..document.IndexOf("```", start, StringComparison.Ordinal)], documentOptions: new() { AllowTrailingCommas = true })!.AsObject();
        var names = catalog["channels"]!.AsArray().SelectMany(channel => channel!["models"] is JsonObject named
            ? named.Select(static entry => entry.Key)
            : channel["models"]!.AsArray().Select(static model => (string)model!)).Distinct();
        catalog["models"] = new JsonArray([.. names.Select(static name => new JsonObject
        {
            ["id"] = name,
            ["owned_by"] = "x",
            ["context_window"] = 1000,
            ["max_output_tokens"] = 100,
            ["prices"] = new JsonArray(new JsonObject
            {
                ["from"] = "2026-01-01T00:00:00Z", ["per_million"] = new JsonObject { ["input"] = 1, ["output"] = 1 },
            }),
        })]);
        var result = CatalogFile.Parse(System.Text.Encoding.UTF8.GetBytes(catalog.ToJsonString()), _ => "key", CatalogText.Now);

        Assert.Empty(result.Errors);
        Assert.Empty(result.Warnings);
        Assert.Equal(ProviderTraits.Named, result.Snapshot!.Providers.Select(provider => provider.Kind).Distinct().Order(StringComparer.Ordinal));
        Assert.All(ProviderTraits.Named, kind => Assert.Contains($"| `{kind}` |", document, StringComparison.Ordinal));
    }

    private static CatalogResult Parse(string name, EnvironmentVariables environment, [CallerFilePath] string thisFile = "")
    {
        var path = Path.Combine(Path.GetDirectoryName(thisFile)!, "../../../src/Silo", name);
        return CatalogFile.Parse(File.ReadAllBytes(path), environment, CatalogText.Now);
    }
}
