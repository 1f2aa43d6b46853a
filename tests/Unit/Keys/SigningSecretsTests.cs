using OrleansGateway.Grains.Contracts.Keys;
using Xunit;

namespace OrleansGateway.Tests.Unit.Keys;

public sealed class SigningSecretsTests
{
    private const string Good = "correct horse battery staple, 32";

    [Fact]
    public void TryParse_AsManyAsThereMayBe_AreTaken() =>
        Assert.True(SigningSecrets.TryParse([.. Enumerable.Repeat(Good, SigningSecrets.MaxCount)], out _));

    [Fact]
    public void TryParse_NoneOrTooManyOrAShortOne_IsRefused()
    {
        string?[][] refused = [[], [.. Enumerable.Repeat(Good, SigningSecrets.MaxCount + 1)], [Good, "short"], [null, Good]];
        Assert.All(refused, texts =>
        {
            Assert.False(SigningSecrets.TryParse(texts, out var secrets));
            Assert.Null(secrets);
        });
    }

    [Fact]
    public void ToString_Secrets_AreNotShown()
    {
        Assert.True(SigningSecrets.TryParse([Good], out var secrets));

        Assert.Equal("(signing secrets)", secrets.ToString());
    }
}
