using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;
using OrleansGateway.Tests.Integration.Postgres;
using Xunit;

namespace OrleansGateway.Tests.Integration.Gateway;

/// <summary>The operator API: who is let in, and what it refuses.</summary>
public sealed class OperatorApiTests(PostgresServer server)
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(null)]
    [InlineData("Bearer ")]
    [InlineData("Bearer operator-token-of-the-tests-012345678")]
    [InlineData("Basic operator-token-of-the-tests-0123456789")]
    public async Task Request_WithoutTheToken_IsRefused(string? authorization)
    {
        await using var gateway = await GatewayFixture.StartAsync(server);
        gateway.Operator.DefaultRequestHeaders.Authorization = authorization is null ? null : AuthenticationHeaderValue.Parse(authorization);
        using var answer = await gateway.Operator.GetAsync("operator/accounts", Cancellation);
        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
    }

    [Fact]
    public async Task Request_OnTheClientsPort_IsNotThere()
    {
        await using var gateway = await GatewayFixture.StartAsync(server);
        using var client = new HttpClient { BaseAddress = gateway.Url };
        client.DefaultRequestHeaders.Authorization = gateway.Operator.DefaultRequestHeaders.Authorization;
        client.DefaultRequestHeaders.Host = gateway.Operator.BaseAddress!.Authority;
        using var answer = await client.GetAsync("operator/accounts", Cancellation);
        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
    }

    [Fact]
    public async Task Requests_ThatAreNotValid_SayWhyAndChangeNothing()
    {
        await using var gateway = await GatewayFixture.StartAsync(server);
        var account = await gateway.CreateAccountAsync("1");
        await AssertRefusedAsync(400, "name", HttpMethod.Post, "accounts", "{}");
        await AssertRefusedAsync(400, "id must be", HttpMethod.Post, "accounts", """{ "id": "x", "name": "A" }""");
        await AssertRefusedAsync(400, "nmae", HttpMethod.Post, "accounts", """{ "name": "A", "nmae": "B" }""");
        await AssertRefusedAsync(400, "twice", HttpMethod.Post, "accounts", """{ "name": "A", "name": "B" }""");
        await AssertRefusedAsync(400, "", HttpMethod.Post, "accounts", "{");
        await AssertRefusedAsync(400, "kind", HttpMethod.Post, $"accounts/{account}/moves", """{ "kind": "gift", "ref": "a", "amount_usd": "1" }""");
        await AssertRefusedAsync(400, "amount_usd", HttpMethod.Post, $"accounts/{account}/moves", """{ "kind": "topup", "ref": "a", "amount_usd": "0" }""");
        await AssertRefusedAsync(400, "amount_usd", HttpMethod.Post, $"accounts/{account}/moves", """{ "kind": "topup", "ref": "a", "amount_usd": 1.5 }""");
        await AssertRefusedAsync(400, "", HttpMethod.Post, $"accounts/{account}/moves", """{ "kind": "topup", "ref": "a", "amount_usd": "-1" }""");
        await AssertRefusedAsync(400, "addresses", HttpMethod.Post, $"accounts/{account}/keys", """{ "name": "K", "addresses": ["here"] }""");
        await AssertRefusedAsync(400, "concurrency", HttpMethod.Patch, $"accounts/{account}", """{ "concurrency": 0 }""");
        await AssertRefusedAsync(404, account, HttpMethod.Patch, $"accounts/{account}/keys/nosuchkey000", "{}");
        await AssertRefusedAsync(404, "nobody", HttpMethod.Get, "accounts/nobody", null);
        await AssertRefusedAsync(404, "Nobody000000", HttpMethod.Post, "accounts/Nobody000000/moves", """{ "kind": "topup", "ref": "a", "amount_usd": "1" }""");
        await AssertRefusedAsync(400, "limit", HttpMethod.Get, "usage?limit=0", null);
        await AssertRefusedAsync(400, "status", HttpMethod.Get, "usage?status=7", null);

        Assert.Equal("1.00", (await gateway.OperateAsync(HttpMethod.Get, $"accounts/{account}"))["balance_usd"]!.GetValue<string>());
        Assert.Single((await gateway.OperateAsync(HttpMethod.Get, "accounts")).AsArray());
        Assert.Empty((await gateway.OperateAsync(HttpMethod.Get, $"accounts/{account}/keys")).AsArray());

        async Task AssertRefusedAsync(int status, string says, HttpMethod method, string path, string? body)
        {
            using var request = new HttpRequestMessage(method, $"operator/{path}");
            request.Content = body is null ? null : new StringContent(body, Encoding.UTF8, "application/json");
            using var answer = await gateway.Operator.SendAsync(request, Cancellation);
            Assert.Equal(status, (int)answer.StatusCode);
            var message = (await answer.Content.ReadFromJsonAsync<JsonNode>(Cancellation))!["error"]!["message"]!.GetValue<string>();
            Assert.Contains(says, message, StringComparison.Ordinal);
        }
    }
}
