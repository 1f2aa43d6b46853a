using System.Text;
using OrleansGateway.Grains.Contracts;
using OrleansGateway.Grains.Contracts.Keys;
using Xunit;

namespace OrleansGateway.Tests.Unit.Keys;

public sealed class ApiKeyTests
{
    private const string Account = "Acc0unt00001";
    private const string KeyId = "Key000000001";

    private static readonly SigningSecret Secret = SecretOf("the first signing secret of these tests");

    [Fact]
    public void TryParse_KeyThatWasMade_GivesItsParts()
    {
        var text = ApiKey.Create(Account, KeyId, new SeededRandom(1), Secret, out var made);

        Assert.True(ApiKey.TryParse(text, Secret, out var parsed));
        Assert.Equal(made, parsed);
        Assert.Equal(Account, parsed.AccountId);
        Assert.Equal(KeyId, parsed.KeyId);
        Assert.Equal(Sha256Hash.Of(Encoding.ASCII.GetBytes(text[30..52])), parsed.SecretHash);
        Assert.Equal(68, text.Length);
        Assert.StartsWith("sk-og-" + Account + KeyId, text);
    }

    [Fact]
    public void TryParse_AnyCharacterChanged_IsRefused()
    {
        var text = ApiKey.Create(Account, KeyId, new SeededRandom(2), Secret, out _);
        for (var i = 0; i < text.Length; i++)
        {
            foreach (var replacement in "0Zz-é\0")
            {
                if (text[i] != replacement)
                {
                    var forged = text[..i] + replacement + text[(i + 1)..];
                    Assert.False(ApiKey.TryParse(forged, Secret, out var key), $"position {i}, '{replacement}'");
                    Assert.Equal(default, key);
                }
            }
        }
    }

    [Fact]
    public void TryParse_OtherSigningSecret_IsRefused()
    {
        var text = ApiKey.Create(Account, KeyId, new SeededRandom(3), Secret, out _);

        Assert.False(ApiKey.TryParse(text, SecretOf("another signing secret of these tests"), out _));
    }

    [Fact]
    public void TryParse_OtherLength_IsRefused()
    {
        var text = ApiKey.Create(Account, KeyId, new SeededRandom(4), Secret, out _);

        Assert.All(["", "sk-og-", text[..^1], text + "0", " " + text[1..], new string('0', 100_000)], wrong =>
            Assert.False(ApiKey.TryParse(wrong, Secret, out _)));
    }

    [Fact]
    public void Create_TwoKeys_DifferInTheirRandomPartAlone()
    {
        var random = new SeededRandom(5);
        var first = ApiKey.Create(Account, KeyId, random, Secret, out var a);
        var second = ApiKey.Create(Account, KeyId, random, Secret, out var b);

        Assert.Equal(first[..30], second[..30]);
        Assert.NotEqual(first[30..52], second[30..52]);
        Assert.NotEqual(first[52..], second[52..]);
        Assert.NotEqual(a.SecretHash, b.SecretHash);
    }

    [Theory]
    [InlineData("short", KeyId)]
    [InlineData(Account, "not base 62!")]
    public void Create_IdOfAnotherForm_Throws(string account, string key) =>
        Assert.Throws<ArgumentException>(() => ApiKey.Create(account, key, new SeededRandom(6), Secret, out _));

    [Fact]
    public void ToString_Key_ShowsNeitherRandomPartNorHashNorMac()
    {
        var text = ApiKey.Create(Account, KeyId, new SeededRandom(7), Secret, out var key);

        Assert.Equal($"sk-og-{Account}{KeyId}…", key.ToString());
        Assert.DoesNotContain(text[30..34], key.ToString());
    }

    private static SigningSecret SecretOf(string text)
    {
        Assert.True(SigningSecret.TryParse(text, out var secret));
        return secret;
    }
}
