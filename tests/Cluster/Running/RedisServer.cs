using System.Diagnostics;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using OrleansGateway.Grains.Contracts;
using OrleansGateway.Tests.Programs.Faults;
using OrleansGateway.Tests.Programs.Gateway;
using StackExchange.Redis;
using Xunit;

namespace OrleansGateway.Tests.Cluster.Running;

/// <summary>
/// A Redis of our own, with a password and TLS, which keeps what it was told when it is killed and started again, as an operator would run it: a membership
/// table that comes back empty or old is one that new silos believe and running ones do not. It ends with this process.
/// </summary>
internal sealed class RedisServer : IAsyncDisposable
{
    private const int PatienceMs = 60_000;

    private readonly string _folder = Directory.CreateTempSubdirectory("og-redis-").FullName;
    private readonly int _port = FreePort.Next();
    private readonly string _password = Convert.ToHexString(RandomNumberGenerator.GetBytes(16));
    private Process? _process;
    private Process? _warden;
    private ConnectionMultiplexer? _reader;

    private RedisServer(ClusterCertificates certificates) => Certificates = certificates;

    public ClusterCertificates Certificates { get; }

    public string Password => _password;

    public string Configuration => $"127.0.0.1:{_port},password={_password},ssl=true";

    public static async Task<RedisServer> StartNewAsync(ClusterCertificates certificates)
    {
        var redis = new RedisServer(certificates);
        await redis.StartAsync();
        return redis;
    }

    public async Task StartAsync()
    {
        var start = new ProcessStartInfo("redis-server", [
            "--bind", "127.0.0.1", "--port", "0", "--tls-port", $"{_port}", "--dir", _folder, "--logfile", "log",
            "--tls-cert-file", Certificates.Certificate, "--tls-key-file", Certificates.Key, "--tls-ca-cert-file", Certificates.AuthorityFile,
            "--tls-auth-clients", "no", "--requirepass", _password,
            "--save", "", "--appendonly", "yes", "--appendfsync", "always"]);
        _process = Process.Start(start)!;
        _warden = Process.Start(
            new ProcessStartInfo("sh", ["-c", $"cat; kill -KILL {_process.Id}"]) { RedirectStandardInput = true, RedirectStandardError = true })!;
        await Load.UntilAsync(_ => AnswersAsync(), "Redis to answer");
    }

    /// <summary>What the silos have written about each other: by address and generation, as JSON.</summary>
    public async Task<Dictionary<string, string>> MembersAsync()
    {
        if (_reader is null)
        {
            // On a busy machine a connection takes what it takes; one that broke is made anew.
            var options = ConfigurationOptions.Parse(Configuration);
            options.SslClientAuthenticationOptions = _ => Certificates.Client();
            options.AbortOnConnectFail = false;
            options.BacklogPolicy = BacklogPolicy.Default;
            (options.ConnectTimeout, options.AsyncTimeout) = (PatienceMs, PatienceMs);
            _reader = await ConnectionMultiplexer.ConnectAsync(options);
        }

        var members = await _reader.GetDatabase().HashGetAllAsync($"{StateStorage.ServiceId}/members/{StateStorage.ServiceId}");
        return members.ToDictionary(member => member.Name.ToString(), member => member.Value.ToString());
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
        if (_reader is not null)
        {
            await _reader.DisposeAsync();
        }

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
            await using var stream = new SslStream(client.GetStream());
            await stream.AuthenticateAsClientAsync(Certificates.Client());
            await stream.WriteAsync(Encoding.ASCII.GetBytes($"AUTH {_password}\r\nPING\r\n"));
            using var reader = new StreamReader(stream);
            return await reader.ReadLineAsync() == "+OK" && await reader.ReadLineAsync() == "+PONG";
        }
        catch (Exception notYet) when (notYet is SocketException or IOException)
        {
            return false;
        }
    }
}
