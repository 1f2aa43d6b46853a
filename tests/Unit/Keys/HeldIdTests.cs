using OrleansGateway.Grains.Contracts.Keys;
using Xunit;

namespace OrleansGateway.Tests.Unit.Keys;

public sealed class HeldIdTests
{
    private static readonly SigningSecrets Secrets = Parse('s');

    [Theory]
    [InlineData("audio_1")]
    [InlineData("a.b.c")]
    [InlineData("ä")]
    public void Seal_ForAnAccountAndAChannel_OpensForThemAlone(string id)
    {
        var held = HeldId.Seal(id, "acct", "channel", Secrets);
        Assert.True(HeldId.IsSealed(held, "acct", "channel", Secrets));
        Assert.Equal(id, HeldId.Open(held));
        Assert.False(HeldId.IsSealed(held, "other", "channel", Secrets));
        Assert.False(HeldId.IsSealed(held, "acct", "other", Secrets));
        Assert.False(HeldId.IsSealed(held, "acct", "channel", Parse('t')));
        Assert.False(HeldId.IsSealed("x" + held, "acct", "channel", Secrets));
    }

    [Theory]
    [InlineData("")]
    [InlineData("audio_1")]
    [InlineData(".0123456789abcdef")]
    [InlineData("audio_1.0123456789abcde")]
    [InlineData("audio_1.0123456789abcdef")]
    [InlineData("audio_1.0123456789abcdeä")]
    public void IsSealed_WhatWasNeverGiven_IsNot(string text) => Assert.False(HeldId.IsSealed(text, "acct", "channel", Secrets));

    private static SigningSecrets Parse(char letter)
    {
        Assert.True(SigningSecrets.TryParse([new string(letter, 40)], out var secrets));
        return secrets;
    }
}
