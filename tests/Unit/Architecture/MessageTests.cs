using System.Collections.Immutable;
using System.Reflection;
using System.Runtime.CompilerServices;
using Orleans;
using Orleans.Runtime;
using Orleans.Serialization.Codecs;
using OrleansGateway.Grains.Accounts;
using OrleansGateway.Grains.Catalog;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Grains.Contracts.Catalog;
using Xunit;

namespace OrleansGateway.Tests.Unit.Architecture;

/// <summary>
/// The test engine hands references over where Orleans serializes, so every type that a grain interface names, whole, has to be immutable
/// and to carry Orleans' attributes, or to have a codec of its own. What grains store is JSON.
/// </summary>
public sealed class MessageTests
{
    private static readonly Assembly Contracts = typeof(IAccountGrain).Assembly;

    private static readonly Type[] GrainInterfaces =
        [.. Contracts.GetTypes().Where(type => type.IsInterface && type.IsAssignableTo(typeof(IGrain)))];

    /// <summary>What grains store: the types of their constructors' persistent states.</summary>
    public static TheoryData<Type> States =>
    [
        .. from grain in typeof(AccountGrain).Assembly.GetTypes()
           where grain.IsAssignableTo(typeof(IGrainBase))
           from parameter in grain.GetConstructors().Single().GetParameters()
           let type = parameter.ParameterType
           where type.IsGenericType && type.GetGenericTypeDefinition() == typeof(IPersistentState<>)
           select type.GetGenericArguments()[0],
    ];

    public static TheoryData<Type> Messages => [.. Reachable().OrderBy(type => type.FullName, StringComparer.Ordinal)];

    [Fact]
    public void Messages_OfTheGrainInterfaces_AreFound()
    {
        Assert.Contains(typeof(IAccountGrain), GrainInterfaces);
        Assert.Contains(typeof(AdmitRequest), Reachable());
        Assert.Contains(typeof(OrleansGateway.Grains.Contracts.Sha256Hash), Reachable());
        Assert.Contains(typeof(RenewedHold), Reachable());
        Assert.Contains(typeof(CatalogProblem), Reachable());
        Assert.Contains(typeof(CatalogState), States.Select(row => row.Data));
    }

    [Theory]
    [MemberData(nameof(Messages))]
    public void Attributes_OfEachMessage_AreOrleans(Type type)
    {
        Assert.NotEqual(HasCodec(type), type.GetCustomAttribute<GenerateSerializerAttribute>() is not null);
        Assert.NotNull(type.GetCustomAttribute<AliasAttribute>());
        Assert.True(type.IsEnum || type.GetCustomAttribute<ImmutableAttribute>() is not null);
        if (!type.IsEnum && !HasCodec(type))
        {
            var ids = State(type).ToDictionary(field => field.Name, field => Member(type, field).GetCustomAttribute<IdAttribute>()?.Id);
            Assert.DoesNotContain(null, ids.Values);
            Assert.Equal(ids.Count, ids.Values.Distinct().Count());
        }
    }

    [Theory]
    [MemberData(nameof(Messages))]
    public void State_OfEachMessage_IsImmutable(Type type)
    {
        if (type.IsEnum)
        {
            return;
        }

        Assert.True(type.IsSealed, "A subclass could be mutable.");
        Assert.All(State(type), field => Assert.True(field.IsInitOnly || IsInitOnlyProperty(type, field), $"{field.Name} can be changed."));
        Assert.All(State(type), field => Assert.True(IsImmutable(field.FieldType), $"{field.Name} is a {field.FieldType}."));
    }

    /// <summary>JSON holds what public properties hold and nothing else, and makes the state anew without arguments.</summary>
    [Theory]
    [MemberData(nameof(States))]
    public void State_OfEachGrain_IsWholeInJson(Type type)
    {
        Assert.True(type.IsSealed && type.IsPublic);
        Assert.NotNull(type.GetConstructor([]));
        Assert.All(State(type), field =>
        {
            var property = Assert.IsType<PropertyInfo>(Member(type, field), exactMatch: false);
            Assert.True(property.GetMethod!.IsPublic && property.SetMethod!.IsPublic, $"{property.Name} is not read and written by JSON.");
        });
    }

    [Fact]
    public void Aliases_OfMessagesAndInterfaces_AreUnique()
    {
        var aliases = Contracts.GetTypes().Select(type => type.GetCustomAttribute<AliasAttribute>(inherit: false)?.Alias).OfType<string>().ToList();
        Assert.NotEmpty(aliases);
        Assert.Equal(aliases.Distinct(StringComparer.Ordinal), aliases);
    }

    [Fact]
    public void Aliases_OfGrainMethods_AreUniqueWithinTheirInterface() =>
        Assert.All(GrainInterfaces, type =>
        {
            Assert.NotNull(type.GetCustomAttribute<AliasAttribute>());
            var aliases = type.GetMethods().Select(method => method.GetCustomAttribute<AliasAttribute>()?.Alias).ToList();
            Assert.DoesNotContain(null, aliases);
            Assert.Equal(aliases.Distinct(StringComparer.Ordinal), aliases);
        });

    /// <summary>Parameters and results of every method of every grain interface, and all that they consist of.</summary>
    private static HashSet<Type> Reachable()
    {
        var found = new HashSet<Type>();
        foreach (var method in GrainInterfaces.SelectMany(type => type.GetMethods()))
        {
            Visit(method.ReturnType);
            foreach (var parameter in method.GetParameters())
            {
                Visit(parameter.ParameterType);
            }
        }

        return found;

        void Visit(Type type)
        {
            foreach (var argument in type.GetGenericArguments())
            {
                Visit(argument);
            }

            if (type.HasElementType)
            {
                Visit(type.GetElementType()!);
            }

            if (type.Assembly == Contracts && found.Add(type) && !type.IsEnum && !HasCodec(type))
            {
                foreach (var field in State(type))
                {
                    Visit(field.FieldType);
                }
            }
        }
    }

    /// <summary>Whether we serialize it ourselves, whatever it consists of.</summary>
    private static bool HasCodec(Type type) => Contracts.GetTypes().Any(codec =>
        codec.GetCustomAttribute<RegisterSerializerAttribute>() is not null
        && codec.IsAssignableTo(typeof(IFieldCodec<>).MakeGenericType(type)));

    private static FieldInfo[] State(Type type) =>
        type.GetFields(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic);

    /// <summary>The property that a compiler-made field belongs to; otherwise the field.</summary>
    private static MemberInfo Member(Type type, FieldInfo field) =>
        field.Name.StartsWith('<') ? type.GetProperty(field.Name[1..field.Name.IndexOf('>', StringComparison.Ordinal)])! : field;

    private static bool IsInitOnlyProperty(Type type, FieldInfo field) =>
        Member(type, field) is PropertyInfo property
        && (property.SetMethod is not { } setter || setter.ReturnParameter.GetRequiredCustomModifiers().Contains(typeof(IsExternalInit)));

    private static bool IsImmutable(Type type)
    {
        if (type.IsPrimitive || type.IsEnum || type.Assembly == Contracts)
        {
            return true;
        }

        if (type.IsGenericType && (type.GetGenericTypeDefinition() == typeof(Nullable<>) || type.GetGenericTypeDefinition() == typeof(ImmutableArray<>)))
        {
            return IsImmutable(type.GetGenericArguments()[0]);
        }

        return type == typeof(string) || type == typeof(DateTimeOffset) || type == typeof(DateOnly) || type == typeof(TimeSpan) || type == typeof(Int128);
    }
}
