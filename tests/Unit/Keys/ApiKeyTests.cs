using System.Text;
using OrleansGateway.Grains.Contracts;
using OrleansGateway.Grains.Contracts.Keys;
using Xunit;

namespace OrleansGateway.Tests.Unit.Keys;

public sealed class ApiKeyTests
{
    private const string Account = "Acc0unt00001";
    private const string KeyId = "Key000000001";

    private static readonly SigningSecrets Secrets = SecretsOf("the first signing secret of these tests");

    [Fact]
    public void TryParse_KeyThatWasMade_GivesItsParts()
    {
        var text = ApiKey.Create(Account, KeyId, new SeededRandom(1), Secrets, out var made);

        Assert.True(ApiKey.TryParse(text, Secrets, out var parsed));
        Assert.Equal(made, parsed);
        Assert.Equal(Account, parsed.AccountId);
        Assert.Equal(KeyId, parsed.KeyId);
        Assert.Equal(Sha256Hash.Of(Encoding.ASCII.GetBytes(text[30..52])), parsed.SecretHash);
        Assert.Equal(68, text.Length);
        Assert.StartsWith("sk-og-" + Account + KeyId, text);
    }

    [Fact]
    public void TryParse_KeyThatWasParsedBefore_GivesTheSame()
    {
        var text = ApiKey.Create(Account, KeyId, new SeededRandom(6), Secrets, out var made);
        Assert.True(ApiKey.TryParse(text, Secrets, out _));

        Assert.True(ApiKey.TryParse(text, Secrets, out var again));
        Assert.Equal(made, again);
        Assert.False(ApiKey.TryParse(text, SecretsOf("another signing secret of these tests"), out _));
    }

    [Fact]
    public void TryParse_AnyCharacterChanged_IsRefused()
    {
        var text = ApiKey.Create(Account, KeyId, new SeededRandom(2), Secrets, out _);
        Assert.True(ApiKey.TryParse(text, Secrets, out _));
        for (var i = 0; i < text.Length; i++)
        {
            foreach (var replacement in "0Zz-é\0")
            {
                if (text[i] != replacement)
                {
                    var forged = text[..i] + replacement + text[(i + 1)..];
                    Assert.False(ApiKey.TryParse(forged, Secrets, out var key), $"position {i}, '{replacement}'");
                    Assert.Equal(default, key);
                }
            }
        }
    }

    [Fact]
    public void TryParse_OtherSigningSecret_IsRefused()
    {
        var text = ApiKey.Create(Account, KeyId, new SeededRandom(3), Secrets, out _);

        Assert.False(ApiKey.TryParse(text, SecretsOf("another signing secret of these tests"), out _));
    }

    [Fact]
    public void TryParse_OtherLength_IsRefused()
    {
        var text = ApiKey.Create(Account, KeyId, new SeededRandom(4), Secrets, out _);

        Assert.All(["", "sk-og-", text[..^1], text + "0", " " + text[1..], new string('0', 100_000)], wrong =>
            Assert.False(ApiKey.TryParse(wrong, Secrets, out _)));
    }

    [Fact]
    public void Create_TwoKeys_DifferInTheirRandomPartAlone()
    {
        var random = new SeededRandom(5);
        var first = ApiKey.Create(Account, KeyId, random, Secrets, out var a);
        var second = ApiKey.Create(Account, KeyId, random, Secrets, out var b);

        Assert.Equal(first[..30], second[..30]);
        Assert.NotEqual(first[30..52], second[30..52]);
        Assert.NotEqual(first[52..], second[52..]);
        Assert.NotEqual(a.SecretHash, b.SecretHash);
    }

    [Theory]
    [InlineData("short", KeyId)]
    [InlineData(Account, "not base 62!")]
    public void Create_IdOfAnotherForm_Throws(string account, string key) =>
        Assert.Throws<ArgumentException>(() => ApiKey.Create(account, key, new SeededRandom(6), Secrets, out _));

    [Fact]
    public void ToString_Key_ShowsNeitherRandomPartNorHashNorMac()
    {
        var text = ApiKey.Create(Account, KeyId, new SeededRandom(7), Secrets, out var key);

        Assert.Equal($"sk-og-{Account}{KeyId}…", key.ToString());
        Assert.DoesNotContain(text[30..34], key.ToString());
    }

    [Fact]
    public void TryParse_AfterARotation_TakesKeysOfEverySecretThatIsLeft()
    {
        const string Older = "the oldest signing secret of these tests";
        const string Old = "the signing secret before the newest one";
        const string New = "the newest signing secret of these tests";
        var older = ApiKey.Create(Account, KeyId, new SeededRandom(8), SecretsOf(Older), out _);
        var old = ApiKey.Create(Account, KeyId, new SeededRandom(9), SecretsOf(Old, Older), out _);
        var rotated = SecretsOf(New, Old);

        Assert.True(ApiKey.TryParse(old, rotated, out _));
        Assert.False(ApiKey.TryParse(older, rotated, out _));
        var made = ApiKey.Create(Account, KeyId, new SeededRandom(10), rotated, out _);
        Assert.True(ApiKey.TryParse(made, SecretsOf(New), out _));
        Assert.False(ApiKey.TryParse(made, SecretsOf(Old), out _));
    }

    private static SigningSecrets SecretsOf(params string[] texts)
    {
        Assert.True(SigningSecrets.TryParse(texts, out var secrets));
        return secrets;
    }
}
