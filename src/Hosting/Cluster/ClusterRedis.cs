using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Options;
using Orleans.Clustering.Redis;
using StackExchange.Redis;

namespace OrleansGateway.Hosting.Cluster;

/// <summary>The way to the Redis that keeps the list of silos.</summary>
internal sealed partial class ClusterRedis(IOptions<ClusterSettings> settings, ILogger<ClusterRedis> log) : IConfigureOptions<RedisClusteringOptions>
{
    private static readonly string Name = SettingNames.Full($"{ClusterSettings.Section}:{nameof(ClusterSettings.Redis)}");

    private int _isLost;

    /// <summary>Reads the setting.</summary>
    /// <returns>Null if it is not a configuration of StackExchange.Redis with an address.</returns>
    public static ConfigurationOptions? Parse(string redis)
    {
        try
        {
            return ConfigurationOptions.Parse(redis) is { EndPoints.Count: > 0 } options ? options : null;
        }
        catch (ArgumentException)
        {
            return null;
        }
    }

    /// <summary>Whether all of its addresses are of this machine alone.</summary>
    public static bool IsLocal(ConfigurationOptions redis) => redis.EndPoints.All(static endpoint => endpoint switch
    {
        IPEndPoint ip => IPAddress.IsLoopback(ip.Address),
        DnsEndPoint dns => dns.Host.Equals("localhost", StringComparison.OrdinalIgnoreCase),
        _ => endpoint.AddressFamily == AddressFamily.Unix,
    });

    public void Configure(RedisClusteringOptions options)
    {
        var redis = ConfigurationOptions.Parse(settings.Value.Redis);
        if (settings.Value.RedisCertificateAuthority.Length > 0)
        {
            // Read for each connection, so that a renewed one is taken.
            redis.SslClientAuthenticationOptions = host => new SslClientAuthenticationOptions { TargetHost = host, CertificateChainPolicy = Policy() };
        }

        options.ConfigurationOptions = redis;
        redis.AbortOnConnectFail = true;
        options.CreateMultiplexer = ConnectAsync;
    }

    private X509ChainPolicy Policy()
    {
        var problems = new SettingProblems(ClusterSettings.Section);
        const string Setting = nameof(ClusterSettings.RedisCertificateAuthority);
        var authorities = ClusterPem.ReadFile(Setting, settings.Value.RedisCertificateAuthority, problems) is { } pem
            ? ClusterCertificate.ReadAuthorities(Setting, pem, problems)
            : null;
        return ClusterCertificate.Trusting(authorities ?? throw new StartUpException(problems.ToString()));
    }

    private async Task<(IConnectionMultiplexer Multiplexer, bool IsShared)> ConnectAsync(RedisClusteringOptions options)
    {
        try
        {
            var redis = await ConnectionMultiplexer.ConnectAsync(options.ConfigurationOptions!);
            redis.ConnectionFailed += (_, failure) => Lost(failure);
            redis.ConnectionRestored += (_, _) => Restored();
            return (redis, IsShared: false);
        }
        catch (RedisConnectionException failure)
        {
            throw new StartUpException(failure.FailureType == ConnectionFailureType.AuthenticationFailure
                ? $"{Name}: Redis is there, but refuses the connection: see its password, its TLS, and {SettingNames.Full("Cluster:RedisCertificateAuthority")}."
                : $"{Name}: Redis cannot be reached ({failure.FailureType}).");
        }
    }

    private void Lost(ConnectionFailedEventArgs failure)
    {
        if (failure.ConnectionType == ConnectionType.Interactive && Interlocked.Exchange(ref _isLost, 1) == 0)
        {
            LogLost(failure.FailureType);
        }
    }

    private void Restored()
    {
        if (Interlocked.Exchange(ref _isLost, 0) == 1)
        {
            LogRestored();
        }
    }

    [LoggerMessage(1, LogLevel.Error, "Cluster:Redis: the connection is lost ({Reason}). What is known of the silos stays as it is until Redis is back")]
    private partial void LogLost(ConnectionFailureType reason);

    [LoggerMessage(2, LogLevel.Information, "Cluster:Redis: the connection is back")]
    private partial void LogRestored();
}
