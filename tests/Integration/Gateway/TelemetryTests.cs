using System.Collections.Concurrent;
using System.Net;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;
using OrleansGateway.Tests.Programs.Postgres;
using Xunit;

namespace OrleansGateway.Tests.Integration.Gateway;

/// <summary>A collector that only listens: OTLP over gRPC is HTTP/2 with the metrics' names as plain text in its messages.</summary>
public sealed class TelemetryTests(PostgresServer server)
{
    private static readonly string[] Expected =
    [
        "og.edge.requests", "og.edge.first_byte", "og.account.holds", "og.account.reserve", "og.ledger.flight.duration", "og.ledger.flight.accounts",
        "Completed", "NotRelayed",
    ];

    [Fact]
    public async Task Metrics_WithAnEndpoint_AreExported()
    {
        var seen = new ConcurrentDictionary<string, bool>();
        var all = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen => listen.Protocols = HttpProtocols.Http2));
        await using var collector = builder.Build();
        collector.Run(async context =>
        {
            using var body = new MemoryStream();
            await context.Request.Body.CopyToAsync(body, context.RequestAborted);
            var text = Encoding.Latin1.GetString(body.ToArray());
            foreach (var name in Expected.Where(name => text.Contains(name, StringComparison.Ordinal)))
            {
                seen[name] = true;
            }

            if (seen.Count == Expected.Length)
            {
                all.TrySetResult();
            }

            context.Response.ContentType = "application/grpc";
            context.Response.AppendTrailer("grpc-status", "0");
            await context.Response.Body.WriteAsync(new byte[5], context.RequestAborted);
        });
        await collector.StartAsync(TestContext.Current.CancellationToken);
        await using var gateway = await GatewayFixture.StartAsync(server, fixture =>
        {
            fixture.Settings["Telemetry:OtlpEndpoint"] = collector.Urls.First();
            fixture.Settings["Telemetry:ExportSeconds"] = "1";
        });
        using var client = gateway.CreateClient(await gateway.CreateKeyAsync(await gateway.CreateAccountAsync("1")));

        using var models = await client.GetAsync("models", TestContext.Current.CancellationToken);
        using var answer = await client.PostAsync("chat/completions", GatewayFixture.Chat(stream: true), TestContext.Current.CancellationToken);

        Assert.True(answer.IsSuccessStatusCode);
        await all.Task.WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken);
    }
}
