using System.Text;
using OrleansGateway.Hosting;
using Xunit;

namespace OrleansGateway.Tests.Unit.Hosting;

public sealed class EncryptionSecretsTests
{
    private const string Purpose = "channel key 7";
    private const string Older = "the oldest encryption secret of tests";
    private const string Old = "the encryption secret before the newest";
    private const string New = "the newest encryption secret of these tests";

    private static readonly byte[] Plain = "sk-provider-0123456789"u8.ToArray();

    [Theory]
    [InlineData("")]
    [InlineData("sk-provider-0123456789")]
    public void TryDecrypt_WhatWasEncrypted_GivesItBack(string text)
    {
        var encrypted = Of(New).Encrypt(Purpose, Encoding.UTF8.GetBytes(text));

        Assert.True(Of(New).TryDecrypt(Purpose, encrypted, out var plain));
        Assert.Equal(text, Encoding.UTF8.GetString(plain));
    }

    [Fact]
    public void Encrypt_Twice_GivesDifferentBytesWithoutTheText()
    {
        var (first, second) = (Of(New).Encrypt(Purpose, Plain), Of(New).Encrypt(Purpose, Plain));

        Assert.NotEqual(first, second);
        Assert.Equal(-1, first.AsSpan().IndexOf(Plain.AsSpan(0, 4)));
    }

    [Fact]
    public void TryDecrypt_AfterARotation_ReadsWhatEverySecretThatIsLeftHasEncrypted()
    {
        var older = Of(Older).Encrypt(Purpose, Plain);
        var old = Of(Old, Older).Encrypt(Purpose, Plain);
        var rotated = Of(New, Old);

        Assert.True(rotated.TryDecrypt(Purpose, old, out var plain));
        Assert.Equal(Plain, plain);
        Assert.False(rotated.TryDecrypt(Purpose, older, out _));
        var made = rotated.Encrypt(Purpose, Plain);
        Assert.True(Of(New).TryDecrypt(Purpose, made, out _));
        Assert.False(Of(Old).TryDecrypt(Purpose, made, out _));
    }

    [Fact]
    public void TryDecrypt_ForAnotherPurpose_IsRefused()
    {
        var encrypted = Of(New).Encrypt(Purpose, Plain);

        Assert.False(Of(New).TryDecrypt("channel key 8", encrypted, out var plain));
        Assert.Null(plain);
    }

    [Fact]
    public void TryDecrypt_AnyBitChangedOrCutOff_IsRefused()
    {
        var secrets = Of(New, Old);
        var encrypted = secrets.Encrypt(Purpose, Plain);
        for (var bit = 0; bit < encrypted.Length * 8; bit++)
        {
            var changed = encrypted.ToArray();
            changed[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.False(secrets.TryDecrypt(Purpose, changed, out _), $"bit {bit}");
        }

        for (var length = 0; length < encrypted.Length; length++)
        {
            Assert.False(secrets.TryDecrypt(Purpose, encrypted.AsSpan(0, length), out _), $"{length} bytes");
        }
    }

    [Fact]
    public void TryParse_NoneOrTooManyOrAShortOne_IsRefused()
    {
        string?[][] refused = [[], [.. Enumerable.Repeat(New, EncryptionSecrets.MaxCount + 1)], [New, "short"], [null]];

        Assert.All(refused, texts => Assert.False(EncryptionSecrets.TryParse(texts, out _)));
    }

    [Fact]
    public void ToString_Secrets_AreNotShown() => Assert.Equal("(encryption secrets)", Of(New).ToString());

    private static EncryptionSecrets Of(params string[] texts)
    {
        Assert.True(EncryptionSecrets.TryParse(texts, out var secrets));
        return secrets;
    }
}
