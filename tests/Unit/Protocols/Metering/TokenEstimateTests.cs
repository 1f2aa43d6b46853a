using System.Text;
using OrleansGateway.Protocols.Metering;
using Xunit;

namespace OrleansGateway.Tests.Unit.Protocols.Metering;

public sealed class TokenEstimateTests
{
    [Theory]
    [InlineData("", 0, 0)]
    [InlineData("abcd", 1, 4)]
    [InlineData("abcde", 2, 5)]
    [InlineData("你好", 2, 6)]
    [InlineData("ひらがな", 4, 12)]
    [InlineData("한국", 2, 6)]
    [InlineData("привет", 3, 12)]
    [InlineData("\U0001F600", 1, 4)]
    [InlineData("ab你c", 2, 6)]
    [InlineData(@"a\nb\""", 1, 4)]
    [InlineData(@"\u4f60\u597d", 2, 6)]
    [InlineData(@"\ud83d\ude00", 1, 4)]
    [InlineData(@"\u00e9\u0041", 1, 3)]
    public void AddJson_Text_CountsTokensAndDecodedBytes(string json, long tokens, long bytes)
    {
        var estimate = default(TokenEstimate);

        estimate.AddJson(Encoding.UTF8.GetBytes(json));

        Assert.Equal((tokens, bytes), (estimate.Tokens, estimate.Bytes));
    }

    [Fact]
    public void AddJson_TextInPieces_CountsAsTheWhole()
    {
        var whole = default(TokenEstimate);
        var pieces = default(TokenEstimate);

        for (var i = 0; i < 806; i++)
        {
            pieces.AddJson("a"u8);
        }

        whole.AddJson(Encoding.UTF8.GetBytes(new string('a', 806)));
        Assert.Equal(whole.Tokens, pieces.Tokens);
        Assert.Equal(202, pieces.Tokens);
    }

    [Theory]
    [InlineData("5c")]
    [InlineData("e4bd")]
    [InlineData("5c7531")]
    [InlineData("80ff")]
    public void AddJson_CutOff_StaysInBounds(string hex)
    {
        var bytes = Convert.FromHexString(hex);
        var estimate = default(TokenEstimate);

        estimate.AddJson(bytes);

        Assert.InRange(estimate.Bytes, 1, bytes.Length);
    }
}
