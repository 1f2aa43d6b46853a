using System.Text;
using OrleansGateway.Edge.Dialects;
using OrleansGateway.Protocols.Exchange;
using Xunit;

namespace OrleansGateway.Tests.Unit.Edge.Dialects;

public sealed class DroppedFieldsTests
{
    [Theory]
    [InlineData(
        """{"input":[{"type":"additional_tools","tools":[{"type":"web_search"},{"type":"custom","name":"c"}]},7],"tools":[{"type":"web_search"}],"tool_choice":{"type":"web_search"},"temperature":1.0,"seed":7}""",
        """{"input":[{"type":"additional_tools","tools":[{"type":"custom","name":"c"}]},7],"temperature":1.0}""")]
    [InlineData(
        """{"tool_choice":"auto","tools":[{"type":"namespace","tools":[{"type":"web_search"},{"type":"function"}]},{"name":"f"}]}""",
        """{"tool_choice":"auto","tools":[{"type":"namespace","tools":[{"type":"function"}]},{"name":"f"}]}""")]
    [InlineData(
        """{"tools":[{"type":"web_search","a":1,"a":2},{"a":1,"a":"\ud800","tool\ud800":[]}],"tool_choice":{"type":"\ud800"},"speed":"fast"}""",
        """{"tools":[{"a":1,"a":"\ud800","tool\ud800":[]}],"tool_choice":{"type":"\ud800"}}""")]
    [InlineData("""{"input":"x","tools":null,"speed":"fast","s\u0065ed":[5], "us\u0065r" :1.0}""", """{"input":"x","tools":null,"us\u0065r" :1.0}""")]
    public void Remove_WhatHasNoPrice_LeavesTheRestAsItIs(string body, string kept) => Assert.Equal(
        kept,
        Encoding.UTF8.GetString(DroppedFields.Remove(
            Encoding.UTF8.GetBytes(body),
            body.Contains("tools\":null", StringComparison.Ordinal)
                ? [new PricedField(FieldPrice.ServiceTier, "speed", "speed", "fast")]
                : [new PricedField(FieldPrice.Searches, "tools", "tools[0].type", "web_search"), new PricedField(FieldPrice.ServiceTier, "speed", "speed", "fast")],
            ["seed"]).Span));
}
