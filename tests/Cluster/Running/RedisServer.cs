using System.Diagnostics;
using System.Net.Sockets;
using OrleansGateway.Tests.Integration.Faults;
using OrleansGateway.Tests.Integration.Gateway;
using Xunit;

namespace OrleansGateway.Tests.Cluster.Running;

/// <summary>
/// A Redis of our own, which keeps what it was told when it is killed and started again, as an operator would run it: a membership
/// table that comes back empty or old is one that new silos believe and running ones do not. It ends with this process.
/// </summary>
internal sealed class RedisServer : IAsyncDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("og-redis-").FullName;
    private readonly int _port = FreePort.Next();
    private Process? _process;
    private Process? _warden;

    private RedisServer()
    {
    }

    public string Configuration => $"127.0.0.1:{_port}";

    public static async Task<RedisServer> StartNewAsync()
    {
        var redis = new RedisServer();
        await redis.StartAsync();
        return redis;
    }

    public async Task StartAsync()
    {
        var start = new ProcessStartInfo("redis-server", [
            "--bind", "127.0.0.1", "--port", $"{_port}", "--dir", _folder, "--logfile", "log",
            "--save", "", "--appendonly", "yes", "--appendfsync", "always"]);
        _process = Process.Start(start)!;
        _warden = Process.Start(
            new ProcessStartInfo("sh", ["-c", $"cat; kill -KILL {_process.Id}"]) { RedirectStandardInput = true, RedirectStandardError = true })!;
        await Load.UntilAsync(_ => AnswersAsync(), "Redis to answer");
    }

    public async Task KillAsync()
    {
        _process!.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
        _warden!.Kill();
        _warden.Dispose();
        _process = null;
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is not null)
        {
            await KillAsync();
        }

        Directory.Delete(_folder, recursive: true);
    }

    private async Task<bool> AnswersAsync()
    {
        Assert.False(_process!.HasExited, "Redis did not start.");
        try
        {
            using var client = new TcpClient();
            await client.ConnectAsync("127.0.0.1", _port);
            await client.GetStream().WriteAsync("PING\r\n"u8.ToArray());
            using var reader = new StreamReader(client.GetStream());
            return await reader.ReadLineAsync() == "+PONG";
        }
        catch (Exception notYet) when (notYet is SocketException or IOException)
        {
            return false;
        }
    }
}
