using OrleansGateway.Operations;
using Xunit;

namespace OrleansGateway.Tests.Unit.Operations;

public sealed class DefaultRefTests
{
    [Theory]
    [InlineData(ActorKind.Operator, "invoice-17")]
    [InlineData(ActorKind.Person, "person:ada:invoice-17")]
    [InlineData(ActorKind.System, "system:ada:invoice-17")]
    public void DefaultRef_OfAnActor_SaysWhoseRequestItIsUnlessAnOperators(ActorKind kind, string expected) =>
        Assert.Equal(expected, AccountOperations.DefaultRef(new Actor(kind, "ada", "here"), "invoice-17"));
}
