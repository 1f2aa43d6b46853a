using System.Net;
using Microsoft.Extensions.Options;
using Orleans.Clustering.Redis;
using Orleans.Configuration;
using OrleansGateway.Grains.Contracts;
using StackExchange.Redis;

namespace OrleansGateway.Hosting.Cluster;

/// <summary>How a silo or an edge finds its cluster; the configuration's section <c>Cluster</c>.</summary>
internal sealed class ClusterSettings
{
    /// <summary>The configuration's section.</summary>
    public const string Section = "Cluster";

    /// <summary>The Redis that keeps the list of silos, as StackExchange.Redis writes it, such as 127.0.0.1:6379.</summary>
    public string Redis { get; set; } = "";

    /// <summary>Tells clusters that share a Redis apart.</summary>
    public string Id { get; set; } = "orleansgateway";

    /// <summary>The IP address at which silos and edges reach a silo; empty takes one of the machine's own.</summary>
    public string Address { get; set; } = "";

    /// <summary>Where the other silos reach a silo.</summary>
    public int SiloPort { get; set; } = 11111;

    /// <summary>Where edges reach a silo.</summary>
    public int GatewayPort { get; set; } = 30000;

    /// <summary>Without an answer for so long, a silo is declared dead by the others, ms.</summary>
    public int DeadAfterMs { get; set; } = 2100;

    /// <summary>Adds the settings with their checks, and what silos and edges take from them alike.</summary>
    public static void Add(IHostApplicationBuilder builder)
    {
        builder.Services.AddOptions<ClusterSettings>().Bind(builder.Configuration.GetSection(Section)).ValidateOnStart();
        builder.Services.AddSingleton<IValidateOptions<ClusterSettings>, Validator>();
        builder.Services.AddOptions<ClusterOptions>().Configure<IOptions<ClusterSettings>>((cluster, settings) =>
        {
            cluster.ClusterId = settings.Value.Id;
            cluster.ServiceId = StateStorage.ServiceId;
        });
        builder.Services.AddOptions<RedisClusteringOptions>().Configure<IOptions<ClusterSettings>>((redis, settings) =>
        {
            redis.ConfigurationOptions = ConfigurationOptions.Parse(settings.Value.Redis);
            var connect = redis.CreateMultiplexer;
            redis.CreateMultiplexer = async options =>
            {
                try
                {
                    return await connect(options);
                }
                catch (RedisConnectionException failure)
                {
                    throw new StartUpException($"{SettingNames.Full($"{Section}:{nameof(Redis)}")}: Redis cannot be reached ({failure.FailureType}).");
                }
            };
        });
    }

    private sealed class Validator : IValidateOptions<ClusterSettings>
    {
        public ValidateOptionsResult Validate(string? name, ClusterSettings options)
        {
            var problems = new SettingProblems(Section);
            if (options.Redis.Length == 0)
            {
                problems.Add(nameof(options.Redis), "is missing: such as 127.0.0.1:6379.");
            }
            else if (!CanParse(options.Redis))
            {
                // Not repeated: it may hold a password.
                problems.Add(nameof(options.Redis), "is not a Redis configuration such as 127.0.0.1:6379,password=….");
            }

            if (options.Id.Length == 0)
            {
                problems.Add(nameof(options.Id), "is empty.");
            }

            if (options.Address.Length > 0 && !IPAddress.TryParse(options.Address, out _))
            {
                problems.Add(nameof(options.Address), $"is '{options.Address}', which is not an IP address.");
            }

            problems.CheckRange(nameof(options.SiloPort), options.SiloPort, 1, 65535);
            problems.CheckRange(nameof(options.GatewayPort), options.GatewayPort, 1, 65535);
            problems.CheckRange(nameof(options.DeadAfterMs), options.DeadAfterMs, 300, 600_000, "ms");
            return problems.ToResult();
        }

        private static bool CanParse(string redis)
        {
            try
            {
                return ConfigurationOptions.Parse(redis).EndPoints.Count > 0;
            }
            catch (ArgumentException)
            {
                return false;
            }
        }
    }
}
