using System.Text;
using OrleansGateway.Grains.Contracts.Keys;
using Xunit;

namespace OrleansGateway.Tests.Unit.Keys;

public sealed class SecretTextTests
{
    private static readonly byte[] Bytes = [.. Enumerable.Range(200, 32).Select(value => (byte)value)];

    [Fact]
    public void TryParse_HexBase64AndBlanks_AreTheSameSecret()
    {
        string[] texts = [Convert.ToHexString(Bytes), Convert.ToHexStringLower(Bytes), Convert.ToBase64String(Bytes), $" {Convert.ToBase64String(Bytes)}\n"];

        Assert.All(texts, text =>
        {
            Assert.True(SecretText.TryParse(text, out var secret));
            Assert.Equal(Bytes, secret);
        });
    }

    [Theory]
    [InlineData("correct horse battery staple, 32")]
    [InlineData("0123456789abcdef0123456789abcdef")]
    public void TryParse_TextOf32Characters_IsTakenAsItStands(string text)
    {
        Assert.True(SecretText.TryParse(text, out var secret));
        Assert.Equal(Encoding.ASCII.GetBytes(text), secret);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("                                        ")]
    [InlineData("one character is missing to 32.")]
    public void TryParse_MissingOrShort_IsRefused(string? text)
    {
        Assert.False(SecretText.TryParse(text, out var secret));
        Assert.Null(secret);
    }
}
