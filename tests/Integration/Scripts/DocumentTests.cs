using System.Globalization;
using System.Text.RegularExpressions;
using OrleansGateway.Tests.Programs;
using OrleansGateway.Tests.Programs.Scripts;
using OrleansGateway.Tests.Shared.Certificates;
using Xunit;

namespace OrleansGateway.Tests.Integration.Scripts;

/// <summary>What documents tell their readers to type and to install.</summary>
public sealed partial class DocumentTests
{
    private static readonly string Systemd = Path.Combine(Repository.Root, "deploy/systemd");

    public static TheoryData<string> Units => [.. Directory.EnumerateFiles(Systemd, "*.service").Select(file => Path.GetFileName(file)).Order()];

    [Fact]
    public async Task Certificates_MadeAsTheDocumentSays_AreOfTheirAuthority()
    {
        var lines = File.ReadLines(Path.Combine(Repository.Root, "docs/cluster.md"))
            .SkipWhile(line => !line.StartsWith("**Making certificates**", StringComparison.Ordinal))
            .TakeWhile(line => !line.StartsWith("**Renewing.**", StringComparison.Ordinal))
            .Where(line => line.StartsWith("    ", StringComparison.Ordinal))
            .ToList();
        Assert.InRange(lines.Count(line => line.Contains("openssl ", StringComparison.Ordinal)), 3, 100);
        await using var clone = new ScriptClone(Repository.Root);
        var (code, output) = await clone.RunAsync($"""
            set -e
            mkdir certificates
            cd certificates
            {string.Join('\n', lines)}
            for purpose in sslserver sslclient; do openssl verify -CAfile authority.pem -purpose $purpose member.pem; done
            """);
        Assert.True(code == 0, output);
        Assert.Equal(2, output.Split('\n').Count(line => line == "member.pem: OK"));
    }

    [Fact]
    public async Task Haproxy_WithItsConfiguration_FindsNothingWrong()
    {
        var (certificate, key) = new CertificateAuthority("Documents", DateTimeOffset.UtcNow).Issue("gateway", DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        await using var clone = new ScriptClone(Repository.Root);
        await File.WriteAllTextAsync(Path.Combine(clone.Root, "gateway.pem"), certificate + "\n" + key, TestContext.Current.CancellationToken);
        var (code, output) = await clone.RunAsync("""
            sed "s#/etc/haproxy/certs/gateway.pem#$PWD/gateway.pem#" deploy/haproxy.cfg >haproxy.cfg
            haproxy -c -f haproxy.cfg
            """);
        Assert.True(code == 0, output);
        Assert.DoesNotContain("[WARNING]", output, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Units))]
    public void Unit_FindsItsFilesAndOutlastsTheGatewaysOwnStop(string unit)
    {
        var lines = File.ReadAllLines(Path.Combine(Systemd, unit));
        Assert.All(lines, line => Assert.Matches(@"^($|#|\[(Unit|Service|Install)\]$|[A-Z][A-Za-z]+=)", line));
        var own = Values("EnvironmentFile");
        Assert.Equal(2, own.Count);
        Assert.All(own, file => Assert.True(File.Exists(Path.Combine(Systemd, Path.GetFileName(file))), file));

        // How long it takes at most: what runs has so long, and settling what was cut takes up to 25 s.
        var settings = File.ReadAllLines(Path.Combine(Systemd, Path.GetFileName(own[0])));
        var stop = Assert.Single(settings, line => line.StartsWith("Gateway__StopSeconds=", StringComparison.Ordinal)).Split('=')[1];
        Assert.InRange(Seconds(Assert.Single(Values("TimeoutStopSec"))), Seconds(stop) + 26, Seconds(stop) + 60);

        // Each secret has a row in the table of those who make them, and its file has its name.
        var readme = File.ReadAllText(Path.Combine(Repository.Root, "deploy/README.md"));
        foreach (var secret in Values("LoadCredential").Select(value => value.Split(':')))
        {
            Assert.Equal($"/etc/orleansgateway/secrets/{secret[0]}", secret[1]);
            Assert.Contains($"| `{secret[0]}` |", readme, StringComparison.Ordinal);
        }

        var program = Assert.Single(Values("ExecStart")).Split(' ')[1];
        Assert.Equal(Assert.Single(Values("WorkingDirectory")), Path.GetDirectoryName(program));
        Assert.Matches(@"^OrleansGateway\.(Silo|Edge)\.dll$", Path.GetFileName(program));

        List<string> Values(string name) => [.. lines.Where(line => line.StartsWith(name + "=", StringComparison.Ordinal)).Select(line => line[(name.Length + 1)..])];

        static int Seconds(string text) => int.Parse(text, CultureInfo.InvariantCulture);
    }

    [Fact]
    public void Paths_InCommands_AreThere()
    {
        string[] documents = ["README.md", "deploy/README.md", "load-tests/README.md", .. Directory.EnumerateFiles(Path.Combine(Repository.Root, "docs")).Select(file => $"docs/{Path.GetFileName(file)}")];
        var named = documents.SelectMany(document => File.ReadLines(Path.Combine(Repository.Root, document))
            .Where(line => line.StartsWith("    ", StringComparison.Ordinal))
            .SelectMany(line => NamedPath().Matches(line).Select(match => (document, path: match.Value)))).ToList();
        Assert.InRange(named.Count, 15, 1000);
        Assert.DoesNotContain(named, one => !Path.Exists(Path.Combine(Repository.Root, one.path)));
    }

    [GeneratedRegex(@"(?<![\w./-])(src|tests|deploy|load-tests|docs)/[\w./-]+")]
    private static partial Regex NamedPath();
}
