namespace OrleansGateway.Tests.Unit.Architecture;

/// <summary>The repository that the tests were built from.</summary>
internal static class SourceTree
{
    /// <summary>The folder of what is shipped.</summary>
    public static string Shipped { get; } = Path.Combine(FindRoot(), "src");

    private static string FindRoot()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "OrleansGateway.sln")))
        {
            folder = folder.Parent ?? throw new InvalidOperationException("The solution is not above the test's folder.");
        }

        return folder.FullName;
    }
}
