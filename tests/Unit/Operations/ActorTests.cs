using System.Reflection;
using OrleansGateway.Operations;
using Xunit;

namespace OrleansGateway.Tests.Unit.Operations;

/// <summary>Who asks is told to every operation, and decides first.</summary>
public sealed class ActorTests
{
    private static readonly Actor Person = new(ActorKind.Person, "ada", "192.0.2.1");

    public static TheoryData<string> Reads =>
        [.. typeof(ReportOperations).GetMethods(BindingFlags.Public | BindingFlags.Instance | BindingFlags.DeclaredOnly).Select(method => method.Name)];

    [Fact]
    public void Operations_OfEverySubject_TakeAnActorFirst()
    {
        var operations = from type in typeof(Actor).Assembly.GetTypes()
                         where type.Name.EndsWith("Operations", StringComparison.Ordinal)
                         from method in type.GetMethods(BindingFlags.Public | BindingFlags.Instance | BindingFlags.DeclaredOnly)
                         select method;

        // What the configuration says is published by the gateway itself.
        Assert.All(
            operations.Where(method => method.Name != nameof(CatalogOperations.SeedAsync)),
            method => Assert.Equal(typeof(Actor), method.GetParameters()[0].ParameterType));
    }

    [Theory]
    [MemberData(nameof(Reads))]
    public async Task Read_OfAPerson_IsNotAllowed(string operation)
    {
        var method = typeof(ReportOperations).GetMethod(operation)!;
        var reports = new ReportOperations(null!, TimeProvider.System);

        // Nothing is looked at: there is nothing to look into.
        var answer = (Task)method.Invoke(reports, [Person, .. method.GetParameters().Skip(1).Select(parameter => Given(parameter.ParameterType))])!;
        await answer;

        dynamic result = ((dynamic)answer).Result;
        Assert.Equal(FailureKind.NotAllowed, ((Failure)result.Failure).Kind);
    }

    private static object? Given(Type type) => type == typeof(AccountFilter) ? new AccountFilter(null, null)
        : type == typeof(LedgerFilter) ? new LedgerFilter("a", null, null)
        : type == typeof(string) ? "a"
        : type == typeof(PageRequest) ? new PageRequest()
        : type.IsInterface ? null
        : Activator.CreateInstance(type);
}
