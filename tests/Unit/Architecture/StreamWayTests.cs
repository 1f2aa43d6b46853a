using System.Text.RegularExpressions;
using Xunit;

namespace OrleansGateway.Tests.Unit.Architecture;

/// <summary>A stream's way through the edge, as README.md tells it.</summary>
public sealed partial class StreamWayTests
{
    [Fact]
    public void Way_InTheReadme_IsTenLinesOfAtMostTwentyFilesThatAreThere()
    {
        var readme = File.ReadAllText(Path.Combine(SourceTree.Shipped, "..", "README.md"));
        var way = readme[readme.IndexOf("A stream's way through `src/Edge`:", StringComparison.Ordinal)..];
        way = way[..way.IndexOf("A protocol of clients is", StringComparison.Ordinal)];
        Assert.Equal(10, Line().Count(way));
        var places = Place().Matches(way).Select(static match => Path.Combine(SourceTree.Shipped, "Edge", match.Groups[1].Value)).ToList();
        Assert.All(places, static place => Assert.True(File.Exists(place + ".cs") || Directory.Exists(place), place));
        Assert.InRange(places.Count(static place => File.Exists(place + ".cs")), 15, 20);
    }

    [GeneratedRegex(@"^\d+\. ", RegexOptions.Multiline)]
    private static partial Regex Line();

    [GeneratedRegex("`([A-Z][A-Za-z]+(?:/[A-Za-z]+)+)`")]
    private static partial Regex Place();
}
