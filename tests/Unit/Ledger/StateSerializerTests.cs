using OrleansGateway.Ledger;
using Xunit;

namespace OrleansGateway.Tests.Unit.Ledger;

public sealed class StateSerializerTests
{
    private readonly StateSerializer _serializer = new();

    private enum Colour
    {
        None,
        DarkBlue,
    }

    [Fact]
    public void Serialize_OfAState_IsTheTextThatIsStoredEverywhere() =>
        Assert.Equal(
            """{"long_name":"<Größe> & 名前","count":9007199254740993,"colour":"dark_blue","at":"2026-01-02T03:04:05+00:00","nothing":null}""",
            _serializer.Serialize(new Sample
            {
                LongName = "<Größe> & 名前",
                Count = 9007199254740993,
                Colour = Colour.DarkBlue,
                At = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero),
            }).ToString());

    [Fact]
    public void Deserialize_OfWhatWasSerialized_IsEqual()
    {
        var sample = new Sample { LongName = "a\0b", Count = -1, Colour = Colour.DarkBlue, Nothing = "something" };

        Assert.Equal(sample, _serializer.Deserialize<Sample>(_serializer.Serialize(sample)));
    }

    [Fact]
    public void Deserialize_OfAnotherBuildsState_PassesOverUnknownMembersAndKeepsDefaults()
    {
        var sample = _serializer.Deserialize<Sample>(new("""{"newer":{"a":[1]},"long_name":"kept"}"""));

        Assert.Equal(new Sample { LongName = "kept", Count = 7 }, sample);
    }

    private sealed record Sample
    {
        public string LongName { get; init; } = "";

        public long Count { get; init; } = 7;

        public Colour Colour { get; init; }

        public DateTimeOffset At { get; init; }

        public string? Nothing { get; init; }
    }
}
