using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Primitives;
using OrleansGateway.Grains.Contracts.Catalog;
using OrleansGateway.Tests.Shared;
using OrleansGateway.Web;
using OrleansGateway.Web.Playground;
using Xunit;

namespace OrleansGateway.Tests.Browser.People;

/// <summary>The playground's way to the relay.</summary>
public sealed class RelayTests : ISiteHost
{
    bool ISiteHost.IsReady => true;

    CatalogSnapshot? ISiteHost.Catalog => null;

    int ISiteHost.CallsDays => 90;

    /// <summary>Prompt and key are the relay's alone: where it sends on, nobody follows.</summary>
    [Theory]
    [InlineData(StatusCodes.Status302Found)]
    [InlineData(StatusCodes.Status307TemporaryRedirect)]
    public async Task Redirect_OfTheRelay_IsNotFollowed(int status)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        await using var relay = builder.Build();
        var followed = 0;
        relay.MapPost("/v1/chat/completions", (HttpContext http) =>
        {
            http.Response.Headers.Location = "/elsewhere";
            return Results.StatusCode(status);
        });
        relay.Map("/elsewhere", () => Interlocked.Increment(ref followed));
        await relay.StartAsync(TestContext.Current.CancellationToken);
        var options = Options.Create(new SiteOptions { Url = "http://localhost", RelayUrl = relay.Urls.Single() });
        using var calls = new PlaygroundCalls(new RelayAddress(null!, options), this, options, new FakeTimeProvider());
        var form = new FormCollection(new Dictionary<string, StringValues> { ["Model"] = "sim-mini", ["Prompt"] = "Hello" });

        using var answer = await calls.SendAsync(new DefaultHttpContext(), PlaygroundRequest.Of(form), new PlaygroundKey("key", "sk-og-secret", DateTimeOffset.MaxValue));

        Assert.Equal((HttpStatusCode)status, answer.StatusCode);
        Assert.Equal(0, followed);
    }

    string ISiteHost.AddressOf(HttpContext context) => "127.0.0.1";

    bool ISiteHost.IsSecure(HttpContext context) => false;
}
