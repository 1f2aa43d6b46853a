using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Tests.Integration.Edge.Cases;
using Xunit;

namespace OrleansGateway.Tests.Integration.Edge.Endpoints;

/// <summary>A relay before a provider of OpenAI's kind that answers given bytes, and a model that is called <c>up</c> there.</summary>
internal sealed class EndpointEdge : IAsyncDisposable
{
    private EndpointEdge(Backend provider, EdgeFixture edge) => (Provider, Edge) = (provider, edge);

    public Backend Provider { get; }

    public EdgeFixture Edge { get; }

    /// <summary>The one request that the provider got, head and body.</summary>
    public string Sent => Assert.Single(Provider.Requests);

    /// <summary>The body of that request.</summary>
    public string SentBody => Sent[(Sent.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4)..];

    public SettleRequest Settled => Assert.Single(Edge.Account.Settled);

    /// <param name="price">The model's price, the fields of <c>per_million</c> and beside it.</param>
    /// <param name="model">Further fields of the model.</param>
    /// <param name="showCost">Whether the key asks for <c>usage.cost</c>.</param>
    /// <param name="status">The answer's HTTP status.</param>
    /// <param name="provider">Further fields of the provider.</param>
    /// <param name="missing">How many bytes more the answer says to have than come.</param>
    public static async Task<EndpointEdge> StartAsync(
        byte[] body,
        string type = "application/json",
        JsonObject? price = null,
        Action<JsonObject>? model = null,
        bool showCost = false,
        Action<JsonObject>? channel = null,
        int missing = 0,
        IEnumerable<KeyValuePair<string, string?>>? settings = null,
        int status = 200,
        Action<JsonObject>? provider = null)
    {
        var head = string.Create(CultureInfo.InvariantCulture, $"HTTP/1.1 {status} Status\r\nContent-Type: {type}\r\nContent-Length: {body.Length + missing}\r\n\r\n");
        var backend = new Backend(_ => [Step.Send(head), Step.Send(body)]);
        var edge = await EdgeFixture.StartAsync(
            settings: settings,
            provider: (_, fields) =>
            {
                fields["base_url"] = backend.Url;
                provider?.Invoke(fields);
            },
            channel: (_, fields) =>
            {
                fields["models"] = new JsonObject { ["test-model"] = "up" };
                channel?.Invoke(fields);
            },
            model: fields =>
            {
                var version = fields["prices"]![0]!;
                foreach (var (name, value) in price ?? [])
                {
                    version[name] = value?.DeepClone();
                }

                model?.Invoke(fields);
            });
        if (showCost)
        {
            edge.Account.OnAdmit = request => Task.FromResult(FakeAccount.Admit(request) with { ShowCost = true });
        }

        return new EndpointEdge(backend, edge);
    }

    public static Task<EndpointEdge> StartAsync(
        string body, string type = "application/json", JsonObject? price = null, Action<JsonObject>? model = null, bool showCost = false, Action<JsonObject>? channel = null) =>
        StartAsync(Encoding.UTF8.GetBytes(body), type, price, model, showCost, channel);

    /// <summary>Posts JSON.</summary>
    public Task<Answer> PostAsync(string path, string json) => PostAsync(path, new StringContent(json, Encoding.UTF8, "application/json"));

    /// <summary>Posts a form.</summary>
    /// <param name="parts">Names and values; a file's name stands behind its field's, <c>file=speech.wav</c>.</param>
    public Task<Answer> PostFormAsync(string path, params (string Name, byte[] Value)[] parts)
    {
        var form = new MultipartFormDataContent("a-boundary");
        foreach (var (name, value) in parts)
        {
            var content = new ByteArrayContent(value);
            var (field, file) = name.Split('=') is [var left, var right] ? (left, right) : (name, null);
            if (file is null)
            {
                form.Add(content, field);
            }
            else
            {
                content.Headers.ContentType = new MediaTypeHeaderValue("application/octet-stream");
                form.Add(content, field, file);
            }
        }

        return PostAsync(path, form);
    }

    public async Task<Answer> PostAsync(string path, HttpContent content)
    {
        using var response = await Edge.Client.PostAsync(path, content, TestContext.Current.CancellationToken);
        return new Answer(
            response.StatusCode, response.Content.Headers.ContentType?.ToString(), await response.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken));
    }

    /// <summary>The request was refused for what it is: nothing was held, nobody was asked.</summary>
    public void AssertRefused(Answer answer, string param, string? code = null)
    {
        var error = answer.Json["error"]!;
        Assert.True(answer.Status == ((string?)error["code"] == "not_found" ? HttpStatusCode.NotFound : HttpStatusCode.BadRequest), answer.Text);
        Assert.Equal(("invalid_request_error", param), ((string?)error["type"], (string?)error["param"] ?? ""));
        Assert.True(code is null || code == (string?)error["code"], answer.Text);
        Assert.NotEmpty((string)error["message"]!);
        Assert.Empty(Edge.Account.Admitted);
        Assert.Empty(Edge.Account.Settled);
        Assert.Empty(Provider.Requests);
    }

    public async ValueTask DisposeAsync()
    {
        await Edge.DisposeAsync();
        await Provider.DisposeAsync();
    }

    /// <summary>What the client got.</summary>
    public sealed record Answer(HttpStatusCode Status, string? Type, byte[] Bytes)
    {
        public string Text => Encoding.UTF8.GetString(Bytes);

        public JsonNode Json => JsonNode.Parse(Bytes)!;
    }
}
