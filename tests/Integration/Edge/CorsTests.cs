using System.Net;
using Xunit;

namespace OrleansGateway.Tests.Integration.Edge;

/// <summary>Pages of other origins, as browsers let them ask.</summary>
public sealed class CorsTests
{
    private const string Page = "https://app.example";

    [Theory]
    [InlineData("/v1/chat/completions", "POST")]
    [InlineData("/v1/messages", "POST")]
    [InlineData("/v1beta/models/test-model:streamGenerateContent", "POST")]
    [InlineData("/v1/responses/resp_1", "DELETE")]
    [InlineData("/v1/key", "GET")]
    public async Task Preflight_OfAnAllowedPage_IsAnsweredWithoutAKey(string path, string method)
    {
        await using var edge = await EdgeFixture.StartAsync(settings: [new("Edge:CorsOrigins:0", Page)]);
        edge.Client.DefaultRequestHeaders.Authorization = null;

        using var answer = await edge.Client.SendAsync(Preflight(path, method, Page), TestContext.Current.CancellationToken);

        Assert.Equal(HttpStatusCode.NoContent, answer.StatusCode);
        Assert.Equal(Page, answer.Header("access-control-allow-origin"));
        Assert.Equal("authorization,x-stainless-lang", answer.Header("access-control-allow-headers"));
        Assert.Equal(method, answer.Header("access-control-allow-methods"));
        Assert.Null(answer.Header("access-control-allow-credentials"));
    }

    [Fact]
    public async Task Answer_ToAnAllowedPage_ShowsItsHeaders()
    {
        await using var edge = await EdgeFixture.StartAsync(settings: [new("Edge:CorsOrigins:0", "https://other.example"), new("Edge:CorsOrigins:1", Page)]);
        foreach (var body in new[] { EdgeFixture.Body(), EdgeFixture.Body(stream: true), new() })
        {
            using var answer = await edge.PostAsync(body, request => request.Headers.Add("Origin", Page));
            Assert.Equal(Page, answer.Header("access-control-allow-origin"));
            Assert.Equal("Origin", answer.Header("vary"));
            var shown = answer.Headers.GetValues("access-control-expose-headers").SelectMany(static names => names.Split(',')).ToList();
            foreach (var name in (string[])["x-request-id", "retry-after", "x-og-cost", "x-ratelimit-remaining-tokens"])
            {
                Assert.Contains(name, shown);
            }
        }
    }

    [Fact]
    public async Task Page_ThatIsNotAllowed_GetsNoLeave()
    {
        await using var edge = await EdgeFixture.StartAsync(settings: [new("Edge:CorsOrigins:0", Page)]);
        using var preflight = await edge.Client.SendAsync(Preflight("/v1/key", "GET", "https://evil.example"), TestContext.Current.CancellationToken);
        using var answer = await edge.PostAsync(EdgeFixture.Body(), request => request.Headers.Add("Origin", "https://app.example.evil.example"));
        Assert.Null(preflight.Header("access-control-allow-origin"));
        Assert.Null(answer.Header("access-control-allow-origin"));
    }

    [Fact]
    public async Task Page_WithoutASetting_GetsNoLeave()
    {
        await using var edge = await EdgeFixture.StartAsync();
        using var preflight = await edge.Client.SendAsync(Preflight("/v1/key", "GET", Page), TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.MethodNotAllowed, preflight.StatusCode);
        Assert.Null(preflight.Header("access-control-allow-origin"));
    }

    private static HttpRequestMessage Preflight(string path, string method, string origin)
    {
        var request = new HttpRequestMessage(HttpMethod.Options, path);
        request.Headers.Add("Origin", origin);
        request.Headers.Add("Access-Control-Request-Method", method);
        request.Headers.Add("Access-Control-Request-Headers", "authorization,x-stainless-lang");
        return request;
    }
}
