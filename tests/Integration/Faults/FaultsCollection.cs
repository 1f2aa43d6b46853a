using Xunit;

namespace OrleansGateway.Tests.Integration.Faults;

/// <summary>Tests that load the machine and break things: one after the other, with nothing beside them.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class FaultsCollection
{
    public const string Name = "Faults";
}
