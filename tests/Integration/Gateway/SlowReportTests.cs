using System.Net;
using OrleansGateway.Operator.Contracts;
using OrleansGateway.Tests.Programs.Postgres;
using Xunit;

namespace OrleansGateway.Tests.Integration.Gateway;

/// <summary>Reports that nobody reads on.</summary>
public sealed class SlowReportTests(PostgresServer server)
{
    /// <summary>More than the buffers of a call hold.</summary>
    private const string ManyRows =
        """
        INSERT INTO usage (at, charge, input, cached_input, cache_write_5m, cache_write_1h, audio_input, image_input, output, reasoning,
            audio_output, image_output, calls, first_byte_ms, duration_ms, is_estimated, account_id, key_id, request_id, status, model,
            channel, endpoint, price_id, client_address)
        SELECT now() - n * interval '1 ms', 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 1, false, 'nobody', 'key', 'request' || n, 'completed', 'model',
            'channel', '/v1/chat/completions', 'price', '192.0.2.1'
        FROM generate_series(1, 50000) AS n
        """;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Export_TwentyThatAreNotReadOn_StopNeitherSettlementsNorHealth()
    {
        await using var gateway = await GatewayFixture.StartAsync(server);
        await using (var rows = gateway.DataSource.CreateCommand(ManyRows))
        {
            await rows.ExecuteNonQueryAsync(Cancellation);
        }

        using var client = gateway.CreateClient(await gateway.CreateKeyAsync(await gateway.CreateAccountAsync("1")));
        var exports = Enumerable.Range(0, 20).Select(_ => gateway.Operator.Reports.ExportUsage(new ExportUsageRequest())).ToList();
        try
        {
            var begun = exports.Select(export => export.ResponseStream.MoveNext(Cancellation)).ToList();
            while (begun.Count(static one => one.IsCompletedSuccessfully) < 5)
            {
                await Task.Delay(5, Cancellation);
            }

            for (var i = 0; i < 5; i++)
            {
                using var answer = await client.PostAsync("chat/completions", GatewayFixture.Chat(), Cancellation);
                Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
            }

            Assert.Equal(HttpStatusCode.OK, (await gateway.OperatorHttp.GetAsync("health/ready", Cancellation)).StatusCode);
        }
        finally
        {
            exports.ForEach(static export => export.Dispose());
        }
    }
}
