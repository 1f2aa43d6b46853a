using System.Net;
using OrleansGateway.Silo.Operator;
using OrleansGateway.Tests.Shared;
using Xunit;

namespace OrleansGateway.Tests.Unit.Operator;

public sealed class WrongTokensTests
{
    private static readonly IPAddress Guesser = IPAddress.Parse("192.0.2.7");

    private readonly FakeTimeProvider _clock = new();
    private readonly WrongTokens _tokens;

    public WrongTokensTests() => _tokens = new WrongTokens(_clock);

    [Fact]
    public void Wait_AfterABurst_IsThatOfOneRefill()
    {
        for (var i = 0; i < WrongTokens.Burst; i++)
        {
            Assert.Equal(TimeSpan.Zero, _tokens.Wait(Guesser));
            _tokens.Note(Guesser);
        }

        Assert.Equal(WrongTokens.RefillEvery, _tokens.Wait(Guesser));
        Assert.Equal(TimeSpan.Zero, _tokens.Wait(IPAddress.Parse("192.0.2.8")));
        _clock.Advance(WrongTokens.RefillEvery);
        Assert.Equal(TimeSpan.Zero, _tokens.Wait(Guesser));
        _tokens.Note(Guesser);
        Assert.Equal(WrongTokens.RefillEvery, _tokens.Wait(Guesser));
    }

    [Fact]
    public void Guesses_InAnHour_AreABurstAndOneARefill()
    {
        var guesses = 0;
        for (var second = 0; second < 3600; second++)
        {
            while (_tokens.Wait(Guesser) == TimeSpan.Zero)
            {
                _tokens.Note(Guesser);
                guesses++;
            }

            _clock.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.Equal(WrongTokens.Burst + 599, guesses);
    }

    [Fact]
    public void Addresses_OfOneNetworkOfIPv6_AreOne()
    {
        for (var i = 0; i < WrongTokens.Burst; i++)
        {
            _tokens.Note(IPAddress.Parse($"2001:db8::{i + 1:x}"));
        }

        Assert.NotEqual(TimeSpan.Zero, _tokens.Wait(IPAddress.Parse("2001:db8::ffff")));
        Assert.Equal(TimeSpan.Zero, _tokens.Wait(IPAddress.Parse("2001:db8:0:1::1")));
    }

    [Fact]
    public void Addresses_BeyondThoseThatAreKept_AreCountedAsOneUntilThereIsRoom()
    {
        for (var i = 0; i < WrongTokens.PeersMax + WrongTokens.Burst; i++)
        {
            _tokens.Note(new IPAddress([10, 0, (byte)(i / 256), (byte)i]));
        }

        Assert.NotEqual(TimeSpan.Zero, _tokens.Wait(Guesser));
        _clock.Advance(WrongTokens.RefillEvery * (WrongTokens.Burst + 1));
        Assert.Equal(TimeSpan.Zero, _tokens.Wait(Guesser));
    }
}
