using Xunit;

namespace OrleansGateway.Tests.Simulation.Mutants;

/// <summary>The simulation sees: what is planted is caught, and by a rule that it breaks.</summary>
public sealed class MoneyMutantTests
{
    public static TheoryData<string> Names => MutantRuns.Names(MoneyMutants.All);

    [Theory]
    [MemberData(nameof(Names))]
    public Task Seeds_MutantPlanted_CatchIt(string name) => MutantRuns.CatchAsync(MoneyMutants.All.Single(m => m.Name == name));
}

/// <inheritdoc cref="MoneyMutantTests"/>
public sealed class MessageMutantTests
{
    public static TheoryData<string> Names => MutantRuns.Names(MessageMutants.All);

    [Theory]
    [MemberData(nameof(Names))]
    public Task Seeds_MutantPlanted_CatchIt(string name) => MutantRuns.CatchAsync(MessageMutants.All.Single(m => m.Name == name));

    [Theory]
    [InlineData("nothing like it")]
    [InlineData("text, text")]
    public void ApplyTo_TextNotThereOnce_Throws(string source) =>
        Assert.Throws<InvalidOperationException>(() => new Mutant("a name", "Grains/File.cs", "text", "other").ApplyTo(source));

    /// <summary>What is compiled for mutants is the product.</summary>
    [Fact]
    public async Task Seeds_NothingPlanted_Pass()
    {
        Mutant[] mutants = [.. MoneyMutants.All, .. MessageMutants.All];
        var projects = mutants.Select(static m => m.Project).Distinct().Select(ProductProject.Named);
        using var simulation = new MutatedSimulation(projects.ToDictionary(static p => p.AssemblyFile, static p => p.Compile()));
        var caught = await simulation.RunAsync(1, Mutant.Seeds, MutantRuns.Patience, TestContext.Current.CancellationToken);
        Assert.Null(caught.Seed);
    }
}
