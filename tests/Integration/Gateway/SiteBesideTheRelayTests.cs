using System.Net;
using System.Text;
using OrleansGateway.Tests.Programs.Gateway;
using OrleansGateway.Tests.Programs.Postgres;
using Xunit;

namespace OrleansGateway.Tests.Integration.Gateway;

/// <summary>The relay's routes on a port that has a site as well.</summary>
public sealed class SiteBesideTheRelayTests(PostgresServer server)
{
    [Fact]
    public async Task Routes_WithCorsBesideASite_AreTheRelaysOwn()
    {
        var url = $"127.0.0.1:{FreePort.Next()}";
        await using var gateway = await GatewayFixture.StartAsync(server, fixture =>
        {
            fixture.Settings["Gateway:Urls"] = $"http://{url}";
            fixture.Settings["Gateway:EncryptionSecrets:0"] = Convert.ToBase64String(Encoding.UTF8.GetBytes("thirty-two bytes for this test!!"));
            fixture.Settings["Site:Url"] = $"http://{url.Replace("127.0.0.1", "localhost", StringComparison.Ordinal)}";
            fixture.Settings["Edge:CorsOrigins:0"] = "https://app.example";
        });
        using var client = gateway.CreateClient(await gateway.CreateKeyAsync(await gateway.CreateAccountAsync("1")));
        client.DefaultRequestHeaders.Add("Origin", "https://app.example");

        using var answer = await client.PostAsync("chat/completions", GatewayFixture.Chat(), TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal("https://app.example", Assert.Single(answer.Headers.GetValues("Access-Control-Allow-Origin")));

        // Status lines ask for the balance below no path of the relay's.
        using var balance = await client.GetAsync(new Uri(gateway.Url, "/user/balance"), TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.OK, balance.StatusCode);
        Assert.False(balance.Headers.Contains("Content-Security-Policy"));
        using var page = await client.GetAsync(new Uri(gateway.Url, "/models"), TestContext.Current.CancellationToken);
        Assert.Contains("<html", await page.Content.ReadAsStringAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }
}
