using OrleansGateway.Grains.Contracts.Keys;
using Xunit;

namespace OrleansGateway.Tests.Unit.Keys;

public sealed class IdsTests
{
    private const string Alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

    [Fact]
    public void New_EachKind_HasItsForm()
    {
        var random = new SeededRandom(1);

        Assert.Matches("^[0-9A-Za-z]{12}$", Ids.NewAccountId(random));
        Assert.Matches("^[0-9A-Za-z]{12}$", Ids.NewKeyId(random));
        Assert.Matches("^req_[0-9A-Za-z]{24}$", Ids.NewRequestId(random));
        Assert.True(Ids.IsAccountId(Ids.NewAccountId(random)));
        Assert.True(Ids.IsKeyId(Ids.NewKeyId(random)));
    }

    [Fact]
    public void New_SameSeed_IsTheSameId() =>
        Assert.Equal(Ids.NewRequestId(new SeededRandom(2)), Ids.NewRequestId(new SeededRandom(2)));

    [Fact]
    public void New_SecureSource_DiffersEachTime() =>
        Assert.Equal(1_000, Enumerable.Range(0, 1_000).Select(_ => Ids.NewRequestId(RandomSource.Secure)).Distinct().Count());

    [Fact]
    public void New_ManyIds_UseEveryCharacterEquallyOften()
    {
        var random = new SeededRandom(3);
        var text = string.Concat(Enumerable.Range(0, 25_000).Select(_ => Ids.NewRequestId(random)[4..]));
        var mean = text.Length / Alphabet.Length;

        // A byte taken modulo 62 would give the first eight characters 21 % more than their share.
        Assert.All(Alphabet, character => Assert.InRange(text.Count(other => other == character), mean * 95 / 100, mean * 105 / 100));
    }

    [Theory]
    [InlineData("", false)]
    [InlineData("Acc0unt00001", true)]
    [InlineData("Acc0unt0000", false)]
    [InlineData("Acc0unt000012", false)]
    [InlineData("Acc0unt0000-", false)]
    [InlineData("Acc0unt0000é", false)]
    public void IsAccountId_Text_TellsItsForm(string text, bool expected) => Assert.Equal(expected, Ids.IsAccountId(text));
}
