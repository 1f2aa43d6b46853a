using System.Globalization;
using System.Reflection;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using OrleansGateway.Edge;
using OrleansGateway.Hosting;
using OrleansGateway.Silo.Configuration;
using Xunit;

namespace OrleansGateway.Tests.Unit.Hosting;

/// <summary>C122: each setting that is no text means what it says, or is refused by name.</summary>
public sealed class SettingValuesTests
{
    private static readonly IEnumerable<Type> Sections =
        from assembly in new[] { typeof(GatewayOptions).Assembly, typeof(EdgeOptions).Assembly, typeof(RetentionOptions).Assembly }
        from validator in assembly.GetTypes()
        from contract in validator.GetInterfaces()
        where contract.IsGenericType && contract.GetGenericTypeDefinition() == typeof(IValidateOptions<>)
        select contract.GetGenericArguments()[0];

    public static TheoryData<Type, string> Switches => Data(static type => type == typeof(bool));

    public static TheoryData<Type, string> Others => Data(static type => (Nullable.GetUnderlyingType(type) ?? type) is { IsValueType: true } value && value != typeof(bool));

    [Fact]
    public void Settings_ThatAreNoTexts_AreFound()
    {
        Assert.Contains((typeof(EdgeOptions), nameof(EdgeOptions.LowerCapToBalance)), Switches.Select(static row => row.Data));
        Assert.Contains((typeof(RetentionOptions), nameof(RetentionOptions.CallsDays)), Others.Select(static row => row.Data));
    }

    [Theory]
    [MemberData(nameof(Switches))]
    public void Switch_OfEachWriting_IsWhatItSaysOrRefusedByName(Type section, string name)
    {
        Assert.All(["false", "False", null], value => Assert.Equal(false, Read(section, name, value)));
        Assert.All(["true", "True"], value => Assert.Equal(true, Read(section, name, value)));
        Assert.All(["0", "1", "no", "maybe", ""], value => AssertRefused(section, name, value, "must be true or false"));
    }

    [Theory]
    [MemberData(nameof(Others))]
    public void NumberOrChoice_ThatIsNone_IsRefusedByName(Type section, string name)
    {
        var isNumber = !section.GetProperty(name)!.PropertyType.IsEnum;
        AssertRefused(section, name, "soon", isNumber ? "must be a whole number" : " or ");
        AssertRefused(section, name, "1.5", "must be ");
        AssertRefused(section, name, "99999999999999999999", "must be ");
        if (isNumber)
        {
            Assert.Equal(7, Convert.ToInt64(Read(section, name, "7"), CultureInfo.InvariantCulture));
        }
    }

    [Fact]
    public void List_OfOneText_IsRefusedAndNotShown()
    {
        var refused = Assert.Throws<OptionsValidationException>(() => Read(typeof(GatewayOptions), nameof(GatewayOptions.SigningSecrets), "hush-hush"));
        Assert.Contains("Gateway:SigningSecrets", refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("hush", refused.Message, StringComparison.Ordinal);
    }

    private static void AssertRefused(Type section, string name, string value, string expected)
    {
        var refused = Assert.Throws<OptionsValidationException>(() => Read(section, name, value));
        var line = Assert.Single(refused.Failures);
        Assert.StartsWith($"{Section(section)}:{name} ({Section(section)}__{name}) is '{value}'; it must be ", line, StringComparison.Ordinal);
        Assert.Contains(expected, line, StringComparison.Ordinal);
    }

    /// <summary>As a host reads it.</summary>
    private static object? Read(Type section, string name, string? value) => typeof(SettingValuesTests)
        .GetMethod(nameof(ReadAs), BindingFlags.NonPublic | BindingFlags.Static)!.MakeGenericMethod(section)
        .Invoke(null, BindingFlags.DoNotWrapExceptions, null, [name, value], null);

    private static object? ReadAs<T>(string name, string? value)
        where T : class
    {
        var configuration = new ConfigurationBuilder().AddInMemoryCollection([new($"{Section(typeof(T))}:{name}", value)]).Build();
        var services = new ServiceCollection();
        services.AddSettings<T>(configuration.GetSection(Section(typeof(T))));
        using var provider = services.BuildServiceProvider();
        return typeof(T).GetProperty(name)!.GetValue(provider.GetRequiredService<IOptions<T>>().Value);
    }

    private static string Section(Type type) => (string?)type.GetField("Section")?.GetValue(null) ?? GatewayOptions.Section;

    private static TheoryData<Type, string> Data(Func<Type, bool> isWanted) =>
    [
        .. from type in Sections.Distinct()
           from property in type.GetProperties()
           where property.CanWrite && isWanted(property.PropertyType)
           select (type, property.Name),
    ];
}
