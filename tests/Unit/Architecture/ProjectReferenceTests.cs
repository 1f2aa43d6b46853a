using System.Xml.Linq;
using Xunit;

namespace OrleansGateway.Tests.Unit.Architecture;

/// <summary>The arrows between the projects, read from their files.</summary>
public sealed class ProjectReferenceTests
{
    /// <summary>What each project of src may reference. One that is not named here may not exist.</summary>
    private static readonly Dictionary<string, string[]> Allowed = new()
    {
        ["Protocols"] = [],
        ["Grains.Contracts"] = [],
        ["Ledger"] = ["Grains.Contracts"],
        ["Grains"] = ["Grains.Contracts", "Ledger"],
        ["Hosting"] = ["Grains.Contracts"],
        ["Edge"] = ["Protocols", "Grains.Contracts", "Hosting"],
        ["Operations"] = ["Grains.Contracts", "Ledger"],
        ["Operator.Contracts"] = [],
        ["Web"] = ["Grains.Contracts", "Ledger", "Hosting", "Operations"],
        ["Silo"] = ["Protocols", "Grains.Contracts", "Ledger", "Grains", "Hosting", "Edge", "Operations", "Operator.Contracts", "Web"],
    };

    public static TheoryData<string> Projects => [.. Directory.GetFiles(SourceTree.Shipped, "*.csproj", SearchOption.AllDirectories)];

    [Theory]
    [MemberData(nameof(Projects))]
    public void ProjectReferences_OfEachProject_FollowTheArrows(string path)
    {
        var name = Path.GetFileNameWithoutExtension(path);
        Assert.True(Allowed.TryGetValue(name, out var allowed), $"{name} is not a project of the architecture.");
        var references = Items(path, "ProjectReference").Select(reference => Path.GetFileNameWithoutExtension(reference.Replace('\\', '/')));
        Assert.Empty(references.Except(allowed));
    }

    [Theory]
    [MemberData(nameof(Projects))]
    public void PackageReferences_ToNpgsqlAndDapper_AreTheLedgersAlone(string path)
    {
        var packages = Items(path, "PackageReference").Where(package => package is "Npgsql" or "Dapper");
        Assert.True(Path.GetFileNameWithoutExtension(path) == "Ledger" || !packages.Any());
    }

    [Fact]
    public void Projects_OfTheArchitecture_AreAllThere() =>
        Assert.Equal(
            Allowed.Keys.Order(StringComparer.Ordinal),
            Projects.Select(row => Path.GetFileNameWithoutExtension(row.Data)).Order(StringComparer.Ordinal));

    private static IEnumerable<string> Items(string path, string kind) =>
        XDocument.Load(path).Descendants(kind).Select(item => (string)item.Attribute("Include")!);
}
