using System.Collections.Immutable;
using Orleans;

namespace OrleansGateway.Grains.Contracts.Catalog;

/// <summary>Something wrong in a catalog file.</summary>
/// <param name="Line">Counted from 1.</param>
/// <param name="Path">Such as <c>models[2].prices[0].from</c>; empty for the file as a whole.</param>
[GenerateSerializer, Immutable, Alias("og.CatalogProblem")]
public sealed record CatalogProblem(
    [property: Id(0)] int Line,
    [property: Id(1)] string Path,
    [property: Id(2)] string Message)
{
    /// <summary>One line for a person.</summary>
    public override string ToString() => Path.Length == 0 ? $"line {Line}: {Message}" : $"line {Line}, {Path}: {Message}";
}

/// <summary>What became of a catalog file.</summary>
/// <param name="Snapshot">Null when there are errors: the old catalog stays.</param>
/// <param name="Errors">All of them at once, by line.</param>
/// <param name="Warnings">What is off or cannot be called, by line.</param>
public sealed record CatalogResult(
    CatalogSnapshot? Snapshot,
    ImmutableArray<CatalogProblem> Errors,
    ImmutableArray<CatalogProblem> Warnings);

/// <summary>Collects what is found while a file is read.</summary>
internal sealed class CatalogProblems
{
    private readonly List<CatalogProblem> _errors = [];
    private readonly List<CatalogProblem> _warnings = [];

    public bool HasErrors => _errors.Count > 0;

    public void Error(int line, string path, string message) => _errors.Add(new CatalogProblem(line, path, message));

    public void Error(CatalogNode node, string message) => Error(node.Line, node.Path, message);

    public void Warn(CatalogNode node, string message) => _warnings.Add(new CatalogProblem(node.Line, node.Path, message));

    public CatalogResult ToResult(CatalogSnapshot? snapshot) =>
        new(snapshot, [.. _errors.OrderBy(problem => problem.Line)], [.. _warnings.OrderBy(problem => problem.Line)]);
}
