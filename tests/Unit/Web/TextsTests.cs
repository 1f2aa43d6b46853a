using System.Text.RegularExpressions;
using System.Xml.Linq;
using OrleansGateway.Grains.Contracts.Pricing;
using OrleansGateway.Tests.Unit.Architecture;
using Xunit;

namespace OrleansGateway.Tests.Unit.Web;

/// <summary>Every text is there in both languages, with the same places to fill.</summary>
public sealed partial class TextsTests
{
    private static readonly Dictionary<string, string> English = Read("Texts.resx");
    private static readonly Dictionary<string, string> Chinese = Read("Texts.zh.resx");

    [Fact]
    public void Keys_OfBothLanguages_AreTheSame()
    {
        Assert.True(English.Count > 50);
        Assert.Equal(English.Keys.Order(StringComparer.Ordinal), Chinese.Keys.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Places_OfBothLanguages_AreTheSame() =>
        Assert.All(English, text => Assert.Equal((text.Key, Places(text.Value)), (text.Key, Places(Chinese[text.Key]))));

    [Fact]
    public void Names_OfUnits_AreThere() => Assert.All(Units.All, static unit => Assert.True(English.ContainsKey($"Unit{unit}"), $"{unit}"));

    [Fact]
    public void Texts_OfTheChinese_AreChinese() =>
        Assert.Empty(Chinese.Where(text => text.Value == English[text.Key] && text.Value.Any(char.IsLetter) && !IsNameOrCode(text.Value)).Select(text => text.Key));

    private static bool IsNameOrCode(string text) => !text.Contains(' ', StringComparison.Ordinal) && text.Any(char.IsUpper) && text.Length < 12;

    private static string Places(string text) =>
        string.Join(' ', Place().Matches(text).Select(match => match.Value).Distinct().Order(StringComparer.Ordinal));

    private static Dictionary<string, string> Read(string file) =>
        XDocument.Load(Path.Combine(SourceTree.Shipped, "Web/Texts", file)).Root!.Elements("data")
            .ToDictionary(data => (string)data.Attribute("name")!, data => data.Element("value")!.Value);

    [GeneratedRegex(@"\{\d+\}")]
    private static partial Regex Place();
}
