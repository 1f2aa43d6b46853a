using System.Text.Json.Nodes;
using Google.Protobuf;
using Google.Rpc;
using Grpc.Core;
using OrleansGateway.Operator.Contracts;
using OrleansGateway.Tests.Programs.Gateway;
using OrleansGateway.Tests.Programs.Postgres;
using Xunit;

namespace OrleansGateway.Tests.Integration.Gateway;

/// <summary>Which catalog is in force: the configured file, its edits, and what an operator publishes.</summary>
public sealed class CatalogTests(PostgresServer server, SharedGateway shared) : IClassFixture<SharedGateway>
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Apply_OfAnotherFile_IsInForceInSecondsAndAfterARestart()
    {
        await using var gateway = await GatewayFixture.StartAsync(server);
        var file = await WriteOtherAsync(gateway);
        var (exitCode, output, errors) = await gateway.CommandAsync("catalog", "apply", file, "--format", "json");
        Assert.Equal((0, ""), (exitCode, errors));
        Assert.Equal((2, "published", file), Shown(output));
        await gateway.Process.LineAsync("Catalog version 2 from " + file + " is in force");
        Assert.Equal(["sim-other"], await ModelsAsync(gateway));

        gateway.Process.Signal(GatewayProcess.SigTerm);
        Assert.Equal(0, await gateway.Process.EndAsync());
        await gateway.StartGatewayAsync();
        await gateway.Process.LineAsync("Catalog version 2 from " + file + " is in force");
        Assert.Equal(["sim-other"], await ModelsAsync(gateway));
        Assert.Equal((2, "unchanged", file), Shown((await gateway.CommandAsync("catalog", "apply", file, "--format", "json")).Output));
    }

    [Fact]
    public async Task Apply_OfABadFile_TellsEveryProblemByLineAndChangesNothing()
    {
        var gateway = shared.Gateway;
        var file = await WriteOtherAsync(gateway, text => text.Replace("128000", "-1", StringComparison.Ordinal).Replace("0.60", "\"dear\"", StringComparison.Ordinal));

        var (exitCode, output, errors) = await gateway.CommandAsync("catalog", "apply", file);

        Assert.Equal((1, ""), (exitCode, output));
        Assert.Equal((await gateway.CommandAsync("catalog", "check", file)).Errors, errors);
        Assert.StartsWith($"{file}: line 5, models[0].context_window: ", errors, StringComparison.Ordinal);
        Assert.Contains($"\n{file}: line 6, models[0].prices[0].per_million.output: ", errors, StringComparison.Ordinal);
        Assert.Equal((1, "", gateway.CatalogPath), Shown((await gateway.CommandAsync("catalog", "show", "--format", "json")).Output));
        Assert.Equal(1, (await gateway.CommandAsync("catalog", "apply", file + ".none")).ExitCode);
    }

    [Fact]
    public async Task Apply_OfOtherRatesUnderAnIdInForce_IsRefused()
    {
        var gateway = shared.Gateway;
        var file = Path.ChangeExtension(gateway.CatalogPath, "other");
        await File.WriteAllTextAsync(file, (await ReadAsync(gateway)).Replace("0.15", "0.14", StringComparison.Ordinal), Cancellation);

        var (exitCode, _, errors) = await gateway.CommandAsync("catalog", "apply", file);

        Assert.Equal(1, exitCode);
        Assert.Contains("line 6, models[0].prices[0].per_million.input: The price 'sim-mini@1' has been in force", errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Apply_OfMoreThanACatalogMayHave_IsRefused()
    {
        var gateway = shared.Gateway;
        var request = new ApplyCatalogRequest { RequestId = OperatorClient.NewRequestId(), Text = ByteString.CopyFrom(new byte[5_000_000]) };

        var refused = await Assert.ThrowsAsync<RpcException>(async () => await gateway.Operator.Catalog.ApplyCatalogAsync(request, cancellationToken: Cancellation));

        Assert.Equal(StatusCode.InvalidArgument, refused.StatusCode);
        var violation = Assert.Single(refused.GetRpcStatus()!.GetDetail<BadRequest>()!.FieldViolations);
        Assert.Equal("text", violation.Field);
        Assert.StartsWith("line 1: The file has more than", violation.Description, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Verbs_WhileNoServiceRuns_ShowWhatItServed()
    {
        await using var gateway = await GatewayFixture.StartAsync(server);
        var file = await WriteOtherAsync(gateway);
        Assert.Equal(0, (await gateway.CommandAsync("catalog", "apply", file)).ExitCode);
        gateway.Process.Signal(GatewayProcess.SigTerm);
        Assert.Equal(0, await gateway.Process.EndAsync());

        Assert.Equal((2, "", file), Shown((await gateway.CommandAsync("catalog", "show", "--format", "json")).Output));
        Assert.Equal((await File.ReadAllTextAsync(file, Cancellation)).TrimEnd(), (await gateway.CommandAsync("catalog", "show", "--text")).Output);
        Assert.Contains("sim-other", (await gateway.CommandAsync("catalog", "models")).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Show_OfWhatIsOff_WarnsBesideTheTable()
    {
        await using var gateway = await GatewayFixture.StartAsync(server);
        var file = await WriteOtherAsync(gateway, text => text.Replace("\"key_env\": null", "\"key_env\": \"NO_SUCH_KEY\"", StringComparison.Ordinal));
        Assert.Equal(0, (await gateway.CommandAsync("catalog", "apply", file)).ExitCode);

        var (exitCode, output, errors) = await gateway.CommandAsync("catalog", "show");

        Assert.Equal(0, exitCode);
        Assert.Matches("channels_on +0", output);
        Assert.DoesNotContain("warning", output, StringComparison.Ordinal);
        Assert.Contains($"{file}: warning: line 3, channels[0].key_env: The environment variable NO_SUCH_KEY is not set.", errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task File_Edited_IsFollowedAndABadOneIsNot()
    {
        await using var gateway = await GatewayFixture.StartAsync(server);
        var good = await ReadAsync(gateway);
        await File.WriteAllTextAsync(gateway.CatalogPath, Other(good), Cancellation);
        await gateway.Process.LineAsync("version 2 from " + gateway.CatalogPath + " is in force");
        Assert.Equal(["sim-other"], await ModelsAsync(gateway));

        await File.WriteAllTextAsync(gateway.CatalogPath, good.Replace("0.15", "\"cheap\"", StringComparison.Ordinal), Cancellation);
        var line = await gateway.Process.LineAsync("is refused, the old one stays in force");
        Assert.Contains("line 6, models[0].prices[0].per_million.input", line, StringComparison.Ordinal);
        Assert.Equal(["sim-other"], await ModelsAsync(gateway));

        var audit = (await gateway.Operator.Reports.ListAuditAsync(new ListAuditRequest { PageSize = 100 }, cancellationToken: Cancellation)).Entries;
        Assert.Equal(
            Enumerable.Repeat((ActorKind.System, gateway.CatalogPath, "catalog.seed", "done"), 2),
            audit.Where(entry => entry.ActorKind == ActorKind.System).Select(entry => (entry.ActorKind, entry.Address, entry.Action, entry.Outcome)));
    }

    [Fact]
    public async Task File_ThatIsNotInForce_IsPublishedByReloadAndBySigHup()
    {
        await using var gateway = await GatewayFixture.StartAsync(server);
        var file = await WriteOtherAsync(gateway);
        await gateway.CommandAsync("catalog", "apply", file);
        Assert.Equal((3, "published", gateway.CatalogPath), Shown((await gateway.CommandAsync("catalog", "reload", "--format", "json")).Output));

        await gateway.CommandAsync("catalog", "apply", file);
        gateway.Process.Signal(GatewayProcess.SigHup);
        await gateway.Process.LineAsync("version 5 from " + gateway.CatalogPath + " is in force");
        Assert.Equal([GatewayFixture.Model], await ModelsAsync(gateway));
    }

    [Theory]
    [InlineData("another catalog")]
    [InlineData("no catalog")]
    public async Task Reload_RepeatedWhenTheFileHasBecome_GivesTheFirstAnswer(string now)
    {
        await using var gateway = await GatewayFixture.StartAsync(server);
        var request = new ReloadCatalogRequest { RequestId = OperatorClient.NewRequestId() };
        var first = await gateway.Operator.Catalog.ReloadCatalogAsync(request, cancellationToken: Cancellation);
        await File.WriteAllTextAsync(gateway.CatalogPath, now == "no catalog" ? now : Other(await ReadAsync(gateway)), Cancellation);

        Assert.Equal(first, await gateway.Operator.Catalog.ReloadCatalogAsync(request, cancellationToken: Cancellation));
    }

    /// <summary>As ./run does when a provider's key comes and goes.</summary>
    [Fact]
    public async Task Start_WithAnotherConfiguredFileThanLastTime_ServesThatOne()
    {
        await using var gateway = await GatewayFixture.StartAsync(server);
        var first = gateway.CatalogPath;
        gateway.Settings["Gateway:Catalog"] = await WriteOtherAsync(gateway);
        await gateway.StartGatewayAsync();
        await gateway.Process.LineAsync("Catalog version 2 from " + gateway.Settings["Gateway:Catalog"] + " is in force");
        Assert.Equal(["sim-other"], await ModelsAsync(gateway));

        gateway.Settings["Gateway:Catalog"] = first;
        await gateway.StartGatewayAsync();
        await gateway.Process.LineAsync("Catalog version 3 from " + first + " is in force");
        Assert.Equal([GatewayFixture.Model], await ModelsAsync(gateway));
        await gateway.StartGatewayAsync();
        await gateway.Process.LineAsync("Catalog version 3 from " + first + " is in force");
    }

    private static string Other(string text) => text.Replace(GatewayFixture.Model, "sim-other", StringComparison.Ordinal);

    private static Task<string> ReadAsync(GatewayFixture gateway) => File.ReadAllTextAsync(gateway.CatalogPath, Cancellation);

    /// <summary>A catalog with another model, in a file of its own.</summary>
    private static async Task<string> WriteOtherAsync(GatewayFixture gateway, Func<string, string>? change = null)
    {
        var file = Path.ChangeExtension(gateway.CatalogPath, "other");
        var text = Other(await ReadAsync(gateway));
        await File.WriteAllTextAsync(file, change?.Invoke(text) ?? text, Cancellation);
        return file;
    }

    /// <summary>What clients are offered.</summary>
    private static async Task<string[]> ModelsAsync(GatewayFixture gateway)
    {
        using var client = gateway.CreateClient(await gateway.CreateKeyAsync(await gateway.CreateAccountAsync("1")));
        var models = JsonNode.Parse(await client.GetStringAsync("models", Cancellation))!["data"]!.AsArray();
        return [.. models.Select(model => model!["id"]!.GetValue<string>())];
    }

    private static (long Version, string Outcome, string Source) Shown(string json)
    {
        var shown = JsonNode.Parse(json)!;
        return (shown["version"]!.GetValue<long>(), shown["outcome"]?.GetValue<string>() ?? "", shown["source"]!.GetValue<string>());
    }
}
