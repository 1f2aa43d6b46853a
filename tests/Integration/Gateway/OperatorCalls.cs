using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using Xunit;

namespace OrleansGateway.Tests.Integration.Gateway;

/// <summary>Calls of an operator API.</summary>
internal static class OperatorCalls
{
    /// <summary>A client with the operator's token.</summary>
    public static HttpClient CreateClient(Uri operatorUrl) => new()
    {
        BaseAddress = operatorUrl,
        DefaultRequestHeaders = { Authorization = new AuthenticationHeaderValue("Bearer", TestSettings.OperatorToken) },
    };

    /// <summary>Makes an account with this much money, through the operator API.</summary>
    /// <returns>Its id.</returns>
    public static async Task<string> CreateAccountAsync(this HttpClient operatorApi, string usd, JsonObject? limits = null)
    {
        var body = (JsonObject?)limits?.DeepClone() ?? [];
        body["name"] = "Test";
        var account = (await operatorApi.OperateAsync(HttpMethod.Post, "accounts", body))["id"]!.GetValue<string>();
        await operatorApi.OperateAsync(HttpMethod.Post, $"accounts/{account}/moves", new JsonObject { ["kind"] = "topup", ["ref"] = "first", ["amount_usd"] = usd });
        return account;
    }

    /// <summary>Makes a key.</summary>
    /// <param name="account">Whose.</param>
    /// <param name="fields">Further fields, as the operator API names them.</param>
    /// <returns>The key as clients send it.</returns>
    public static async Task<string> CreateKeyAsync(this HttpClient operatorApi, string account, JsonObject? fields = null)
    {
        var body = (JsonObject?)fields?.DeepClone() ?? [];
        body["name"] = "Test";
        return (await operatorApi.OperateAsync(HttpMethod.Post, $"accounts/{account}/keys", body))["key"]!.GetValue<string>();
    }

    /// <summary>Calls the operator API; what is refused fails the test.</summary>
    public static async Task<JsonNode> OperateAsync(this HttpClient operatorApi, HttpMethod method, string path, JsonObject? body = null)
    {
        using var request = new HttpRequestMessage(method, $"operator/{path}");
        request.Content = body is null ? null : new StringContent(body.ToJsonString(), Encoding.UTF8, "application/json");
        using var response = await operatorApi.SendAsync(request, TestContext.Current.CancellationToken);
        var answer = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.True(response.IsSuccessStatusCode, $"{method} {path}: {(int)response.StatusCode} {answer}");
        return JsonNode.Parse(answer)!;
    }
}
