using Xunit.Sdk;
using Xunit.v3;

namespace OrleansGateway.Tests.Integration;

/// <summary>Faults begin before all else: they wait for minutes, which must not be what is left at the end.</summary>
public sealed class LongestFirst : ITestCollectionOrderer
{
    /// <inheritdoc/>
    public IReadOnlyCollection<T> OrderTestCollections<T>(IReadOnlyCollection<T> testCollections)
        where T : ITestCollection =>
        [.. testCollections.OrderBy(static collection => !collection.TestCollectionDisplayName.Contains(nameof(Faults), StringComparison.Ordinal))];
}
