using System.Diagnostics;
using Xunit;

namespace OrleansGateway.Tests.Integration.Clients;

/// <summary>
/// Agents for the terminal, each told in one prompt to read a file with its own tool, on its own provider and on a foreign one. They are large:
/// only <c>./test --agents</c> installs and runs them.
/// </summary>
public sealed class AgentTests(ClientsFixture clients, ITestOutputHelper output) : IClassFixture<ClientsFixture>
{
    private static readonly string Folder = Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "../../Agents/release"));

    [Theory(Explicit = true)]
    [InlineData("by-anthropic")]
    [InlineData("by-chat")]
    [InlineData("by-gemini")]
    public Task ClaudeCode_ToldToReadAFile_SaysWhatIsInIt(string model) => ReadAsync(
        "claude",
        prompt => ["-p", prompt, "--model", model, "--allowedTools", "Read", "--max-turns", "4"],
        (home, environment) => (environment["ANTHROPIC_BASE_URL"], environment["ANTHROPIC_API_KEY"], environment["CLAUDE_CODE_MAX_RETRIES"]) =
            (clients.Gateway.Url.GetLeftPart(UriPartial.Authority), clients.Key, "1"));

    [Theory(Explicit = true)]
    [InlineData("by-responses")]
    [InlineData("by-chat")]
    [InlineData("by-anthropic")]
    [InlineData("by-gemini")]
    public Task Codex_ToldToReadAFile_SaysWhatIsInIt(string model) => ReadAsync(
        "codex",
        prompt => ["exec", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox", prompt],
        (home, environment) =>
        {
            environment["CODEX_HOME"] = Directory.CreateDirectory(Path.Combine(home, "codex")).FullName;
            environment["OG_KEY"] = clients.Key;
            File.WriteAllText(
                Path.Combine(home, "codex/config.toml"),
                $"""
                model = "{model}"
                model_provider = "gateway"

                [model_providers.gateway]
                name = "gateway"
                base_url = "{clients.Gateway.Url.GetLeftPart(UriPartial.Authority)}/v1"
                env_key = "OG_KEY"
                wire_api = "responses"
                """);
        });

    [Theory(Explicit = true)]
    [InlineData("by-gemini")]
    [InlineData("by-anthropic")]
    public Task GeminiCli_ToldToReadAFile_SaysWhatIsInIt(string model) => ReadAsync(
        "gemini",
        prompt => ["-m", model, "--approval-mode", "yolo", "-p", prompt],
        (home, environment) =>
        {
            (environment["GOOGLE_GEMINI_BASE_URL"], environment["GEMINI_API_KEY"], environment["GEMINI_CLI_TRUST_WORKSPACE"]) =
                (clients.Gateway.Url.GetLeftPart(UriPartial.Authority), clients.Key, "true");
            Directory.CreateDirectory(Path.Combine(home, ".gemini"));
            File.WriteAllText(Path.Combine(home, ".gemini/settings.json"), """{"security":{"auth":{"selectedType":"gemini-api-key"}}}""");
        });

    private async Task ReadAsync(string agent, Func<string, string[]> arguments, Action<string, IDictionary<string, string?>> configure)
    {
        var home = Directory.CreateTempSubdirectory("og-agent-").FullName;
        try
        {
            var secret = "secret-" + Guid.NewGuid().ToString("N");
            var file = Path.Combine(home, "note.txt");
            await File.WriteAllTextAsync(file, secret, TestContext.Current.CancellationToken);
            var start = new ProcessStartInfo(
                Path.Combine(Folder, "node_modules/.bin", agent), arguments($"Read the file {file} and say what is in it."))
            {
                WorkingDirectory = home,
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            };
            start.Environment["HOME"] = home;
            configure(home, start.Environment);
            using var process = Process.Start(start)!;
            process.StandardInput.Close();
            var errors = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
            var said = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
            await process.WaitForExitAsync(TestContext.Current.CancellationToken);
            output.WriteLine(said + await errors);
            Assert.Contains("The file says " + secret, said, StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(home, recursive: true);
        }
    }
}
