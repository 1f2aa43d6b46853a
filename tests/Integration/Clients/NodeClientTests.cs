using System.Diagnostics;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using OrleansGateway.SimulatedProvider;
using OrleansGateway.Tests.Integration.Gateway;
using OrleansGateway.Tests.Programs;
using OrleansGateway.Tests.Programs.Postgres;
using Xunit;

namespace OrleansGateway.Tests.Integration.Clients;

/// <summary>A gateway before a provider of each protocol.</summary>
public sealed class ClientsFixture(PostgresServer server) : IAsyncLifetime
{
    public const string Realtime = "by-realtime";

    private ScriptedProvider _provider = null!;
    private SimulatedProviderHost _simulated = null!;

    internal GatewayFixture Gateway { get; private set; } = null!;

    public string Key { get; private set; } = "";

    public async ValueTask InitializeAsync()
    {
        _provider = await ScriptedProvider.StartAsync();
        _simulated = await SimulatedProviderHost.StartAsync();
        Gateway = await GatewayFixture.StartAsync(server, gateway => File.WriteAllText(gateway.CatalogPath, Catalog(_provider.Address, _simulated.BaseAddress)));
        Key = await Gateway.CreateKeyAsync(await Gateway.CreateAccountAsync("100"));
    }

    public async ValueTask DisposeAsync()
    {
        await Gateway.VerifyAsync();
        await Gateway.DisposeAsync();
        await _provider.DisposeAsync();
        await _simulated.DisposeAsync();
    }

    private static string Catalog(string address, Uri simulated)
    {
        var (providers, channels, models) = (new JsonArray(), new JsonArray(), new JsonArray());
        foreach (var (model, kind, url, responses) in new[]
        {
            ("by-chat", "openai", address + "/openai/v1", false),
            ("by-responses", "openai", address + "/openai/v1", true),
            ("by-anthropic", "anthropic", address + "/anthropic/v1", false),
            ("by-gemini", "gemini", address + "/gemini/v1beta", false),
            (Realtime, "openai", simulated + "v1", false),
        })
        {
            providers.Add(new JsonObject { ["name"] = model, ["kind"] = kind, ["base_url"] = url, ["unknown_fields"] = "pass" });
            var channel = new JsonObject { ["name"] = model, ["provider"] = model, ["key_env"] = null, ["models"] = new JsonArray(model), ["unpriced"] = "drop" };
            if (responses)
            {
                channel["responses"] = true;
            }

            channels.Add(channel);
            models.Add(new JsonObject
            {
                ["id"] = model,
                ["owned_by"] = "tests",
                ["created"] = "2026-01-01",
                ["context_window"] = 200000,
                ["max_output_tokens"] = 16384,
                ["realtime"] = model == Realtime,
                ["modalities"] = model == Realtime
                    ? new JsonObject { ["input"] = new JsonArray("text", "audio"), ["output"] = new JsonArray("text", "audio") }
                    : null,
                ["bounds"] = new JsonObject { ["image_tokens"] = 2000 },
                ["prices"] = new JsonArray(new JsonObject
                {
                    ["from"] = "2026-01-01T00:00:00Z",
                    ["per_million"] = new JsonObject { ["input"] = 1, ["cached_input"] = 0.1, ["output"] = 4 },
                }),
            });
        }

        return new JsonObject { ["providers"] = providers, ["channels"] = channels, ["models"] = models }.ToJsonString();
    }
}

/// <summary>
/// What customers bring, in the newest and the previous version, against a provider of each protocol. <c>./test</c> installs the packages;
/// the cases are in <c>tests/Clients</c>.
/// </summary>
public sealed partial class NodeClientTests(ClientsFixture clients, ITestOutputHelper output) : IClassFixture<ClientsFixture>
{
    private static readonly string Folder = Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "../../Clients/release"));

    public static TheoryData<string, string, string> Clients()
    {
        var data = new TheoryData<string, string, string>();
        foreach (var model in (string[])["by-chat", "by-responses", "by-anthropic", "by-gemini"])
        {
            foreach (var package in (string[])["openai", "openai-previous"])
            {
                data.Add("openai", package, model);
                data.Add("responses", package, model);
            }

            data.Add("anthropic", "@anthropic-ai/sdk", model);
            data.Add("anthropic", "anthropic-previous", model);
            data.Add("genai", "@google/genai", model);
            data.Add("genai", "genai-previous", model);
            data.Add("vercel", "", model);
            data.Add("vercel", "previous", model);
        }

        data.Add("realtime", "openai", ClientsFixture.Realtime);
        data.Add("realtime", "openai-previous", ClientsFixture.Realtime);
        return data;
    }

    [Theory]
    [MemberData(nameof(Clients))]
    public async Task Client_BeforeEachProvider_Works(string client, string package, string model)
    {
        var (code, lines) = await RunAsync(Node(), ["run.mjs", client], model, package);
        var failed = lines.Split('\n').Where(static line => line.StartsWith("not ok", StringComparison.Ordinal)).ToList();
        Assert.True(failed.Count == 0, string.Join('\n', failed));
        Assert.Contains("ok ", lines, StringComparison.Ordinal);
        Assert.Equal(0, code);
    }

    /// <summary>The blocks of <c>docs/clients.md</c> that can be run, by their language.</summary>
    public static TheoryData<string, string> Documented()
    {
        var data = new TheoryData<string, string>();
        var document = File.ReadAllText(Path.Combine(Repository.Root, "docs/clients.md"));
        foreach (Match block in CodeBlock().Matches(document))
        {
            data.Add(block.Groups[1].Value, block.Groups[2].Value);
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Documented))]
    public async Task DocumentedLines_OfEachClient_Work(string language, string lines)
    {
        var file = Path.Combine(Folder, "documented-" + Guid.NewGuid().ToString("N") + (language == "js" ? ".mjs" : ".sh"));
        await File.WriteAllTextAsync(file, lines, TestContext.Current.CancellationToken);
        try
        {
            var (code, said) = await RunAsync(language == "js" ? Node() : "bash", [file], "by-anthropic", "");
            Assert.Equal(0, code);
            Assert.Contains("Hello, w", said, StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(file);
        }
    }

    private async Task<(int Code, string Lines)> RunAsync(string program, string[] arguments, string model, string package)
    {
        Assert.True(Directory.Exists(Path.Combine(Folder, "node_modules")), "./test installs the clients; run it once.");
        var start = new ProcessStartInfo(program, arguments) { WorkingDirectory = Folder, RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["OG_URL"] = clients.Gateway.Url.GetLeftPart(UriPartial.Authority);
        start.Environment["OG_KEY"] = clients.Key;
        start.Environment["OG_MODEL"] = model;
        start.Environment["OG_PACKAGE"] = package;
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        var lines = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        output.WriteLine(lines + await errors);
        return (process.ExitCode, lines);
    }

    [GeneratedRegex(@"^```(js|sh)\n(.*?)^```", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex CodeBlock();

    private static string Node()
    {
        var own = Path.Combine(Folder, "node_modules/node/bin/node");
        return File.Exists(own) ? own : "node";
    }
}
