using OrleansGateway.Grains.Contracts.Keys;
using Xunit;

namespace OrleansGateway.Tests.Unit.Keys;

public sealed class SigningSecretTests
{
    private static readonly byte[] Bytes = [.. Enumerable.Range(200, 32).Select(value => (byte)value)];

    [Fact]
    public void TryParse_HexBase64AndBlanks_AreTheSameSecret()
    {
        string[] texts = [Convert.ToHexString(Bytes), Convert.ToHexStringLower(Bytes), Convert.ToBase64String(Bytes), $" {Convert.ToBase64String(Bytes)}\n"];
        var key = ApiKey.Create("Acc0unt00001", "Key000000001", new SeededRandom(1), Parse(texts[0]), out _);

        Assert.All(texts, text => Assert.True(ApiKey.TryParse(key, Parse(text), out _)));
    }

    [Theory]
    [InlineData("correct horse battery staple, 32")]
    [InlineData("0123456789abcdef0123456789abcdef")]
    public void TryParse_TextOf32Characters_IsTaken(string text) => Assert.True(SigningSecret.TryParse(text, out _));

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("                                        ")]
    [InlineData("one character is missing to 32.")]
    public void TryParse_MissingOrShort_IsRefused(string? text)
    {
        Assert.False(SigningSecret.TryParse(text, out var secret));
        Assert.Null(secret);
    }

    [Fact]
    public void ToString_Secret_IsNotShown()
    {
        const string Text = "a text that must not be printed anywhere";

        Assert.Equal("(signing secret)", Parse(Text).ToString());
    }

    private static SigningSecret Parse(string text)
    {
        Assert.True(SigningSecret.TryParse(text, out var secret));
        return secret;
    }
}
