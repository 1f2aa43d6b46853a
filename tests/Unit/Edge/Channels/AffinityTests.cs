using System.Text;
using Microsoft.AspNetCore.Http;
using OrleansGateway.Edge.Channels;
using Xunit;

namespace OrleansGateway.Tests.Unit.Edge.Channels;

public sealed class AffinityTests
{
    private static readonly string Long = new('x', 5000);

    public static TheoryData<string, string, string, string> SameConversation => new()
    {
        { "", """{"prompt_cache_key":"k","messages":[1]}""", "", """{"messages":[1,2],"prompt_cache_key" : "k"}""" },
        { "session-id: s", """{"messages":[1]}""", "session-id: s", """{"messages":[1,2]}""" },
        { "x-claude-code-session-id: s", """{"metadata":{"user_id":"u1"}}""", "x-claude-code-session-id: s", """{"metadata":{"user_id":"u2"}}""" },
        { "", """{"metadata":{"user_id":"u"},"messages":[1]}""", "", """{"messages":[1,2],"metadata": {"user_id": "u"}}""" },
        { "", $$"""{"messages":["{{Long}}",1]}""", "", $$"""{"messages":["{{Long}}",1,2]}""" },
    };

    public static TheoryData<string, string, string, string> OtherConversation => new()
    {
        { "", """{"prompt_cache_key":"k"}""", "", """{"prompt_cache_key":"l"}""" },
        { "session-id: s", "{}", "session-id: t", "{}" },
        { "", """{"metadata":{"user_id":"u"}}""", "", """{"metadata":{"user_id":"v"}}""" },
        { "", $$"""{"messages":["a{{Long}}"]}""", "", $$"""{"messages":["b{{Long}}"]}""" },
    };

    public static TheoryData<string> Nothing => new()
    {
        "", "{}", """{"messages":["short"]}""", """{"prompt_cache_key":null}""", """{"prompt_cache_key":""}""", """{"prompt_cache_key":"cut off""",
        """{"messages":["he said \"prompt_cache_key\":\"k\" once"]}""", """{"tools":[{"properties":{"user_id":{"type":"string"}}}]}""",
        """{"metadata":{"team":"a"}}""",
    };

    [Theory]
    [MemberData(nameof(SameConversation))]
    public void Of_OneConversation_IsTheSame(string header, string body, string nextHeader, string nextBody) =>
        Assert.Equal(Of(header, body), Of(nextHeader, nextBody));

    [Theory]
    [MemberData(nameof(OtherConversation))]
    public void Of_AnotherConversation_Differs(string header, string body, string otherHeader, string otherBody) =>
        Assert.NotEqual(Of(header, body), Of(otherHeader, otherBody));

    [Theory]
    [MemberData(nameof(Nothing))]
    public void Of_WhatHasNothingInCommon_IsNone(string body) => Assert.Equal(0UL, Of("", body));

    [Fact]
    public void Of_AnotherAccount_Differs() =>
        Assert.NotEqual(Of("", """{"prompt_cache_key":"k"}"""), Of("", """{"prompt_cache_key":"k"}""", "other"));

    /// <summary>Every process, of any version, has to choose the same.</summary>
    [Fact]
    public void Of_AKey_NeverChanges() => Assert.Equal(9164306080710116665UL, Of("", """{"prompt_cache_key":"k"}"""));

    private static ulong Of(string header, string body, string account = "acct")
    {
        var headers = new HeaderDictionary();
        if (header.Split(": ") is [var name, var value])
        {
            headers[name] = value;
        }

        var affinity = Affinity.Of(account, headers, Encoding.UTF8.GetBytes(body));
        return affinity;
    }
}
