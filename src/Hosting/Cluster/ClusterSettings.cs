using Microsoft.Extensions.Options;
using Orleans.Clustering.Redis;
using Orleans.Configuration;
using OrleansGateway.Grains.Contracts;

namespace OrleansGateway.Hosting.Cluster;

/// <summary>Where an installation's grains run.</summary>
internal enum ClusterMode
{
    /// <summary>In one process, with the relay: one machine.</summary>
    Single,

    /// <summary>In silos that find each other through Redis.</summary>
    Cluster,
}

/// <summary>Where grains run, and how a silo or an edge finds its cluster; the configuration's section <c>Cluster</c>.</summary>
internal sealed class ClusterSettings
{
    /// <summary>The configuration's section.</summary>
    public const string Section = "Cluster";

    /// <summary>One machine, or a cluster. What follows is a cluster's alone.</summary>
    public ClusterMode Mode { get; set; }

    /// <summary>The Redis that keeps the list of silos, as StackExchange.Redis writes it, such as 127.0.0.1:6379.</summary>
    public string Redis { get; set; } = "";

    /// <summary>Tells clusters that share a Redis apart.</summary>
    public string Id { get; set; } = "";

    /// <summary>The IP address at which silos and edges reach a silo; empty takes one of the machine's own.</summary>
    public string Address { get; set; } = "";

    /// <summary>Where the other silos reach a silo; unset is 11111.</summary>
    public int? SiloPort { get; set; }

    /// <summary>Where edges reach a silo; unset is 30000.</summary>
    public int? EdgePort { get; set; }

    /// <summary>Without an answer for so long, a silo is declared dead by the others, ms; unset is 5000.</summary>
    public int? DeadAfterMs { get; set; }

    /// <summary>The PEM file of the certificate that this silo or edge shows its peers; empty, with the next two, leaves connections plain.</summary>
    public string Certificate { get; set; } = "";

    /// <summary>The PEM file of its private key.</summary>
    public string CertificateKey { get; set; } = "";

    /// <summary>The PEM file of the authorities, one or several, that sign the certificates of this cluster and of nobody else.</summary>
    public string CertificateAuthority { get; set; } = "";

    /// <summary>The PEM file of the authorities that sign Redis' certificate; empty takes those of the system.</summary>
    public string RedisCertificateAuthority { get; set; } = "";

    /// <summary>Leaves connections that go beyond loopback plain: whoever reaches them is trusted.</summary>
    public bool AllowPlain { get; set; }

    /// <summary>Whether the connections of the cluster are encrypted.</summary>
    public bool HasTls => Certificate.Length > 0;

    /// <summary>The mode, before options are there to be asked; <see cref="ClusterSettingsValidator"/> tells of one that is neither.</summary>
    public static ClusterMode ModeIn(IConfiguration configuration) =>
        Enum.TryParse<ClusterMode>(configuration[$"{Section}:{nameof(Mode)}"], ignoreCase: true, out var mode) && Enum.IsDefined(mode) ? mode : ClusterMode.Single;

    /// <summary>Adds the settings with their checks, and what silos and edges take from them alike.</summary>
    /// <param name="builder">The program's.</param>
    /// <param name="isEdge">Whether it is an edge of its own, which only a cluster has.</param>
    public static void Add(IHostApplicationBuilder builder, bool isEdge)
    {
        builder.Services.AddSettings<ClusterSettings>(builder.Configuration.GetSection(Section));
        builder.Services.AddSingleton<IValidateOptions<ClusterSettings>>(provider => new ClusterSettingsValidator(isEdge, provider.GetRequiredService<TimeProvider>()));
        builder.Services.AddOptions<ClusterOptions>().Configure<IOptions<ClusterSettings>>((cluster, settings) =>
        {
            cluster.ClusterId = settings.Value.Id is { Length: > 0 } id ? id : StateStorage.ServiceId;
            cluster.ServiceId = StateStorage.ServiceId;
        });
        builder.Services.AddSingleton<IConfigureOptions<RedisClusteringOptions>, ClusterRedis>();
        if (ModeIn(builder.Configuration) == ClusterMode.Cluster)
        {
            ClusterTls.Add(builder.Services);
        }
    }
}
