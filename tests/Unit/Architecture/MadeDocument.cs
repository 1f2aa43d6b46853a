using Xunit;

namespace OrleansGateway.Tests.Unit.Architecture;

/// <summary>A document that is made of what the code has.</summary>
internal static class MadeDocument
{
    /// <summary>Fails where the document differs from what is made; with <c>write</c> in the environment variable it is written anew.</summary>
    /// <param name="name">Its name in <c>docs</c>.</param>
    public static void AssertIs(string name, string made, string variable)
    {
        var path = Path.Combine(SourceTree.Shipped, "../docs", name);
        if (Environment.GetEnvironmentVariable(variable) == "write")
        {
            File.WriteAllText(path, made);
        }

        Assert.Equal(made, File.ReadAllText(path));
    }
}
