using System.Text.RegularExpressions;
using Xunit;

namespace OrleansGateway.Tests.Unit.Architecture;

/// <summary>Operators are told what each of the gateway's metrics means.</summary>
public sealed partial class MetricsTests
{
    [Fact]
    public void Instruments_OfEachSourceFile_AreInTheOperatorsTable()
    {
        var table = File.ReadAllText(Path.Combine(SourceTree.Shipped, "../docs/operations.md"));
        var names = Directory.EnumerateFiles(SourceTree.Shipped, "*.cs", SearchOption.AllDirectories)
            .SelectMany(file => Instrument().Matches(File.ReadAllText(file)))
            .Select(match => match.Groups[1].Value)
            .ToList();

        Assert.Contains("og.edge.requests", names);
        Assert.Contains("og.edge.body_bytes", names);
        Assert.DoesNotContain(names, name => !table.Contains($"`{name}`", StringComparison.Ordinal));
    }

    [GeneratedRegex(@"\.Create(?:Observable)?(?:Counter|UpDownCounter|Histogram|Gauge)(?:<[^>]*>)?\(\s*""([^""]+)""", RegexOptions.NonBacktracking)]
    private static partial Regex Instrument();
}
