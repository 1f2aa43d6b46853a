using System.Text;
using OrleansGateway.Grains.Contracts.Keys;
using Xunit;

namespace OrleansGateway.Tests.Unit.Keys;

public sealed class ClientSecretTests
{
    private static readonly SigningSecrets Secrets = Make('s');

    [Fact]
    public void Parse_ItsOwnText_SaysAllOfIt()
    {
        var made = Secret("""{"type":"realtime","instructions":"Grüße"}""");
        Assert.True(ClientSecret.TryParse(made.ToText(Secrets), Secrets, out var read));

        Assert.Equal((made.Key, made.Model, made.ExpiresAt), (read.Key, read.Model, read.ExpiresAt));
        Assert.Equal(made.Session.ToArray(), read.Session.ToArray());
    }

    [Fact]
    public void Parse_AnyOtherCharacter_IsRefused()
    {
        var text = Secret("{}").ToText(Secrets)!;
        for (var i = 0; i < text.Length; i++)
        {
            var other = text[i] == 'A' ? 'B' : 'A';
            Assert.False(ClientSecret.TryParse(text[..i] + other + text[(i + 1)..], Secrets, out _));
            Assert.False(ClientSecret.TryParse(text.AsSpan(0, i), Secrets, out _));
        }

        Assert.False(ClientSecret.TryParse(text, Make('t'), out _));
        Assert.DoesNotContain(text, Secret("{}").ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Text_OfSettingsThatFitNoHeader_IsNone()
    {
        var random = new Random(1);
        var noise = new string([.. Enumerable.Range(0, 12_000).Select(_ => (char)random.Next(' ', '~'))]);
        Assert.Null(Secret(noise).ToText(Secrets));
        Assert.Null(Secret(new string(' ', ClientSecret.MaxSessionBytes + 1)).ToText(Secrets));
        Assert.NotNull(Secret(new string(' ', ClientSecret.MaxSessionBytes)).ToText(Secrets));
    }

    private static ClientSecret Secret(string session)
    {
        ApiKey.Create("acct00000001", "key000000001", RandomSource.Secure, Secrets, out var key);
        return new ClientSecret(key, "gpt-realtime", 1_800_000_000, Encoding.UTF8.GetBytes(session));
    }

    private static SigningSecrets Make(char letter)
    {
        Assert.True(SigningSecrets.TryParse([new string(letter, 40)], out var secrets));
        return secrets;
    }
}
