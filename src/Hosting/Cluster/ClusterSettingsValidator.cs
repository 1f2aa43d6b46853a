using System.Net;
using Microsoft.Extensions.Options;
using StackExchange.Redis;

namespace OrleansGateway.Hosting.Cluster;

/// <summary>Checks <see cref="ClusterSettings"/>, all of them at once, and the files that they name.</summary>
internal sealed class ClusterSettingsValidator(bool isEdge, TimeProvider time) : IValidateOptions<ClusterSettings>
{
    public ValidateOptionsResult Validate(string? name, ClusterSettings options)
    {
        var problems = new SettingProblems(ClusterSettings.Section);
        if (options.Mode == ClusterMode.Cluster)
        {
            CheckCluster(options, problems);
        }
        else if (isEdge)
        {
            problems.Add(nameof(options.Mode), "is single: an edge of its own is a cluster's. Set it to cluster.");
        }
        else
        {
            CheckSingle(options, problems);
        }

        return problems.ToResult();
    }

    /// <summary>What only a cluster needs was meant for one: a silo that lost its mode must not become a gateway by itself.</summary>
    private static void CheckSingle(ClusterSettings options, SettingProblems problems)
    {
        (string Name, bool IsSet)[] settings =
        [
            (nameof(options.Redis), options.Redis.Length > 0),
            (nameof(options.Id), options.Id.Length > 0),
            (nameof(options.Address), options.Address.Length > 0),
            (nameof(options.SiloPort), options.SiloPort is not null),
            (nameof(options.EdgePort), options.EdgePort is not null),
            (nameof(options.DeadAfterMs), options.DeadAfterMs is not null),
            (nameof(options.Certificate), options.Certificate.Length > 0),
            (nameof(options.CertificateKey), options.CertificateKey.Length > 0),
            (nameof(options.CertificateAuthority), options.CertificateAuthority.Length > 0),
            (nameof(options.RedisCertificateAuthority), options.RedisCertificateAuthority.Length > 0),
            (nameof(options.AllowPlain), options.AllowPlain),
        ];
        foreach (var (setting, _) in settings.Where(static setting => setting.IsSet))
        {
            problems.Add(setting, $"is a cluster's, but {problems.Name(nameof(options.Mode))} is single. Remove the one or change the other.");
        }
    }

    private void CheckCluster(ClusterSettings options, SettingProblems problems)
    {
        var redis = ClusterRedis.Parse(options.Redis);
        if (options.Redis.Length == 0)
        {
            problems.Add(nameof(options.Redis), "is missing: such as 127.0.0.1:6379.");
        }
        else if (redis is null)
        {
            // Not repeated: it may hold a password.
            problems.Add(nameof(options.Redis), "is not a Redis configuration such as 127.0.0.1:6379,password=….");
        }
        else
        {
            CheckRedis(redis, options, problems);
        }

        if (options.Address.Length > 0 && !IPAddress.TryParse(options.Address, out _))
        {
            problems.Add(nameof(options.Address), $"is '{options.Address}', which is not an IP address.");
        }

        CheckTls(options, redis, problems);
        problems.CheckRange(nameof(options.SiloPort), options.SiloPort ?? 1, 1, 65535);
        problems.CheckRange(nameof(options.EdgePort), options.EdgePort ?? 1, 1, 65535);
        problems.CheckRange(nameof(options.DeadAfterMs), options.DeadAfterMs ?? 300, 300, 600_000, "ms");
    }

    private static void CheckRedis(ConfigurationOptions redis, ClusterSettings options, SettingProblems problems)
    {
        const string Authority = nameof(options.RedisCertificateAuthority);
        if (!options.AllowPlain && !ClusterRedis.IsLocal(redis) && (!redis.Ssl || string.IsNullOrEmpty(redis.Password)))
        {
            problems.Add(
                nameof(options.Redis),
                $"goes beyond loopback without password=… and ssl=true. Set both, or {problems.Name(nameof(options.AllowPlain))} on a network that is trusted.");
        }

        if (options.RedisCertificateAuthority.Length == 0)
        {
            return;
        }

        if (!redis.Ssl)
        {
            problems.Add(Authority, $"is set, but {problems.Name(nameof(options.Redis))} is without ssl=true.");
        }
        else if (ClusterPem.ReadFile(Authority, options.RedisCertificateAuthority, problems) is { } pem)
        {
            ClusterCertificate.ReadAuthorities(Authority, pem, problems);
        }
    }

    private void CheckTls(ClusterSettings options, ConfigurationOptions? redis, SettingProblems problems)
    {
        (string Name, string Path)[] files =
        [
            (nameof(options.Certificate), options.Certificate),
            (nameof(options.CertificateKey), options.CertificateKey),
            (nameof(options.CertificateAuthority), options.CertificateAuthority),
        ];
        if (files.All(static file => file.Path.Length == 0))
        {
            if (!options.AllowPlain && Beyond(options, redis) is { } beyond)
            {
                problems.Add(
                    nameof(options.Certificate),
                    $"is missing, and {problems.Name(nameof(options.CertificateKey))} and {problems.Name(nameof(options.CertificateAuthority))}: "
                    + $"{problems.Name(beyond)} goes beyond loopback. "
                    + $"Set them, or {problems.Name(nameof(options.AllowPlain))} on a network that is trusted.");
            }

            return;
        }

        var areAllSet = true;
        foreach (var (file, _) in files.Where(static file => file.Path.Length == 0))
        {
            problems.Add(file, "is missing: the other files of TLS are set.");
            areAllSet = false;
        }

        if (areAllSet && ClusterPem.Read(options, problems) is { } pem)
        {
            ClusterCertificate.Create(pem, time.GetUtcNow(), problems);
        }
    }

    /// <summary>
    /// The setting by which connections of this process leave the machine, if any. A silo without an address takes one of the machine's;
    /// an edge goes where the list in Redis sends it.
    /// </summary>
    private string? Beyond(ClusterSettings options, ConfigurationOptions? redis)
    {
        if (isEdge)
        {
            return redis is null || ClusterRedis.IsLocal(redis) ? null : nameof(options.Redis);
        }

        return IPAddress.TryParse(options.Address, out var address) && IPAddress.IsLoopback(address) ? null : nameof(options.Address);
    }
}
