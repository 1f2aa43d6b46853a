using System.Collections;
using System.Reflection;
using System.Text.RegularExpressions;
using OrleansGateway.Edge;
using OrleansGateway.Hosting;
using OrleansGateway.Hosting.Cluster;
using OrleansGateway.Silo.Configuration;
using OrleansGateway.Web;
using Xunit;

namespace OrleansGateway.Tests.Unit.Hosting;

/// <summary>The settings that documents, scripts and deployments name are those that the programs read.</summary>
public sealed partial class DocumentedSettingsTests
{
    private static readonly Dictionary<string, HashSet<string>> Known = new[]
    {
        ("Gateway", typeof(GatewayOptions)), ("Gateway", typeof(OperatorOptions)), ("Cluster", typeof(ClusterSettings)), ("Edge", typeof(EdgeOptions)),
        ("ConnectionStrings", typeof(LedgerSettings)), ("Retention", typeof(RetentionOptions)), ("Telemetry", typeof(TelemetryOptions)), ("Site", typeof(SiteOptions)),
    }.GroupBy(pair => pair.Item1, pair => pair.Item2).ToDictionary(group => group.Key, group => group.SelectMany(Names).ToHashSet());

    // The folder of the others is read before them.
    static DocumentedSettingsTests() => Known["Gateway"].Add("SettingsFolder");

    [Fact]
    public void Settings_ThatFilesName_AreRead()
    {
        string[] files = ["README.md", "run", "cluster", .. Under("docs"), .. Under("deploy"), .. Under("build"), .. Under("load-tests/lib")];
        var named = files.SelectMany(file => Setting().Matches(File.ReadAllText(Path.Combine(Root, file))).Select(match => (file, Section: match.Groups[1].Value, Name: match.Groups[2].Value)))
            .ToList();
        Assert.InRange(named.Count, 200, int.MaxValue);
        Assert.Empty(named.Where(setting => !Known[setting.Section].Contains(setting.Name)).Select(setting => $"{setting.file}: {setting.Section}:{setting.Name}").Distinct());
    }

    [Fact]
    public void Settings_ThatAreRead_AreDocumented()
    {
        string[] files = ["README.md", .. Under("docs")];
        var documented = files.SelectMany(file => Setting().Matches(File.ReadAllText(Path.Combine(Root, file))).Select(match => $"{match.Groups[1].Value}:{match.Groups[2].Value}"))
            .ToHashSet();
        // README.md names EdgeOptions.cs for the relay's others, each with its summary there.
        Assert.Empty(Known.Where(section => section.Key != "Edge").SelectMany(section => section.Value.Select(name => $"{section.Key}:{name}")).Except(documented));
    }

    private static string Root
    {
        get
        {
            var folder = AppContext.BaseDirectory;
            while (!File.Exists(Path.Combine(folder, "OrleansGateway.sln")))
            {
                folder = Path.GetDirectoryName(folder)!;
            }

            return folder;
        }
    }

    private static IEnumerable<string> Under(string folder) =>
        Directory.EnumerateFiles(Path.Combine(Root, folder), "*", SearchOption.AllDirectories).Select(file => Path.GetRelativePath(Root, file));

    private static IEnumerable<string> Names(Type type) =>
        type.GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(property => property.CanWrite || property.PropertyType != typeof(string) && property.PropertyType.IsAssignableTo(typeof(IEnumerable))).Select(property => property.Name);

    [GeneratedRegex(@"\b(Gateway|Cluster|Edge|ConnectionStrings|Retention|Telemetry|Site)(?::|__)([A-Z][A-Za-z]+)\b")]
    private static partial Regex Setting();
}
