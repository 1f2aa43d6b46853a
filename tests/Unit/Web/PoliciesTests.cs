using System.Security.Cryptography;
using OrleansGateway.Tests.Unit.Architecture;
using OrleansGateway.Web;
using Xunit;

namespace OrleansGateway.Tests.Unit.Web;

/// <summary>The register says to which version people agreed: a text that changes is another version.</summary>
public sealed class PoliciesTests
{
    private static readonly string[] Files = ["privacy.en.md", "privacy.zh.md", "terms.en.md", "terms.zh.md"];

    /// <summary>What each version's texts hash to. A version stays as it is; a changed text is a new line, and a new <see cref="Policies.Version"/>.</summary>
    private static readonly (string Version, string Hash)[] Versions =
    [
        ("1", "995bc51a0cfc02ff0454839b79054af31e9372963f7377fd2b92c0c01f357c64"),
        ("2", "d786723bb572e4c42dd704877f668338edfd3a093cb8628b155f8c0f62029633"),
    ];

    [Fact]
    public void Version_OfTheTexts_IsThatOfTheirHash()
    {
        var texts = Files.Select(file => File.ReadAllBytes(Path.Combine(SourceTree.Shipped, "Web/Content", file))).ToList();
        var hash = Convert.ToHexStringLower(SHA256.HashData([.. texts[0], 0, .. texts[1], 0, .. texts[2], 0, .. texts[3]]));
        Assert.True(Versions[^1] == (Policies.Version, hash), $"A text changed: raise Policies.Version from {Policies.Version}, and add it here with {hash}.");
        Assert.Distinct(Versions.Select(version => version.Version));
        Assert.Distinct(Versions.Select(version => version.Hash));
    }
}
