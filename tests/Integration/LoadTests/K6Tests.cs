using System.Diagnostics;
using System.Text;
using System.Text.RegularExpressions;
using OrleansGateway.Operator.Contracts;
using OrleansGateway.Tests.Integration.Gateway;
using OrleansGateway.Tests.Programs;
using OrleansGateway.Tests.Programs.Gateway;
using OrleansGateway.Tests.Programs.Postgres;
using Xunit;

namespace OrleansGateway.Tests.Integration.LoadTests;

/// <summary>A gateway before the simulated provider, with models of three protocols, keys with and without limits, and gRPC over TCP.</summary>
public sealed class K6Fixture(PostgresServer server) : IAsyncLifetime
{
    internal GatewayFixture Gateway { get; private set; } = null!;

    internal Dictionary<string, string> Environment { get; } = [];

    public async ValueTask InitializeAsync()
    {
        var operatorUrl = $"127.0.0.1:{FreePort.Next()}";
        Gateway = await GatewayFixture.StartAsync(server, gateway =>
        {
            File.Copy(Path.Combine(Repository.Root, "src/Silo/catalog.simulated.json"), gateway.CatalogPath, overwrite: true);
            gateway.Settings["Gateway:OperatorGrpcUrls"] = $"http://{operatorUrl}";
        });
        var account = await Gateway.CreateAccountAsync("100");
        Environment["URL"] = Gateway.Url.GetLeftPart(UriPartial.Authority);
        Environment["KEY"] = await Gateway.CreateKeyAsync(account);
        Environment["RATE_KEY"] = await Gateway.CreateKeyAsync(account, new KeySettings { Name = "rate", Limits = new RateLimits { RequestsPerMinute = 20 } });
        Environment["CONCURRENT_KEY"] = await Gateway.CreateKeyAsync(account, new KeySettings { Name = "concurrent", Limits = new RateLimits { Concurrency = 3 } });
        Environment["OPERATOR"] = operatorUrl;
        Environment["OPERATOR_TOKEN"] = GatewayFixture.OperatorToken;
    }

    public async ValueTask DisposeAsync()
    {
        await Gateway.VerifyAsync();
        await Gateway.DisposeAsync();
    }
}

/// <summary>The scripts of <c>load-tests/k6</c>, with the stand-in for k6 of <c>tests/K6</c>: that each does what it says and passes its own checks.</summary>
public sealed partial class K6Tests(K6Fixture fixture, ITestOutputHelper output) : IClassFixture<K6Fixture>
{
    internal static readonly string Scripts = Path.Combine(Repository.Root, "load-tests/k6");
    private static readonly string Packages = Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "../../k6/release"));

    public static TheoryData<string> All() => [.. Directory.EnumerateFiles(Scripts, "*.js").Select(file => Path.GetFileName(file)).Where(static name => name != "gateway.js").Order()];

    [Theory]
    [MemberData(nameof(All))]
    public async Task Script_OnAGateway_PassesItsChecks(string script)
    {
        var (code, said) = await RunAsync(Node(), [Path.Combine(Repository.Root, "tests/K6/run.mjs"), Path.Combine(Scripts, script), Packages, "8"], script);
        Assert.True(code == 0, said);
        Assert.Contains("checks: ", said, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Scripts_ByTheirTypes_AreRight()
    {
        var (code, said) = await RunAsync(Node(), [Path.Combine(Packages, "node_modules/typescript/bin/tsc"), "-p", Path.Combine(Packages, "jsconfig.json")], "");
        Assert.True(code == 0, said);
    }

    [Fact]
    public async Task Keys_MadeForALoad_AreServed()
    {
        var token = Path.GetTempFileName();
        await File.WriteAllTextAsync(token, GatewayFixture.OperatorToken, TestContext.Current.CancellationToken);
        var (code, said) = await RunAsync(Node(), [Path.Combine(Scripts, "keys.mjs"), "--modules", Packages, "--count", "40", "--credit", "1", "--operator", fixture.Environment["OPERATOR"], "--token-file", token], "");
        File.Delete(token);
        Assert.True(code == 0, said);
        var keys = Key().Matches(said);
        Assert.Equal(40, keys.Select(match => match.Value).Distinct().Count());
        using var client = fixture.Gateway.CreateClient(keys[^1].Value);
        using var content = new StringContent("""{"model":"sim-mini","messages":[{"role":"user","content":"Hello"}]}""", Encoding.UTF8, "application/json");
        using var response = await client.PostAsync("chat/completions", content, TestContext.Current.CancellationToken);
        Assert.Equal(System.Net.HttpStatusCode.OK, response.StatusCode);
    }

    [GeneratedRegex("sk-og-[A-Za-z0-9]+")]
    private static partial Regex Key();

    private static string Node()
    {
        var own = Path.Combine(Packages, "node_modules/node/bin/node");
        return File.Exists(own) ? own : "node";
    }

    private async Task<(int Code, string Said)> RunAsync(string program, string[] arguments, string script)
    {
        Assert.True(Directory.Exists(Path.Combine(Packages, "node_modules")), "./test installs the packages; run it once.");
        return await K6Run.RunAsync(program, arguments, script, fixture, output);
    }
}

/// <summary>k6 itself, where it is installed; <c>./test</c> asks for it then.</summary>
public sealed class K6ProgramTests(K6Fixture fixture, ITestOutputHelper output) : IClassFixture<K6Fixture>
{
    [Fact(Explicit = true)]
    public async Task Smoke_OnAGateway_Passes()
    {
        var (code, said) = await K6Run.RunAsync("k6", ["run", Path.Combine(K6Tests.Scripts, "smoke.js")], "smoke.js", fixture, output);
        Assert.True(code == 0, said);
    }
}

/// <summary>Runs a program with what the scripts take from the environment.</summary>
internal static class K6Run
{
    public static async Task<(int Code, string Said)> RunAsync(string program, string[] arguments, string script, K6Fixture fixture, ITestOutputHelper output)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var (name, value) in fixture.Environment)
        {
            start.Environment[name] = value;
        }

        if (script == "limits.js")
        {
            (start.Environment["KEY"], start.Environment["RPM"], start.Environment["CONCURRENCY"]) = (fixture.Environment["RATE_KEY"], "20", "3");
        }

        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        var said = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        said += await errors;
        output.WriteLine(said);
        return (process.ExitCode, said);
    }
}
