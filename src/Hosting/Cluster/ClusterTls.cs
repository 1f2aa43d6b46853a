using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Options;
using Orleans;
using Orleans.Configuration;
using Orleans.Connections.Security;

namespace OrleansGateway.Hosting.Cluster;

/// <summary>
/// Mutual TLS between silos, edges and other clients of the cluster: both sides show a certificate that an authority of the cluster has
/// signed. Names do not count, since silos are known by addresses: whoever has such a certificate is a member. The files are followed
/// while the process runs: what is new in them holds from the next connection on.
/// </summary>
internal sealed partial class ClusterTls : BackgroundService
{
    /// <summary>
    /// What has changed counts once two looks have found the same, since several files are not written at once. Content is compared,
    /// not times: mounted secrets are links that change their target.
    /// </summary>
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(1);

    private readonly ClusterSettings _settings;
    private readonly TimeProvider _time;
    private readonly ILogger<ClusterTls> _log;
    private readonly TaskCompletionSource<string> _stranger = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile ClusterCertificate? _certificate;
    private ClusterPem? _read;
    private ClusterPem? _seen;
    private Age _told;

    /// <exception cref="StartUpException">The files are not as they were when the settings were checked.</exception>
    public ClusterTls(IOptions<ClusterSettings> settings, TimeProvider time, ILogger<ClusterTls> log)
    {
        (_settings, _time, _log) = (settings.Value, time, log);
        if (_settings.HasTls)
        {
            var problems = new SettingProblems(ClusterSettings.Section);
            _read = _seen = ClusterPem.Read(_settings, problems);
            _certificate = (_read is null ? null : ClusterCertificate.Create(_read, time.GetUtcNow(), problems))
                ?? throw new StartUpException(problems.ToString());
        }
    }

    /// <summary>The subject of the first silo that this one called and whose certificate it refused; does not end while there is none.</summary>
    public Task<string> Stranger => _stranger.Task;

    /// <summary>What new connections show.</summary>
    internal X509Certificate2 Own => _certificate!.Own;

    /// <summary>Adds it to the connections of silos and of clients. Without certificates they are plain.</summary>
    public static void Add(IServiceCollection services)
    {
        services.AddSingleton<ClusterTls>();
        services.AddHostedService(provider => provider.GetRequiredService<ClusterTls>());
        services.AddOptions<SiloConnectionOptions>().Configure<ClusterTls>(static (connections, tls) =>
        {
            if (tls.Options(tls.IsPeer) is { } options)
            {
                connections.ConfigureSiloInboundConnection(connection => connection.UseServerTls(options));
                connections.ConfigureGatewayInboundConnection(connection => connection.UseServerTls(options));
                connections.ConfigureSiloOutboundConnection(connection => connection.UseClientTls(tls.Options(tls.IsCalledPeer)!));
            }
        });
        services.AddOptions<ClientConnectionOptions>().Configure<ClusterTls>(static (connections, tls) =>
        {
            if (tls.Options(tls.IsPeer) is { } options)
            {
                connections.ConfigureConnection(connection => connection.UseClientTls(options));
            }
        });
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (_certificate is null)
        {
            if (_settings.AllowPlain)
            {
                LogPlain();
            }

            return;
        }

        LogInForce(Own.Subject, Own.NotAfter.ToUniversalTime());
        using var timer = new PeriodicTimer(LookEvery, _time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            Look();
        }
    }

    /// <summary>Takes what the files hold, if that is new and good, and looks at the clock.</summary>
    internal void Look()
    {
        var problems = new SettingProblems(ClusterSettings.Section);
        var pem = ClusterPem.Read(_settings, problems);
        if (pem == _seen && pem != _read)
        {
            _read = pem;
            Follow(pem, problems);
        }

        _seen = pem;
        TellAge();
    }

    private void Follow(ClusterPem? pem, SettingProblems problems)
    {
        if (pem is null || ClusterCertificate.Create(pem, _time.GetUtcNow(), problems) is not { } certificate)
        {
            LogRefused(problems.ToString());
            return;
        }

        _certificate = certificate;
        _told = Age.Good;
        LogInForce(Own.Subject, Own.NotAfter.ToUniversalTime());
    }

    /// <summary>Tells, once each, that the last tenth of the certificate's time has begun and that it is over.</summary>
    private void TellAge()
    {
        var (from, to) = (Own.NotBefore.ToUniversalTime(), Own.NotAfter.ToUniversalTime());
        var now = _time.GetUtcNow().UtcDateTime;
        var age = now > to ? Age.Expired : now > to - ((to - from) / 10) ? Age.Old : Age.Good;
        if (age <= _told)
        {
            return;
        }

        _told = age;
        if (age == Age.Expired)
        {
            LogExpired(to);
        }
        else
        {
            LogExpires(to);
        }
    }

    private TlsOptions? Options(RemoteCertificateValidator isPeer) => _certificate is null ? null : new TlsOptions
    {
        LocalServerCertificateSelector = (_, _) => Own,
        LocalClientCertificateSelector = (_, _, _, _, _) => Own,
        RemoteCertificateMode = RemoteCertificateMode.RequireCertificate,
        RemoteCertificateValidation = isPeer,
        OnAuthenticateAsServer = (_, server) =>
        {
            var options = (SslServerAuthenticationOptions)server.SslServerAuthenticationOptions;
            options.CertificateChainPolicy = _certificate!.Policy();
            options.AllowTlsResume = false;
        },
        OnAuthenticateAsClient = (_, client) =>
        {
            var options = (SslClientAuthenticationOptions)client.SslClientAuthenticationOptions;
            options.CertificateChainPolicy = _certificate!.Policy();
            options.AllowTlsResume = false;
        },
    };

    private bool IsCalledPeer(X509Certificate2 certificate, X509Chain? chain, SslPolicyErrors errors)
    {
        var isPeer = IsPeer(certificate, chain, errors);
        if (!isPeer)
        {
            _stranger.TrySetResult(certificate.Subject);
        }

        return isPeer;
    }

    private bool IsPeer(X509Certificate2 certificate, X509Chain? chain, SslPolicyErrors errors)
    {
        if ((errors & ~SslPolicyErrors.RemoteCertificateNameMismatch) == SslPolicyErrors.None)
        {
            return true;
        }

        LogStranger(certificate.Subject, ClusterCertificate.Describe(chain));
        return false;
    }

    [LoggerMessage(1, LogLevel.Information, "Connections of the cluster are encrypted; its members know this one as {Subject}, until {Until:u}")]
    private partial void LogInForce(string subject, DateTime until);

    [LoggerMessage(2, LogLevel.Warning, "Connections of the cluster are not encrypted, and whoever reaches a silo can call it (Cluster:AllowPlain)")]
    private partial void LogPlain();

    [LoggerMessage(3, LogLevel.Error, "The new certificate is refused, the old one stays in force: {Problems}")]
    private partial void LogRefused(string problems);

    [LoggerMessage(4, LogLevel.Warning, "Cluster:Certificate expires at {At:u}: renew its file")]
    private partial void LogExpires(DateTime at);

    [LoggerMessage(5, LogLevel.Error, "Cluster:Certificate has expired at {At:u}: peers refuse new connections. Renew its file")]
    private partial void LogExpired(DateTime at);

    [LoggerMessage(6, LogLevel.Error, "The certificate of a peer is refused: {Subject} ({Reasons}) has expired, or Cluster:CertificateAuthority has not signed it")]
    private partial void LogStranger(string subject, string reasons);

    private enum Age
    {
        Good,
        Old,
        Expired,
    }
}
