using OrleansGateway.Grains.Contracts.Catalog;
using Xunit;
using static OrleansGateway.Grains.Contracts.Pricing.Unit;

namespace OrleansGateway.Tests.Unit.Catalog;

public sealed class CatalogReloadTests
{
    private static readonly CatalogSnapshot First = CatalogSnapshotTests.Read(CatalogText.Parse(CatalogText.Valid));

    [Fact]
    public void Parse_AsLargeAsCanBe_IsTaken_OneByteMoreIsNot()
    {
        var most = CatalogText.Valid + new string(' ', CatalogFile.MaxBytes - System.Text.Encoding.UTF8.GetByteCount(CatalogText.Valid));

        Assert.Empty(CatalogText.Parse(most).Errors);
        Assert.Equal(1, Assert.Single(CatalogText.Parse(most + " ").Errors).Line);
    }

    [Fact]
    public void Parse_SameFileAgain_IsTaken() =>
        Assert.Empty(CatalogText.Parse(CatalogText.Valid, First).Errors);

    [Theory]
    [InlineData("\"cached_input\": \"0.15\"", "\"cached_input\": \"0.16\"", "models[0].prices[0].per_million.cached_input", "\"0.16\"")]
    [InlineData("\"cached_input\": \"0.15\", ", "", "models[0].prices[0].per_million", "\"per_million\"")]
    [InlineData("\"per_call\": 0.001,", "\"per_call\": 0.002,", "models[0].prices[0].per_call", "0.002")]
    [InlineData("\"per_call\": 0.001,", "\"per_call\": 0.001, \"per_image\": 0,", "models[0].prices[0].per_image", "\"per_image\"")]
    [InlineData("\"output\": 6 }", "\"output\": 6, \"characters\": 15 }", "models[0].prices[0].per_million.characters", "\"characters\"")]
    [InlineData("\"input\": 3,", "\"input\": 4,", "models[0].prices[0].tiers", "\"tiers\"")]
    [InlineData("\"above_input_tokens\": 50000", "\"above_input_tokens\": 50001", "models[0].prices[0].tiers", "\"tiers\"")]
    [InlineData("\"multiplier\": 0.5", "\"multiplier\": 0.6", "models[0].prices[0].windows[0]", "\"night\"")]
    public void Parse_PriceInForceWithOtherRates_IsRefusedWithLineAndField(string find, string replacement, string path, string at)
    {
        var text = CatalogText.With(find, replacement);
        var result = CatalogText.Parse(text, First);

        Assert.Null(result.Snapshot);
        Assert.Equal((CatalogText.LineOf(text, at), path), (result.Errors[0].Line, result.Errors[0].Path));
        Assert.All(result.Errors, error => Assert.StartsWith("The price 'small@1", error.Message));
    }

    [Fact]
    public void Parse_AnnouncedPriceWithOtherRates_IsTaken()
    {
        var announced = CatalogText.With("\"from\": \"2026-01-01T00:00:00Z\"", "\"from\": \"2027-01-01T00:00:00Z\"");
        var first = CatalogSnapshotTests.Read(CatalogText.Parse(announced));
        var second = CatalogSnapshotTests.Read(CatalogText.Parse(announced.Replace("\"input\": 1.5", "\"input\": 1.4", StringComparison.Ordinal), first));

        Assert.Equal(1_400_000_000, second.Models[0].Prices[0].Price.Base[Input]);
    }
}
