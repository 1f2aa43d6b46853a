using System.Text;
using System.Text.Json.Nodes;
using OrleansGateway.Edge.Fronts.OpenAI;
using OrleansGateway.Tests.Shared;
using Xunit;

namespace OrleansGateway.Tests.Unit.Edge.Fronts;

public sealed class ResponseMemoryTests
{
    private const string Answer =
        """{"id":"resp_1","output":[{"id":"rs_1","type":"reasoning","summary":[]},{"id":"msg_1","type":"message","role":"assistant","content":[{"type":"output_text","text":"Hi"}]}]}""";

    private const string Said = """{"type":"message","role":"assistant","content":[{"type":"output_text","text":"Hi"}]}""";

    private readonly FakeTimeProvider _clock = new();
    private readonly ResponseMemory _memory;

    public ResponseMemoryTests() => _memory = new ResponseMemory(1024 * 1024, _clock);

    [Fact]
    public void Resolve_AReference_IsTheItemWithoutItsId()
    {
        Keep("a", """{"model":"m","input":"hello"}""", Answer);
        Assert.Equal(
            $$"""{"model":"m","input":[{"role":"user","content":"hello"},{{Said}},{"role":"user","content":"more"}]}""",
            Resolve("a", """{"model":"m","input":[{"role":"user","content":"hello"},{"type":"item_reference","id":"msg_1"},{"role":"user","content":"more"}]}"""));
    }

    [Fact]
    public void Resolve_ThePreviousResponse_IsTheWholeConversationBeforeIt()
    {
        Keep("a", """{"model":"m","input":"hello"}""", Answer);
        var second = Resolve("a", """{"model":"m","previous_response_id":"resp_1","input":"more"}""");
        Assert.Equal($$"""{"model":"m","input":[{"role":"user","content":"hello"},{{Said}},{"role":"user","content":"more"}]}""", second);

        Keep("a", second, Answer.Replace("resp_1", "resp_2", StringComparison.Ordinal));
        var third = JsonNode.Parse(Resolve("a", """{"model":"m","input":[{"role":"user","content":"third"}],"previous_response_id":"resp_2"}"""))!["input"]!.AsArray();
        Assert.Equal(5, third.Count);
    }

    [Fact]
    public void Resolve_ReasoningThatNobodySigned_IsLeftOut()
    {
        Keep("a", """{"input":"hello"}""", Answer);
        Assert.Equal("""{"input":[]}""", Resolve("a", """{"input":[{"type":"item_reference","id":"rs_1"}]}"""));
    }

    [Fact]
    public void Resolve_OfAnotherAccount_StaysAsItIs()
    {
        Keep("a", """{"input":"hello"}""", Answer);
        var reference = """{"input":[{"type":"item_reference","id":"msg_1"}]}""";
        Assert.Equal(reference, Resolve("b", reference));
        var previous = """{"previous_response_id":"resp_1","input":[{"role":"user","content":"more"}]}""";
        Assert.Equal(previous, Resolve("b", previous));
    }

    [Fact]
    public void Resolve_AfterADay_StaysAsItIs()
    {
        Keep("a", """{"input":"hello"}""", Answer);
        _clock.Advance(TimeSpan.FromHours(25));
        var reference = """{"input":[{"type":"item_reference","id":"msg_1"}]}""";
        Assert.Equal(reference, Resolve("a", reference));
    }

    [Theory]
    [InlineData("""{"input":"nothing named"}""")]
    [InlineData("""{"previous_response_id":"resp_9"}""")]
    [InlineData("""{"previous_response_id":""")]
    [InlineData("""["item_reference","previous_response_id"]""")]
    [InlineData("""{"input":[{"type":"item_reference","id":7}]}""")]
    [InlineData("""{"input":[{"type":1}],"metadata":{"a":"item_reference","b":"previous_response_id"}}""")]
    [InlineData("""{"input":"x","previous_response_id":"\ud800"}""")]
    public void Resolve_WhatItCannot_StaysAsItIs(string body) => Assert.Equal(body, Resolve("a", body));

