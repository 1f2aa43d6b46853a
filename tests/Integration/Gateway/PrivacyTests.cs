using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Npgsql;
using OrleansGateway.Tests.Programs.Gateway;
using OrleansGateway.Tests.Programs.Postgres;
using Xunit;

namespace OrleansGateway.Tests.Integration.Gateway;

/// <summary>Canaries in prompts, keys and error paths, looked for wherever the gateway writes.</summary>
public sealed class PrivacyTests(PostgresServer server)
{
    private const string Canary = "canary-9f3b7c51";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Content_WhateverHappens_IsInNoLogAndNoTable()
    {
        await using var gateway = await GatewayFixture.StartAsync(server, fixture => fixture.Settings["Logging:LogLevel:Default"] = "Debug");
        var key = await gateway.CreateKeyAsync(await gateway.CreateAccountAsync("1"));
        using var client = gateway.CreateClient(key);
        var answer = "";
        foreach (var sim in new[] { "{}", """{"error":400}""", """{"error":500}""", """{"break_after":2}""", """{"malformed":true}""" })
        {
            foreach (var stream in new[] { false, true })
            {
                try
                {
                    using var response = await client.PostAsync("chat/completions", Chat(stream, JsonNode.Parse(sim)!), Cancellation);
                    answer = response.IsSuccessStatusCode && !stream ? await response.Content.ReadAsStringAsync(Cancellation) : answer;
                }
                catch (HttpRequestException) when (stream)
                {
                    // A stream that breaks at the provider is cut here.
                }
            }
        }

        using var broken = await client.PostAsync("chat/completions", new StringContent($$"""{"model":"sim-mini","messages":"{{Canary}}" """), Cancellation);
        using var forged = gateway.CreateClient("sk-og-" + Canary);
        using var refused = await forged.GetAsync(new Uri("models", UriKind.Relative), Cancellation);
        Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
        var text = JsonNode.Parse(answer)!["choices"]![0]!["message"]!["content"]!.GetValue<string>();

        gateway.Process.Signal(GatewayProcess.SigTerm);
        await gateway.Process.EndAsync();
        var written = gateway.Process.Output + await DumpAsync(gateway.DataSource);
        Assert.Contains("/v1/chat/completions", written, StringComparison.Ordinal);
        Assert.DoesNotContain("unhandled exception", gateway.Process.Output, StringComparison.Ordinal);
        Assert.DoesNotContain(Canary, written, StringComparison.Ordinal);
        Assert.DoesNotContain(text, written, StringComparison.Ordinal);
        Assert.DoesNotContain(key, written, StringComparison.Ordinal);
        Assert.DoesNotContain(key[30..], written, StringComparison.Ordinal);
        Assert.DoesNotContain(GatewayFixture.OperatorToken, written, StringComparison.Ordinal);
    }

    private static StringContent Chat(bool stream, JsonNode sim) => GatewayFixture.Chat(stream, new JsonObject
    {
        ["messages"] = new JsonArray(new JsonObject { ["role"] = "user", ["content"] = Canary }),
        ["user"] = Canary,
        ["sim"] = sim,
    });

    /// <summary>Every row of every table, as text.</summary>
    private static async Task<string> DumpAsync(NpgsqlDataSource database)
    {
        var dump = new StringBuilder();
        var tables = new List<string>();
        await using (var list = database.CreateCommand("SELECT format('%I', tablename) FROM pg_tables WHERE schemaname = 'public'"))
        await using (var reader = await list.ExecuteReaderAsync(Cancellation))
        {
            while (await reader.ReadAsync(Cancellation))
            {
                tables.Add(reader.GetString(0));
            }
        }

        foreach (var table in tables)
        {
            await using var rows = database.CreateCommand($"SELECT t::text FROM {table} t");
            await using var reader = await rows.ExecuteReaderAsync(Cancellation);
            while (await reader.ReadAsync(Cancellation))
            {
                dump.AppendLine(reader.GetString(0));
            }
        }

        return dump.ToString();
    }
}
