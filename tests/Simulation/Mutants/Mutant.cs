namespace OrleansGateway.Tests.Simulation.Mutants;

/// <summary>A small bug that the simulation must find: one exact text of one production file, replaced.</summary>
/// <param name="Name">What is wrong.</param>
/// <param name="File">From the folder of the product's sources: its project, then the path in it.</param>
/// <param name="Text">Occurs in the file exactly once.</param>
/// <param name="Replacement">What stands there instead.</param>
/// <param name="Rules">What may catch it, by the names of the command line.</param>
internal sealed record Mutant(string Name, string File, string Text, string Replacement, params string[] Rules)
{
    /// <summary>Within so many seeds each must be caught, and so many pass without one.</summary>
    public const int Seeds = 100;

    /// <summary>The first seed that is run: one shortly before that which catches it, to save time.</summary>
    public int From { get; init; } = 1;

    public string Project => File[..File.IndexOf('/', StringComparison.Ordinal)];

    public string PathInProject => File[(Project.Length + 1)..];

    /// <summary>The file with the bug in it.</summary>
    /// <exception cref="InvalidOperationException">The text is not there, or more than once: the mutant must follow the code.</exception>
    public string ApplyTo(string source)
    {
        var at = source.IndexOf(Text, StringComparison.Ordinal);
        return at >= 0 && source.IndexOf(Text, at + 1, StringComparison.Ordinal) < 0
            ? string.Concat(source.AsSpan(0, at), Replacement, source.AsSpan(at + Text.Length))
            : throw new InvalidOperationException($"'{Name}': {(at < 0 ? "no" : "more than one")} match in {File}.");
    }
}
