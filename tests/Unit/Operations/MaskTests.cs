using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Operations;
using Xunit;

namespace OrleansGateway.Tests.Unit.Operations;

public sealed class MaskTests
{
    private static readonly KeyFields Current = new()
    {
        Name = "old",
        ExpiresAt = DateTimeOffset.UnixEpoch,
        Models = ["a"],
        Addresses = ["192.0.2.1"],
        Caps = new SpendCaps(1, 2, 3, 4),
        Limits = new RateLimits(5, 6, 7),
        ShowCost = true,
    };

    private static readonly KeyFields Given = new() { Name = "new", Models = ["b"], Caps = new SpendCaps(9, null, null, null) };

    [Fact]
    public void Apply_OfSomePaths_ChangesThoseAlone()
    {
        var changed = Masks.Key.Apply(Current, Given, ["name", "caps.total_nanos", "caps.day_nanos", "limits.concurrency"]);
        Assert.Equal(
            Current with { Name = "new", Caps = new SpendCaps(9, null, 3, 4), Limits = new RateLimits(5, 6, null) },
            changed);
    }

    [Fact]
    public void Apply_OfAllPaths_GivesWhatIsGiven()
    {
        string[] paths = ["name", "expires_at", "models", "addresses", "show_cost", "caps", "limits"];
        Assert.Equal(Given, Masks.Key.Apply(Current, Given, paths));
    }

    [Theory]
    [InlineData("hash")]
    [InlineData("*")]
    [InlineData("Name")]
    [InlineData("caps.year_nanos")]
    [InlineData("")]
    public void Check_OfAPathThatThereIsNot_NamesItAndTheMask(string path)
    {
        var problems = new Problems();
        Masks.Key.Check(["name", path], problems);
        var problem = Assert.Single(problems.ToFailure()!.Fields);
        Assert.Equal("update_mask", problem.Field);
        Assert.StartsWith($"'{path}'", problem.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Check_OfNothing_AsksForPaths()
    {
        var problems = new Problems();
        Masks.Limits.Check([], problems);
        Assert.Equal("update_mask", Assert.Single(problems.ToFailure()!.Fields).Field);
    }
}
