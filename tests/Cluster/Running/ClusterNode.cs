using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using OrleansGateway.Tests.Programs.Faults;
using OrleansGateway.Tests.Programs.Gateway;
using Xunit;

namespace OrleansGateway.Tests.Cluster.Running;

/// <summary>A silo, an edge or a web: its settings, and the process that was started last with them.</summary>
/// <param name="name">What its log is kept as.</param>
/// <param name="program">Its program.</param>
/// <param name="url">Where operators reach a silo, or clients an edge or a web. Its health is there.</param>
/// <param name="settings">All that it is told.</param>
/// <param name="arguments">What follows the program.</param>
internal sealed class ClusterNode(string name, string program, string url, Dictionary<string, string?> settings, params string[] arguments) : IAsyncDisposable
{
    private static readonly HttpClient Http = new() { Timeout = TimeSpan.FromSeconds(10) };

    private readonly List<GatewayProcess> _processes = [];

    public Uri Url { get; } = new(url);

    public IReadOnlyDictionary<string, string?> Settings => settings;

    /// <summary>Where a silo's operator API is.</summary>
    public string OperatorSocket => settings["Gateway:OperatorSocket"]!;

    public GatewayProcess Process => _processes[^1];

    public override string ToString() => name;

    public void Start() => _processes.Add(GatewayProcess.Start(program, settings, arguments));

    /// <summary>Starts it, and waits until it serves.</summary>
    public Task StartAsync()
    {
        Start();
        return ReadyAsync();
    }

    public Task ReadyAsync() => Load.UntilAsync(async _ => await UnreadyAsync() is "", $"{name} to be ready");

    /// <summary>Waits until it says that it is not ready, for a reason with this text.</summary>
    public Task UnreadyAsync(string reason) => Load.UntilAsync(
        async _ => await UnreadyAsync() is { Length: > 0 } reasons && reasons.Contains(reason, StringComparison.Ordinal), $"{name} not to be ready");

    /// <summary>Asks it to stop, and waits until it has.</summary>
    public async Task StopAsync()
    {
        Process.Signal(GatewayProcess.SigTerm);
        await StoppedAsync();
    }

    /// <summary>Waits until it has stopped as it was asked to.</summary>
    public async Task StoppedAsync()
    {
        var exitCode = await Process.EndAsync();
        Assert.True(exitCode == 0, $"{name} ended with {exitCode}:\n{Process.Output}");
    }

    /// <summary>Writes what each of its processes wrote into a folder.</summary>
    public async Task KeepLogAsync(string folder)
    {
        var log = _processes.SelectMany(process => new[] { process.Output, "-- ended --" });
        await File.WriteAllLinesAsync(Path.Combine(folder, $"{name}.log"), log);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var process in _processes)
        {
            await process.DisposeAsync();
        }
    }

    /// <returns>Why it is not ready; nothing if it is, null if it does not answer.</returns>
    private async Task<string?> UnreadyAsync()
    {
        Assert.False(Process.HasEnded, $"{name} has ended:\n{Process.Output}");
        try
        {
            using var answer = await Http.GetAsync(new Uri(Url, "health/ready"), TestContext.Current.CancellationToken);
            return answer.StatusCode switch
            {
                HttpStatusCode.OK => "",
                _ => (await answer.Content.ReadFromJsonAsync<JsonNode>(TestContext.Current.CancellationToken))!["reasons"]!.ToJsonString(),
            };
        }
        catch (Exception exception) when (exception is HttpRequestException or TaskCanceledException { InnerException: TimeoutException })
        {
            // Nothing listens yet, or the machine is too busy with what starts. Who waits for it has a limit.
            return null;
        }
    }
}
