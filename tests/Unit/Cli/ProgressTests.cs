using OrleansGateway.Silo.Cli;
using OrleansGateway.Tests.Shared;
using Xunit;

namespace OrleansGateway.Tests.Unit.Cli;

public sealed class ProgressTests : IDisposable
{
    private const string Wipe = "\r\e[K";

    private readonly FakeTimeProvider _clock = new();
    private readonly StringWriter _terminal = new();

    [Fact]
    public void Call_OfLessThanASecond_ShowsNothing()
    {
        using (new Progress(_terminal, _clock))
        {
            _clock.Advance(Progress.Patience - TimeSpan.FromMilliseconds(1));
        }

        _clock.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal("", _terminal.ToString());
    }

    [Fact]
    public void Call_OfSeconds_ShowsThemAndItsRowsAndIsWipedAtItsEnd()
    {
        using (var progress = new Progress(_terminal, _clock))
        {
            _clock.Advance(Progress.Patience);
            progress.Count();
            progress.Count();
            _clock.Advance(Progress.Patience);
        }

        _clock.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal($"{Wipe}1 s …{Wipe}2 s, 2 rows …{Wipe}", _terminal.ToString());
    }

    [Fact]
    public void Call_WithoutATerminal_SetsNoTimer()
    {
        using var progress = new Progress(null, _clock);
        Assert.Equal(0, _clock.TimersSet);
    }

    public void Dispose() => _terminal.Dispose();
}
