using System.Diagnostics;
using OrleansGateway.Protocols.OpenAI;
using Xunit;

namespace OrleansGateway.Tests.Unit.Protocols.OpenAI;

/// <summary>What scrubbing costs.</summary>
public sealed class ScrubberTests
{
    /// <summary>The longest text that is looked at, and an eighth of it.</summary>
    private const int LongText = 4096;
    private const int ShortText = LongText / 8;

    /// <summary>Linear work is 8 times as much for the long text; if it were quadratic it would be 64 times.</summary>
    private const int FactorMax = 24;

    /// <summary>Each begins what some pattern looks for, again and again, and never ends it.</summary>
    [Theory]
    [InlineData("a.")]
    [InlineData("a-")]
    [InlineData("a+")]
    [InlineData("1.1.1.")]
    [InlineData("a@")]
    [InlineData("Bearer ")]
    [InlineData("account ")]
    [InlineData("org-")]
    [InlineData("[redacted]")]
    public void Scrub_HostileText_CostsWorkThatGrowsWithItsLengthAlone(string part)
    {
        var shortText = Repeat(part, ShortText);
        var longText = Repeat(part, LongText);
        Scrubber.Scrub(longText, []);
        Scrubber.Scrub(shortText, []);

        var shortTime = Best(shortText);
        var longTime = Best(longText);

        Assert.True(longTime <= FactorMax * shortTime, $"{LongText} characters take {longTime}, {ShortText} take {shortTime}.");
    }

    private static string Repeat(string part, int length) => string.Concat(Enumerable.Repeat(part, length / part.Length));

    /// <summary>The best of several: what else the machine does only adds to it.</summary>
    private static TimeSpan Best(string text)
    {
        var best = TimeSpan.MaxValue;
        for (var i = 0; i < 20; i++)
        {
            var start = Stopwatch.GetTimestamp();
            Scrubber.Scrub(text, []);
            var time = Stopwatch.GetElapsedTime(start);
            best = time < best ? time : best;
        }

        return best;
    }
}
