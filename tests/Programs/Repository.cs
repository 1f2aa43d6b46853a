namespace OrleansGateway.Tests.Programs;

/// <summary>The repository that the tests were built from.</summary>
internal static class Repository
{
    /// <summary>Its root folder.</summary>
    public static string Root { get; } = Find();

    private static string Find()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "OrleansGateway.sln")))
        {
            folder = folder.Parent!;
        }

        return folder.FullName;
    }
}
