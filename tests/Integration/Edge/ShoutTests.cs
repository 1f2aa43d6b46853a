using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using OrleansGateway.Edge;
using Xunit;

namespace OrleansGateway.Tests.Integration.Edge;

/// <summary>A front and a dialect that the gateway does not know are a file and a line each.</summary>
public sealed class ShoutTests : IAsyncLifetime
{
    private WebApplication _provider = null!;
    private EdgeFixture _edge = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        _provider = builder.Build();
        _provider.MapPost("/words", async (HttpContext context) =>
        {
            var words = await new StreamReader(context.Request.Body).ReadToEndAsync();
            context.Response.StatusCode = words == "whisper" ? 400 : 200;
            await context.Response.WriteAsync(words.ToUpperInvariant());
        });
        _provider.MapPost("/letters", async (HttpContext context) =>
        {
            context.Response.ContentType = "text/event-stream";
            foreach (var letter in (await new StreamReader(context.Request.Body).ReadToEndAsync()).ToUpperInvariant())
            {
                await context.Response.WriteAsync($"data: {letter}\n\n");
            }
        });
        await _provider.StartAsync(Cancellation);
        var address = _provider.Services.GetRequiredService<IServer>().Features.GetRequiredFeature<IServerAddressesFeature>().Addresses.First();
        _edge = await EdgeFixture.StartAsync(
            provider: (_, provider) => (provider["kind"], provider["base_url"]) = ("shout", address),
            services: services =>
            {
                services.AddFront<ShoutFront>();
                services.AddDialect<ShoutDialect>();
            },
            kinds: ["shout"]);
    }

    public async ValueTask DisposeAsync()
    {
        await _edge.DisposeAsync();
        await _provider.DisposeAsync();
    }

    [Fact]
    public async Task Post_OfWholeWords_IsRelayedAndCharged()
    {
        var (status, answer) = await ShoutAsync("""{"model":"test-model","say":"hello"}""");
        Assert.Equal((HttpStatusCode.OK, """{"said":"HELLO"}"""), (status, answer));
        var settled = Assert.Single(_edge.Account.Settled);
        Assert.Equal((5, 5, ShoutFront.Endpoint), (settled.Usage.TotalInput, settled.Usage.TotalOutput, settled.Ticket.Endpoint));
    }

    [Fact]
    public async Task Post_OfAStream_IsPassedOnAndItsLastEventComesAfterTheSettlement()
    {
        var (status, answer) = await ShoutAsync("""{"model":"test-model","say":"hey","stream":true}""");
        Assert.Equal((HttpStatusCode.OK, "data: H\n\ndata: E\n\ndata: over\n\n"), (status, answer));
        Assert.Equal(3, Assert.Single(_edge.Account.Settled).Usage.TotalOutput);
    }

    [Fact]
    public async Task Post_OfWhatIsWrong_IsRefusedInItsOwnForm()
    {
        Assert.Equal((HttpStatusCode.BadRequest, """{"sorry":"Say something."}"""), await ShoutAsync("""{"model":"test-model"}"""));
        Assert.Equal((HttpStatusCode.BadRequest, """{"sorry":"It is hoarse."}"""), await ShoutAsync("""{"model":"test-model","say":"whisper"}"""));
        using var get = await _edge.Client.GetAsync(ShoutFront.Endpoint, Cancellation);
        Assert.Equal(HttpStatusCode.MethodNotAllowed, get.StatusCode);
        Assert.NotNull(JsonNode.Parse(await get.Content.ReadAsStringAsync(Cancellation))!["sorry"]);
    }

    private async Task<(HttpStatusCode Status, string Answer)> ShoutAsync(string body)
    {
        using var answer = await _edge.Client.PostAsync(ShoutFront.Endpoint, new StringContent(body, Encoding.UTF8), Cancellation);
        return (answer.StatusCode, await answer.Content.ReadAsStringAsync(Cancellation));
    }
}
