using Xunit;

namespace OrleansGateway.Tests.Integration.Faults;

/// <summary>Tests that load a gateway and break what it speaks to: one after the other. Half of their time they wait, for leases and quarantines.</summary>
[CollectionDefinition(Name)]
public sealed class FaultsCollection
{
    public const string Name = "Faults";
}

/// <summary>Tests that load gateways and break these: likewise, beside the others.</summary>
[CollectionDefinition(Name)]
public sealed class GatewayFaultsCollection
{
    public const string Name = "Faults of gateways";
}
