using OrleansGateway.Operations;
using Xunit;

namespace OrleansGateway.Tests.Unit.Operations;

public sealed class EchoTests
{
    [Fact]
    public void Of_UpTo100Characters_IsTheText()
    {
        var text = new string('a', 100);
        Assert.Equal(text, Echo.Of(text));
    }

    [Fact]
    public void Of_MoreCharacters_IsTheFirst100() => Assert.Equal(new string('a', 100) + "…", Echo.Of(new string('a', 101)));

    [Fact]
    public void Of_APairAtTheCut_LeavesItOutWhole() =>
        Assert.Equal(new string('a', 99) + "…", Echo.Of(new string('a', 99) + "\U0001F600" + "more"));
}
