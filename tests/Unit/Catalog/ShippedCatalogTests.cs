using System.Runtime.CompilerServices;
using OrleansGateway.Grains.Contracts.Catalog;
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
            ["sim-mini", "sim-large", "sim-claude", "sim-gemini", "sim-embed", "sim-moderate", "sim-rank", "sim-speak", "sim-hear", "sim-paint"],
            result.Snapshot!.Models.Select(model => model.Id));
    }

    private static CatalogResult Parse(string name, EnvironmentVariables environment, [CallerFilePath] string thisFile = "")
    {
        var path = Path.Combine(Path.GetDirectoryName(thisFile)!, "../../../src/Silo", name);
        return CatalogFile.Parse(File.ReadAllBytes(path), environment, CatalogText.Now);
    }
}
