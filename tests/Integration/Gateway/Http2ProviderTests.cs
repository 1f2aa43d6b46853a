using System.Net;
using System.Text.Json.Nodes;
using OrleansGateway.Tests.Programs.Postgres;
using Xunit;

namespace OrleansGateway.Tests.Integration.Gateway;

/// <summary>Providers over HTTPS and HTTP/2, where an answer may be there before its request is.</summary>
public sealed class Http2ProviderTests(PostgresServer server)
{
    private const int BodyBytes = 1024 * 1024;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(200)]
    [InlineData(413)]
    public async Task Answer_BeforeItsRequestWasRead_GivesTheProviderNothingOfOtherRequests(int status)
    {
        await using var provider = await EarlyProvider.StartAsync(status);
        await using var gateway = await GatewayFixture.StartAsync(server, fixture =>
        {
            var authorities = Path.Combine(Path.GetDirectoryName(fixture.CatalogPath)!, "authorities.pem");
            File.WriteAllText(authorities, provider.AuthorityPem);
            fixture.Settings["SSL_CERT_FILE"] = authorities;
            fixture.Settings["SIMULATED_PROVIDER_URL"] = new Uri(provider.BaseAddress, "v1").AbsoluteUri;
        });
        using var client = gateway.CreateClient(await gateway.CreateKeyAsync(await gateway.CreateAccountAsync("5")));

        using (var first = await client.PostAsync("chat/completions", Chat('A'), Cancellation))
        {
            Assert.Equal(status, (int)first.StatusCode);
        }

        // The memory of the first request's body serves these now.
        for (var i = 0; i < 20; i++)
        {
            using var other = await client.PostAsync("chat/completions", Chat('B'), Cancellation);
            Assert.Equal(HttpStatusCode.OK, other.StatusCode);
        }

        var read = await provider.ReadFirstAsync();
        Assert.Equal("HTTP/2", provider.Protocol);
        Assert.Contains((byte)'A', read);
        Assert.DoesNotContain((byte)'B', read);
    }

    private static StringContent Chat(char letter) => GatewayFixture.Chat(fields: new JsonObject
    {
        ["messages"] = new JsonArray(new JsonObject { ["role"] = "user", ["content"] = new string(letter, BodyBytes) }),
    });
}