    /// <summary>A small request may not name itself large.</summary>
    [Fact]
    public void Resolve_MoreThanThereIsRoomFor_StaysAsItIs()
    {
        Keep("a", """{"input":"hello"}""", Answer.Replace("Hi", new string('x', 1000), StringComparison.Ordinal));
        var many = $$"""{"input":[{{string.Join(',', Enumerable.Repeat("""{"type":"item_reference","id":"msg_1"}""", 1000))}}]}""";
        Assert.Equal(many, Resolve("a", many));
    }

    [Fact]
    public void Keep_TheLastEventOfAStream_IsTheSame()
    {
        Keep("a", """{"input":"hello"}""", $$"""{"type":"response.completed","response":{{Answer}}}""");
        Assert.Equal($$"""{"input":[{{Said}}]}""", Resolve("a", """{"input":[{"type":"item_reference","id":"msg_1"}]}"""));
    }

    [Fact]
    public void Find_AResponse_IsWhatWasAnswered()
    {
        Keep("a", """{"input":"hello"}""", $$"""{"type":"response.completed","response":{{Answer}},"sequence_number":7}""");
        var found = _memory.Find("a", "resp_1")!;
        Assert.Equal((Answer, """{"role":"user","content":"hello"}"""), (Encoding.UTF8.GetString(found.Json), Encoding.UTF8.GetString(found.Input)));
        Assert.Null(_memory.Find("b", "resp_1"));
        Assert.Null(_memory.Find("a", "msg_1"));
    }

    [Fact]
    public void Find_AResponseThatIsNotThereYet_IsNothing()
    {
        _memory.Begin("a", "\"hello\""u8);
        Assert.Null(_memory.Find("a", ""));
        Assert.Null(_memory.Find("a", "resp_1"));
    }

    [Fact]
    public void Forget_AResponse_TakesItsItemsAlong()
    {
        Keep("a", """{"input":"hello"}""", Answer);
        Assert.False(_memory.Forget("b", "resp_1"));
        Assert.True(_memory.Forget("a", "resp_1"));
        Assert.False(_memory.Forget("a", "resp_1"));
        var reference = """{"input":[{"type":"item_reference","id":"msg_1"}]}""";
        Assert.Equal(reference, Resolve("a", reference));
    }

    /// <summary>What is asked counts while the answer is on its way: many that run at once take no more than there is.</summary>
    [Fact]
    public void Keep_BeyondTheMemory_ForgetsTheOldestFirst()
    {
        var memory = new ResponseMemory(100_000, _clock);
        var input = Encoding.UTF8.GetBytes($"\"{new string('x', 10_000)}\"");
        var places = Enumerable.Range(0, 20).Select(_ => memory.Begin("a", input)!).ToList();
        foreach (var (number, place) in places.Index())
        {
            memory.Keep(place, Encoding.UTF8.GetBytes($$"""{"id":"resp_{{number}}","output":[]}"""), "c1");
        }

        var kept = Enumerable.Range(0, 20).Where(number => memory.Find("a", $"resp_{number}") is not null).ToList();
        Assert.Equal(Enumerable.Range(20 - kept.Count, kept.Count), kept);
        Assert.InRange(kept.Count, 7, 10);
        Assert.All(places[..^kept.Count], place => Assert.Empty(place.Input));
    }

    [Fact]
    public void Begin_MoreThanIsKept_IsNotBegun() =>
        Assert.Null(new ResponseMemory(1000, _clock).Begin("a", Encoding.UTF8.GetBytes($"\"{new string('x', 200)}\"")));

    private void Keep(string account, string request, string answer) =>
        _memory.Keep(
            _memory.Begin(account, Encoding.UTF8.GetBytes(JsonNode.Parse(request)!["input"]!.ToJsonString()))!, Encoding.UTF8.GetBytes(answer), "c1");

    private string Resolve(string account, string body) => Encoding.UTF8.GetString(_memory.Resolve(account, Encoding.UTF8.GetBytes(body), out _).Span);
}
