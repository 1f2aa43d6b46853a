using OrleansGateway.Grains.Contracts.Pricing;
using OrleansGateway.Ledger.Postgres;
using OrleansGateway.Silo.Cli;
using OrleansGateway.Silo.Operator;
using OrleansGateway.Tests.Unit.Architecture;
using Xunit;
using static OrleansGateway.Grains.Contracts.Pricing.Unit;

namespace OrleansGateway.Tests.Unit.Operator;

/// <summary>Usage as operators are shown it.</summary>
public sealed class UsageRowTests
{
    private static readonly Usage OfAll = new(unit => (long)unit + 1) { IsEstimated = true };

    private static readonly UsageListing Listing = new()
    {
        At = new(2026, 3, 14, 12, 0, 0, TimeSpan.Zero),
        AccountId = "account",
        KeyId = "key",
        RequestId = "request",
        Model = "model",
        Channel = "channel",
        Endpoint = "endpoint",
        PriceId = "price",
        Usage = OfAll,
        Charge = 1,
        FirstByteMs = 2,
        DurationMs = 3,
        Status = "client_gone",
        ClientAddress = "192.0.2.7",
        ExtraAttempts = 4,
    };

    [Fact]
    public void Row_OfEveryUnit_NamesEach()
    {
        var row = Listing.ToProto();

        Assert.Equal(Units.All.ToDictionary(unit => unit.Name(), unit => OfAll[unit]), row.Units);
        Assert.True(row.IsEstimated);
        Assert.Equal(4, Assert.Single(Rows.Of(row), field => field.Name == "extra_attempts").Value);
        Assert.All(Units.All, unit => Assert.Equal(OfAll[unit], ValueOf(Rows.Of(row), unit.Name())));
    }

    [Fact]
    public void Row_OfSomeUnits_LeavesOutWhatIsZero()
    {
        var row = (Listing with { Usage = new Usage { [Reasoning] = 5, [Images] = 2 } }).ToProto();

        Assert.Equal(new Dictionary<string, long> { ["reasoning"] = 5, ["images"] = 2 }, row.Units);
        Assert.Equal((0L, 5L, 2L), (ValueOf(Rows.Of(row), "input"), ValueOf(Rows.Of(row), "reasoning"), ValueOf(Rows.Of(row), "images")));
    }

    [Fact]
    public void Row_WithAUnitThatIsNotKnown_ShowsTheOthers()
    {
        var row = Listing.ToProto();
        row.Units["parsecs"] = 12;

        Assert.DoesNotContain(Rows.Of(row), field => field.Name == "parsecs");
        Assert.Equal(1L, ValueOf(Rows.Of(row), "input"));
    }

    [Fact]
    public void Total_OfEveryUnit_SumsTokensAndShowsTheOthers()
    {
        var total = new UsageTotal { Requests = 1, Completed = 1, Usage = OfAll, Charge = 1, Shortfall = 2 }.ToProto();
        var fields = Rows.Of(total);

        Assert.Equal(2, total.ShortfallNanos);
        Assert.Contains(fields, field => field is { Name: "shortfall_usd", Value: Usd { Nanos: var nanos } } && nanos == 2);
        Assert.Equal(Units.All.ToDictionary(unit => unit.Name(), unit => OfAll[unit]), total.Units);
        Assert.Equal(
            (OfAll.TotalInput - OfAll.Sum(Units.CachedTokens), OfAll.Sum(Units.CachedTokens), OfAll.TotalOutput),
            (ValueOf(fields, "fresh_input"), ValueOf(fields, "cached_input"), ValueOf(fields, "output")));
        Assert.All(Units.All.Where(PriceUnits.Contains), unit => Assert.Equal(OfAll[unit], ValueOf(fields, unit.Name())));
    }

    /// <summary>What generates its own client, or writes a catalog, finds every unit named.</summary>
    [Fact]
    public void Documents_OfUsageAndPrices_NameEveryUnit()
    {
        var proto = File.ReadAllText(Path.Combine(SourceTree.Shipped, "Operator.Contracts", "operator.proto"));
        var catalog = File.ReadAllText(Path.Combine(SourceTree.Shipped, "..", "docs", "catalog.md"));

        Assert.All(Units.All, unit => Assert.Matches($@"\b{unit.Name()}\b", proto));
        Assert.All(Units.All, unit => Assert.Contains($"`{unit.PerOne() ?? unit.Name()}`", catalog, StringComparison.Ordinal));
    }

    private static UnitSet PriceUnits => UnitSet.Of(Calls, Seconds, Characters, Images, Searches);

    private static object? ValueOf(Field[] fields, string name) => Assert.Single(fields, field => field.Name == name).Value;
}
