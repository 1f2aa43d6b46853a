using System.Reflection;
using System.Text.RegularExpressions;
using Xunit;

namespace OrleansGateway.Tests.Unit.Architecture;

/// <summary>
/// No text that somebody else chose may keep a regular expression busy: each is generated, where its options can be looked at, and searches
/// without backtracking or for a limited time.
/// </summary>
public sealed partial class RegexTests
{
    private const BindingFlags Members = BindingFlags.Static | BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly;

    public static TheoryData<string> Projects =>
        [.. Directory.GetFiles(SourceTree.Shipped, "*.csproj", SearchOption.AllDirectories).Select(path => Path.GetFileNameWithoutExtension(path))];

    [Theory]
    [MemberData(nameof(Projects))]
    public void GeneratedRegex_OfEachProject_IsLinearOrLimited(string project) => Assert.Empty(
        from type in Assembly.Load($"OrleansGateway.{project}").GetTypes()
        from member in type.GetMembers(Members)
        from regex in member.GetCustomAttributes<GeneratedRegexAttribute>()
        where !IsLinearOrLimited(regex)
        select $"{type}.{member.Name}");

    [Fact]
    public void Regex_OfEachSourceFile_IsGenerated() => Assert.Empty(
        from file in Directory.EnumerateFiles(SourceTree.Shipped, "*.cs", SearchOption.AllDirectories)
        from use in Elsewise().Matches(File.ReadAllText(file))
        select $"{file}: {use.Value}");

    [Theory]
    [InlineData("var regex = new Regex(text);", true)]
    [InlineData("private static readonly Regex Word = new(text);", true)]
    [InlineData("return Regex.IsMatch(text, pattern);", true)]
    [InlineData("[RegularExpression(pattern)]", true)]
    [InlineData("private static partial Regex Word();", false)]
    [InlineData("text = Word().Replace(text, \"\");", false)]
    public void Elsewise_EachUse_IsFound(string code, bool isFound) => Assert.Equal(isFound, Elsewise().IsMatch(code));

    [Theory]
    [InlineData(RegexOptions.None, -1, false)]
    [InlineData(RegexOptions.Compiled, -1, false)]
    [InlineData(RegexOptions.Compiled, 100, true)]
    [InlineData(RegexOptions.NonBacktracking, -1, true)]
    public void IsLinearOrLimited_EachKind_IsToldApart(RegexOptions options, int timeoutMs, bool isFine) =>
        Assert.Equal(isFine, IsLinearOrLimited(new GeneratedRegexAttribute("a", options, timeoutMs)));

    private static bool IsLinearOrLimited(GeneratedRegexAttribute regex) =>
        regex.Options.HasFlag(RegexOptions.NonBacktracking) || regex.MatchTimeoutMilliseconds > 0;

    [GeneratedRegex(
        @"\bnew\s+Regex\b|\bRegex\??\s+\w+\s*(=>?|\{[^}]*\}\s*=)\s*new\b|\bRegex\.[A-Z]\w*\s*\(|\bRegularExpression(Attribute)?\s*\(",
        RegexOptions.NonBacktracking)]
    private static partial Regex Elsewise();
}
